"""docs/parameters.md: the page of the parameters, written from their declarations."""

import re
import textwrap

from runinference_metrics.options.command_line import AUTO_BATCH_SIZES
from runinference_metrics.options.parameter import Parameter
from runinference_metrics.options.parameters import PARAMETERS

# The width of all pages.
_WIDTH = 105
_HEAD = """\
# Parameters

<!-- Written by `make docs` from src/; a change by hand is lost. -->

This page is written by `make docs` from the program's own declarations. The same names are flags
of `run` (`--device=GPU`), parameters of the template (`device=GPU`) and fields of the Cloud
console's form.
"""
_AUTO = """\
## What auto is for the batch sizes

A smallest batch that is given raises the largest one that is `auto`, and a largest one that is
given lowers the smallest.
"""


def page() -> str:
    """The page's Markdown: each parameter in its group, in the order of the console's form."""
    groups = dict.fromkeys(one.group for one in PARAMETERS)
    parts = [_HEAD]
    for group in groups:
        parts.append(f"## {group}\n")
        parts += [_section(one) for one in PARAMETERS if one.group == group]
    return "\n".join([*parts, _AUTO, _auto_table()])


def _section(one: Parameter) -> str:
    facts = [f"Default: {_default(one)}.", f"Takes {_escaped(one.takes)}."]
    if one.shown_with:
        facts.append(f"Only with `{one.shown_with[0]}={one.shown_with[1]}`.")
    text = f"### {one.name}\n\n{_wrapped(' '.join(facts))}\n\n{_wrapped(_escaped(one.help))}\n"
    return text + _options(one)


def _options(one: Parameter) -> str:
    if not one.options:
        return ""
    rows = [f"| `{option.value}` | {option.label} | {option.description} |"
            for option in one.options]  # fmt: skip
    return "\n".join(["", "| value | in the form | |", "| --- | --- | --- |", *rows, ""])


def _default(one: Parameter) -> str:
    if one.default is None:
        return "none, it is required"
    return f"`{one.default}`" if one.default else "nothing"


def _escaped(text: str) -> str:
    # Inside of a word Markdown takes an underscore as it is.
    return re.sub(r"([*<`\[\]\\])", r"\\\1", text)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _auto_table() -> str:
    rows = [
        f"| `{device}` | {smallest:,} | {largest:,} |"
        for device, (smallest, largest) in AUTO_BATCH_SIZES.items()
    ]
    head = ["| device | `min_batch_size` | `max_batch_size` |", "| --- | ---: | ---: |"]
    return "\n".join([*head, *rows]) + "\n"
