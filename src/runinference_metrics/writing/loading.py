"""Predictions and dead letters from their files into tables of BigQuery, each once."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from apache_beam.io.filesystems import FileSystems

from runinference_metrics.bigquery.addresses import Destination, Table
from runinference_metrics.bigquery.loads import (
    APPEND,
    IF_EMPTY,
    MOST_FILES,
    REPLACE,
    Load,
    LoadFailed,
)
from runinference_metrics.bigquery.schemas import table_schema
from runinference_metrics.errors import RunFailed
from runinference_metrics.writing.dead_letters import DEAD_LETTER_SCHEMA

DEAD_LETTERS_ENDING, RUNS_ENDING = "_dead_letters", "_runs"


@dataclass(frozen=True)
class Loading:
    """Where a run's rows go.

    Args:
        destination: the table of predictions; dead letters and runs have tables beside it.
        project: the one in which jobs run.
        run_id: what tells this run from all others: jobs have their ids of it, so that each runs
            once, whatever workers are lost.
        overwrite: whether rows that are there are replaced.
        folder: where the files lie until they are loaded, and the report stays.
    """

    destination: Destination
    project: str
    run_id: str
    overwrite: bool
    folder: str

    @property
    def dead_letters(self) -> Table:
        """The table of dead letters."""
        return self.destination.table.beside(DEAD_LETTERS_ENDING)

    @property
    def runs(self) -> Table:
        """The table of runs."""
        return self.destination.table.beside(RUNS_ENDING)

    def load(self, schema: pa.Schema, predictions: Sequence[str], rejected: Sequence[str]) -> None:
        """Loads all files, then deletes them; whoever does it again loads nothing twice.

        Args:
            schema: the columns of predictions.
            predictions: the files with them.
            rejected: those with dead letters.

        Raises:
            RunFailed: a table could not be written; the files are left then.
        """
        disposition = REPLACE if self.overwrite else IF_EMPTY
        # Of a partition's run the other partitions' dead letters stay.
        beside = APPEND if "$" in self.destination.table.name else disposition
        # Predictions last: when they are there, all is.
        self._load(Destination(self.dead_letters), beside, DEAD_LETTER_SCHEMA, rejected)
        self._load(self.destination, disposition, schema, predictions)
        with contextlib.suppress(Exception):
            # What stays is deleted with the bucket's other temporary files.
            FileSystems.delete([*predictions, *rejected])

    def _load(
        self, destination: Destination, disposition: str, schema: pa.Schema, files: Sequence[str]
    ) -> None:
        if len(files) > MOST_FILES:
            raise RunFailed(
                f"{len(files):,} files of predictions are more than the {MOST_FILES:,} that "
                f"BigQuery loads at once; they are in {self.folder}. Run again with "
                "--output_shards=1000."
            )
        table = destination.table.beside("").name
        job_id = f"{self.run_id}-{re.sub('[^A-Za-z0-9_-]', '_', table)}"
        load = Load(destination, self.project, job_id, disposition)
        try:
            load.parquet(files, table_schema(schema))
        except LoadFailed as error:
            raise RunFailed(
                f"{destination.table} could not be written: {error}. The files are in "
                f"{self.folder}."
            ) from error
