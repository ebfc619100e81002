"""Tables of BigQuery before a run starts: what is read, what is written, and who pays."""

import uuid
from dataclasses import replace

import google.auth
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from runinference_metrics.bigquery import addresses, clients, queries
from runinference_metrics.bigquery.addresses import Table
from runinference_metrics.bigquery.inputs import Input
from runinference_metrics.dataflow.refusals import refused
from runinference_metrics.errors import RunFailed, UserError, first_line
from runinference_metrics.options.settings import Settings
from runinference_metrics.reading.listing import Found, Listed
from runinference_metrics.writing.folder import in_folder
from runinference_metrics.writing.loading import Loading
from runinference_metrics.writing.runs_table import RunsTable


def listed(settings: Settings, options: PipelineOptions) -> Listed | None:
    """The table or query that is the input; None where the input is files.

    Args:
        settings: the parameters.
        options: the flags that are Beam's.

    Raises:
        RunFailed: nobody is known who would pay.
    """
    source = addresses.source(settings.input[0])
    if source is None:
        return None
    project = _project(options, source.table)
    given = Input(source, project, f"runinference-{uuid.uuid4().hex}")
    return Listed((), (Found(str(given), 0),), {}, given)


def loading(settings: Settings, options: PipelineOptions) -> Loading | None:
    """Where rows go that are to be in a table; None where the output is a folder.

    Args:
        settings: the parameters.
        options: the flags that are Beam's.

    Raises:
        UserError: something else is wanted that a table cannot have.
    """
    destination = addresses.destination(settings.output)
    if destination is None:
        return None
    if settings.output_format != "jsonl":
        takes = "a format where --output is a folder; leave it out where that is a table"
        raise UserError("output_format", takes, settings.output_format)
    if "$" in destination.table.name and not settings.overwrite:
        takes = "true where --output is a partition, which a run replaces as a whole"
        raise UserError("overwrite", takes, f"false, with {destination.table}")
    place = options.view_as(GoogleCloudOptions).temp_location or ""
    if not place.startswith("gs://"):
        takes = (
            "a folder such as gs://bucket/temp where --output is a table: BigQuery loads from it"
        )
        raise UserError("temp_location", takes, repr(place) if place else "nothing")
    run_id = f"runinference-{uuid.uuid4().hex}"
    project = _project(options, destination.table)
    return Loading(destination, project, run_id, settings.overwrite, in_folder(place, run_id))


def check(found: Loading, given: Input | None) -> None:
    """Checks that the tables can be written, as far as that is known before.

    Args:
        found: the tables.
        given: the table or query that is read; None where files are.

    Raises:
        UserError: the data set is not there, or the table has rows that are not to be replaced, or
            that are read.
    """
    table = found.destination.table
    written = (table.beside(""), found.dead_letters, found.runs)
    if read := next((one for one in _read_by(given) if one in written), None):
        takes = "another table than those that are read, which the run would replace"
        raise UserError("output", takes, f"{str(table)!r}, and {read} is read")
    _check_data_set("output", table, found.project)
    if found.overwrite:
        return
    for one in (table, found.dead_letters):
        rows = _num_rows(one, found.project)
        if rows:
            takes = "a table without rows (or set --overwrite=true, which replaces them)"
            raise UserError("output", takes, f"{str(table)!r}, and {one} has {rows:,}")


def _read_by(given: Input | None) -> tuple[Table, ...]:
    """The tables that an input reads."""
    if given is None:
        return ()
    if given.source.table:
        return (given.source.table,)
    try:
        return queries.dry_run(given.source.query, given.project).tables
    except Exception:
        # What is wrong with it is said where its columns are asked for.
        return ()


def runs(settings: Settings, options: PipelineOptions, found: Loading | None) -> RunsTable | None:
    """The table to which the run is added; None where there is none.

    Args:
        settings: the parameters.
        options: the flags that are Beam's.
        found: where rows go: the table is beside theirs, unless `history` names one.

    Raises:
        UserError: the data set is not there.
    """
    named = addresses.destination(settings.history) if settings.history else None
    if named is None:
        return RunsTable(found.runs, found.project) if found else None
    return runs_table(named.table, options)


def runs_table(table: Table, options: PipelineOptions) -> RunsTable:
    """A table of runs; raises UserError where the data set is not there."""
    project = _project(options, table)
    _check_data_set("history", table, project)
    return RunsTable(table, project)


def _num_rows(table: Table, project: str) -> int:
    from google.api_core.exceptions import NotFound

    try:
        return clients.tables(project).get_table(table.id).num_rows or 0
    except NotFound:
        return 0
    except Exception as error:
        why = refused(error) or first_line(error)
        raise UserError("output", "a table that may be asked for", f"{table}: {why}") from error


def _check_data_set(flag: str, table: Table, project: str) -> None:
    from google.api_core.exceptions import NotFound

    try:
        clients.tables(project).get_dataset(f"{table.project}.{table.dataset}")
    except NotFound as error:
        step = f"make it with `bq mk --dataset {table.project}:{table.dataset}`"
        takes = "a table in a data set that is there"
        raise UserError(flag, takes, f"{str(table)!r}: {step}") from error
    except Exception as error:
        why = refused(error) or first_line(error)
        raise UserError(flag, "a table that may be asked for", f"{table}: {why}") from error


def _project(options: PipelineOptions, table: Table | None) -> str:
    """The project that pays: the one that is named, or of whoever is logged in, or the table's."""
    named = options.view_as(GoogleCloudOptions).project
    if named:
        return named
    try:
        _, found = google.auth.default()
    except Exception as error:
        raise refused(error) or RunFailed(first_line(error)) from error
    found = found or (table.project if table else None)
    if not found:
        raise UserError("project", "the project that pays for the query", "nothing")
    return found


def with_folder(settings: Settings, found: Loading | None) -> Settings:
    """The settings with the folder in which files lie that are loaded."""
    return settings if found is None else replace(settings, output=found.folder)
