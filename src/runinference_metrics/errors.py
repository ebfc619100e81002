"""The errors that end a run with one line; secrets that a message quotes are taken out of it."""

from runinference_metrics.redaction import redact

# What a shell reports for a program that Ctrl-C ended: 128 + SIGINT.
INTERRUPTED = 130
# A scheduler tells by it a run that is not good enough from one that broke.
NOT_GOOD_ENOUGH = 3


class UserError(Exception):
    """The user's input was wrong: one line, exit code 2, no traceback.

    Args:
        flag: the flag that is wrong, without its dashes; or a positional argument, in capitals.
        takes: what the flag takes, as the end of "--flag takes …".
        got: what came instead.
    """

    def __init__(self, flag: str, takes: str, got: str) -> None:
        self.flag, self.takes, self.got = flag, takes, got
        name = flag if flag.isupper() else f"--{flag}"
        super().__init__(redact(" ".join(f"{name} takes {takes}; got {got}".split())))


class FlagError(UserError):
    """A flag that is unknown, or that a parser refuses in its own words.

    Args:
        message: one line that names the flag.
    """

    def __init__(self, message: str) -> None:
        Exception.__init__(self, redact(message.removeprefix("argument ")))


class RunFailed(Exception):
    """The run itself failed: one line, exit code 1.

    Args:
        message: what happened, in a sentence.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redact(" ".join(message.split())))


class ThresholdsFailed(RunFailed):
    """The run is done, and not as good as it must be: one line, exit code 3."""


def both(failed: RunFailed | None, later: RunFailed) -> RunFailed:
    """One error of two, which ends the program as the first does; the second, if there is no first.

    Args:
        failed: what happened first, if anything did.
        later: what happened besides.
    """
    return type(failed)(f"{failed} {later}") if failed else later


class Interrupted(RunFailed):
    """Ctrl-C or SIGTERM ended the run: one line, exit code 130."""


def first_line(error: BaseException) -> str:
    """What an error says first; its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def brief(text: str, longest: int) -> str:
    """A text of files or rows in one line, no longer than so many characters.

    Both its ends are kept: a path's end is the file's name. What a terminal would act on, or a
    reader not see, is shown as an escape.
    """
    line = " ".join(_without_middle(text, longest).split())
    shown = "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in line
    )
    return _without_middle(shown, longest)


def _without_middle(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def one_line(error: object) -> str:
    """All that an error says, in one line."""
    return " ".join(str(error).split())
