"""A file that cannot be read safely as it stands: what is to be said of it, instead of a guess."""


class Unclear(Exception):
    """How a file is written cannot be told, or it is of a kind that is not read.

    Args:
        flag: the parameter that says it.
        takes: what that takes, or what is expected of a file, as the end of "--flag takes …".
        got: what this file has, and what to do.
    """

    def __init__(self, flag: str, takes: str, got: str) -> None:
        super().__init__(flag, takes, got)
        self.flag = flag
        self.takes = takes
        self.got = got

    def __str__(self) -> str:
        """The same in a sentence, for one of many files."""
        return f"{self.got} (--{self.flag} takes {self.takes})"
