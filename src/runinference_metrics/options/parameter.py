"""What there is to say of one parameter of the template."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runinference_metrics.errors import UserError
from runinference_metrics.options.addresses import AddressError
from runinference_metrics.options.form import COMMAND_LINE


@dataclass(frozen=True)
class Choice:
    """A value of a parameter that takes few, and how the Cloud console offers it.

    Args:
        value: what is passed on.
        label: what it is called.
        description: what it does, or when to take it, in a sentence.
    """

    value: str
    label: str
    description: str


@dataclass(frozen=True)
class Parameter:
    """One template parameter.

    Args:
        name: the flag without dashes; also the template's parameter name.
        label: its title in the Cloud console.
        help: what it does and when to change it, in sentences.
        default: the value as a string, or None when the parameter is required.
        takes: what a value must be, as the end of "--name takes …".
        parse: turns the string into the value; raises ValueError when it is wrong.
        kind: the template's `paramType`.
        group: the part of the console's form in which it stands; below `shown_with`, if it has one.
        options: the allowed values of an enum.
        regex: what the service checks a value against; none for enums and booleans.
        shown_with: the parameter, and its value, with which alone it matters.
        blank_values: values of blanks alone that mean themselves, and not the default.
    """

    name: str
    label: str
    help: str
    default: str | None
    takes: str
    parse: Callable[[str], Any]
    kind: str
    group: str
    options: tuple[Choice, ...] = ()
    regex: str | None = None
    shown_with: tuple[str, str] | None = None
    blank_values: tuple[str, ...] = ()

    @property
    def in_form(self) -> bool:
        """Whether the template has it, and with it the console's form."""
        return self.group != COMMAND_LINE

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values, when there are few."""
        if self.kind == "BOOLEAN":
            return ("true", "false")
        return tuple(one.value for one in self.options)

    def value(self, text: str) -> Any:
        """Parses `text`; raises UserError naming the flag, what it takes and what came.

        An empty field of the console's form comes as an empty string, and means the default.
        """
        given = text if text in self.blank_values else text.strip() or self.default
        if given is None:
            raise UserError(self.name, self.takes, "nothing: it is required")
        try:
            return self.parse(given)
        except AddressError as wrong:
            raise UserError(self.name, wrong.takes, wrong.got) from None
        except ValueError:
            raise UserError(self.name, self.takes, repr(text)) from None
