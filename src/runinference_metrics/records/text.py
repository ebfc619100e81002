"""What is classified: one text, or two that belong together."""

# A pair is answered as one: whether the second text follows from the first, or answers it. The
# texts of a batch are all pairs, or none is.
Text = str | tuple[str, str]


def strings(text: Text) -> tuple[str, ...]:
    """The one string or the two of a text."""
    return (text,) if isinstance(text, str) else text
