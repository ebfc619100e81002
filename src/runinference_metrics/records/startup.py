"""What a process needed until its model had answered for the first time."""

from dataclasses import dataclass

from runinference_metrics.records import names


@dataclass(frozen=True, slots=True)
class Startup:
    """The start of a process, in its parts.

    Args:
        before_load_milli_secs: from the process's start to the loading of its model: the imports,
            and waiting for work.
        load_milli_secs: loading the model.
        first_pass_milli_secs: the first forward pass.
    """

    before_load_milli_secs: int
    load_milli_secs: int
    first_pass_milli_secs: int

    def by_name(self) -> dict[str, int]:
        """The parts under the names of their metrics, and the whole."""
        parts = (self.before_load_milli_secs, self.load_milli_secs, self.first_pass_milli_secs)
        return {
            names.BEFORE_LOAD: self.before_load_milli_secs,
            names.FIRST_PASS: self.first_pass_milli_secs,
            names.TO_FIRST_PASS: sum(parts),
        }
