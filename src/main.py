"""Entry point of the Flex Template launcher: exactly `python -m runinference_metrics run`."""

import sys

from runinference_metrics.__main__ import end, main

if __name__ == "__main__":
    end(main(["run", *sys.argv[1:]]))
