"""Whether the rows' own labels are the model's, by the first rows of the input."""

from collections import Counter
from collections.abc import Sequence

from runinference_metrics.errors import UserError, brief
from runinference_metrics.reading.fields import listed
from runinference_metrics.records.right_labels import right_labels

# A label is a word or two; what is longer is shown as far as it tells that it is none.
_LONGEST = 40


def remarks(field: str, seen: Sequence[str], names: Sequence[str]) -> list[str]:
    """What is odd about the rows' labels and no error, a sentence each.

    Args:
        field: the name of the field with them; "" for none.
        seen: those of the first rows, as far as they have any.
        names: the model's labels.

    Raises:
        UserError: none of them is the model's, or it has a single label.
    """
    if not field:
        return []
    if len(names) < 2:
        got = f"{field!r}, and the model has a single label, {names[0]!r}"
        raise UserError("label_field", "a field for models with several labels", got)
    meant = right_labels(tuple(names))
    unknown = Counter(one for one in seen if meant.place(one) is None)
    if not unknown:
        return []
    others = listed([brief(one, _LONGEST) for one, _ in unknown.most_common()])
    if unknown.total() == len(seen):
        takes = f"a field with the model's labels ({listed(list(names))}), or their numbers"
        got = f"{field!r}, which has {others}; --label_names gives the model's labels other names"
        raise UserError("label_field", takes, got)
    return [
        f"{unknown.total():,} of the {len(seen):,} rows looked at have none of the model's labels "
        f"in {field!r}, and do not count as right or wrong: {others}"
    ]
