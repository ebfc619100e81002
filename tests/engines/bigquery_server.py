"""Starts bqemulator, completed by what Google documents of BigQuery and the emulator leaves out.

The Python of the emulator's environment runs this, not the tests' own. bqemulator 1.4.0 by itself
runs a job again whose id there is already, knows no table of a query's result that could be read,
reads a stream from its start whatever the offset, ignores a filter that it cannot parse, takes
Parquet's columns by position, and knows neither partitions of a load nor Parquet's own schema, and
nobody who may not do something.
"""

import glob
import hashlib
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_spatial
import grpc
import pyarrow as pa
import sqlglot
from bqemulator.api.routes import jobs
from bqemulator.api.routes.tables import (
    _field_to_rest,
    _parse_schema_fields,
    _rest_to_clustering,
    _rest_to_time_partitioning,
)
from bqemulator.catalog.memory_repository import MemoryCatalogRepository
from bqemulator.catalog.models import DatasetMeta, JobMeta, TableMeta, TableSchema
from bqemulator.cli import main
from bqemulator.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    PermissionDeniedError,
    ResourceRef,
    UnsupportedFeatureError,
)
from bqemulator.grpc_api import read_servicer
from bqemulator.jobs.executor import JOB_RESULTS, JOB_SCHEMAS, _resolve_uri
from bqemulator.storage.engine import DuckDBEngine, _annotate_with_duckdb_types
from bqemulator.storage.sql_identifiers import quoted_schema, quoted_table_ref
from bqemulator.storage.type_map import bq_schema_to_duckdb_columns, duckdb_type_to_bq_field
from bqemulator.streaming import read_session
from google.cloud.bigquery_storage_v1 import types

ROWS_A_MESSAGE = int(os.environ.get("BIGQUERY_ROWS_A_MESSAGE", "1000"))
SMALL_TABLE_BYTES = int(os.environ.get("BIGQUERY_SMALL_TABLE_BYTES", "1000000"))
# The project in which nobody may run a job, and the dataset whose tables nobody may see.
FORBIDDEN = "forbidden"
# How a partition is written after the $ of a table's name.
DECORATORS = {"HOUR": "%Y%m%d%H", "DAY": "%Y%m%d", "MONTH": "%Y%m", "YEAR": "%Y"}


class Failed(Exception):
    """A job that BigQuery has taken and that has failed.

    Args:
        reason: BigQuery's word for it, from which the client makes its exception.
        message: what the job says.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def put_extension() -> None:
    """Puts DuckDB's spatial extension, which would be downloaded, where DuckDB looks for it."""
    (found,) = Path(duckdb_extension_spatial.__file__).parent.glob("extensions/*/*.duckdb_ext*")
    row = duckdb.sql("PRAGMA platform").fetchone()
    assert row is not None
    folder = Path.home() / ".duckdb" / "extensions" / found.parent.name / row[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / found.name).symlink_to(found)


# Jobs.


def refuse_job(project: str, job_id: str, ctx: Any) -> None:
    """An id is good for one job, also when that has failed."""
    if project == FORBIDDEN:
        message = "User does not have bigquery.jobs.create permission in project"
        raise PermissionDeniedError(f"Access Denied: Project {project}: {message} {project}.")
    if ctx.catalog.get_job(project, job_id) is not None:
        raise AlreadyExistsError(f"Already Exists: Job {project}:US.{job_id}")


def failed(project: str, job_id: str, kind: Any, config: Any, error: Failed, ctx: Any) -> JobMeta:
    result = {"reason": error.reason, "message": str(error)}
    return jobs._failed_job_meta(project, job_id, kind, config, result, ctx.clock.now())


async def load(project_id: str, job_id: str, config: dict[str, Any], ctx: Any) -> JobMeta:
    """A load job: whole or not at all."""
    refuse_job(project_id, job_id, ctx)
    asked = Load(config["load"], ctx)
    now = ctx.clock.now()
    try:
        async with ctx.engine.write_lock():
            statistics = asked.run()
    except Failed as error:
        return failed(project_id, job_id, "LOAD", config, error, ctx)
    return JobMeta(
        project_id=project_id, job_id=job_id, job_type="LOAD", state="DONE",
        configuration=config, statistics={"load": statistics}, creation_time=now,
        start_time=now, end_time=ctx.clock.now(), etag=job_id,
    )  # fmt: skip


class Load:
    """What a load job asks for.

    Args:
        config: the job's `load`.
        ctx: the emulator's parts.
    """

    def __init__(self, config: dict[str, Any], ctx: Any) -> None:
        self.config = config
        self.ctx = ctx
        to = config["destinationTable"]
        table, _, self.partition = to["tableId"].partition("$")
        self.ids = (to["projectId"], to["datasetId"], table)
        self.name = f"{self.ids[0]}:{self.ids[1]}.{table}"
        self.target = quoted_table_ref(*self.ids)
        self.disposition = config.get("writeDisposition", "WRITE_APPEND")
        self.format = config.get("sourceFormat", "CSV")
        if self.format not in ("PARQUET", "NEWLINE_DELIMITED_JSON"):
            raise UnsupportedFeatureError(f"loads of {self.format}")
        if ctx.catalog.get_dataset(*self.ids[:2]) is None:
            raise NotFoundError(f"Not found: Dataset {self.ids[0]}:{self.ids[1]}")
        self.table = ctx.catalog.get_table(*self.ids)
        self.connection = ctx.engine.connection.cursor()
        self.connection.execute("SET TimeZone = 'UTC'")

    def run(self) -> dict[str, str]:
        paths = [path for uri in self.config["sourceUris"] for path in self._files(uri)]
        anew = self.table is None or (
            self.disposition == "WRITE_TRUNCATE" and not self.partition
        )  # fmt: skip
        if self.table is None and self.config.get("createDisposition") == "CREATE_NEVER":
            raise Failed("notFound", f"Not found: Table {self.name}")
        fields = self._fields(paths) if anew else self._table_fields()
        meta = self._described(fields) if anew else self.table
        within = self._within(meta)
        self.connection.execute("BEGIN")
        try:
            self._make_room(anew, fields, within)
            rows = self._insert(paths, fields, within)
        except duckdb.Error as error:
            self.connection.execute("ROLLBACK")
            message = f"Error while reading data, error message: {error}"
            raise Failed("invalid", message) from error
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        size = sum(os.path.getsize(path) for path in paths)
        self._register(meta, anew, size)
        counts = {"outputRows": rows, "inputFiles": len(paths)}
        sizes = {"inputFileBytes": size, "outputBytes": size}
        return {name: str(value) for name, value in (counts | sizes).items()}

    def _files(self, uri: str) -> list[str]:
        """In BigQuery only the asterisk stands for something else."""
        pattern = glob.escape(_resolve_uri(uri, self.ctx)).replace("[*]", "*")
        found = sorted(glob.glob(pattern))
        if not found:
            raise Failed("notFound", f"Not found: URI {uri}")
        return found

    def _columns(self, reader: str, *values: Any) -> list[tuple[str, str]]:
        """Names and DuckDB's types of what is read."""
        try:
            found = self.connection.execute(f"DESCRIBE SELECT * FROM {reader}", values).fetchall()
        except duckdb.Error as error:
            message = f"Error while reading data, error message: {error}"
            raise Failed("invalid", message) from error
        return [(name, kind) for name, kind, *_ in found]

    def _own_columns(self, paths: list[str]) -> list[tuple[str, str]]:
        if self.format == "PARQUET":
            return self._columns("read_parquet(?, union_by_name=true)", paths)
        return self._columns("read_json(?, format='newline_delimited', sample_size=-1)", paths)

    def _table_fields(self) -> list[dict[str, Any]]:
        return [_field_to_rest(field) for field in self.table.schema_.fields]

    def _fields(self, paths: list[str]) -> list[dict[str, Any]]:
        """The schema of a new table: the job's, else what the files have."""
        given = self.config.get("schema", {}).get("fields")
        if given:
            return [_field_to_rest(field) for field in _parse_schema_fields(given)]
        if self.format == "PARQUET" or self.config.get("autodetect"):
            # DuckDB quotes what is a word of its own, as label is, and the emulator leaves it so.
            return [
                duckdb_type_to_bq_field(name, kind.replace('"', ""))
                for name, kind in self._own_columns(paths)
            ]
        if self.table is not None:
            return self._table_fields()
        raise Failed("invalid", "No schema specified on job or table.")

    def _described(self, fields: list[dict[str, Any]]) -> TableMeta:
        now = self.ctx.clock.now()
        ids = dict(zip(("project_id", "dataset_id", "table_id"), self.ids, strict=True))
        return TableMeta(
            **ids, schema=TableSchema(fields=_parse_schema_fields(fields)), etag=str(now),
            time_partitioning=_rest_to_time_partitioning(
                self.config.get("timePartitioning"), self.table
            ),
            clustering=_rest_to_clustering(self.config.get("clustering"), self.table),
            creation_time=self.table.creation_time if self.table else now, last_modified_time=now,
        )  # fmt: skip

    def _within(self, meta: TableMeta) -> str | None:
        """The condition that a row is in the partition after the $."""
        if not self.partition:
            return None
        parts = meta.time_partitioning
        if parts is None:
            raise Failed("invalid", f"Table {self.name} is not partitioned")
        if parts.field is None:
            raise UnsupportedFeatureError("partitions by the time of the load")
        form = DECORATORS[parts.type]
        if not self.partition.isdigit():
            raise Failed("invalid", f"Invalid partition {self.partition}")
        return f"strftime(CAST(\"{parts.field}\" AS TIMESTAMP), '{form}') = '{self.partition}'"

    def _count(self, condition: str) -> int:
        asked = f"SELECT count(*) FROM {self.target} WHERE {condition}"
        row = self.connection.execute(asked).fetchone()
        return int(row[0]) if row else 0

    def _make_room(self, anew: bool, fields: list[dict[str, Any]], within: str | None) -> None:
        if anew:
            columns = bq_schema_to_duckdb_columns(fields)
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns)
            self.connection.execute(f"CREATE OR REPLACE TABLE {self.target} ({listed})")
        elif self.disposition == "WRITE_TRUNCATE":
            self.connection.execute(f"DELETE FROM {self.target} WHERE {within}")
        elif self.disposition == "WRITE_EMPTY" and self._count(within or "true"):
            raise Failed("duplicate", f"Already Exists: Table {self.name}")

    def _insert(self, paths: list[str], fields: list[dict[str, Any]], within: str | None) -> int:
        """Inserts by name; an array is never NULL."""
        own = [name for name, _ in self._own_columns(paths)]
        extra = sorted(set(own) - {field["name"] for field in fields})
        if extra:
            if self.format == "PARQUET":
                message = f"Provided Schema does not match Table {self.name}. Cannot add fields"
                raise Failed("invalid", f"{message} (field: {extra[0]})")
            message = "Error while reading data, error message: JSON parsing error in row"
            raise Failed("invalid", f"{message} starting at position 0: No such field: {extra[0]}.")
        chosen = []
        for field in fields:
            name = f'"{field["name"]}"'
            if field["mode"] == "REPEATED":
                chosen.append(f"{f'coalesce({name}, [])' if field['name'] in own else '[]'} {name}")
            elif field["name"] in own:
                chosen.append(name)
        reader = "read_parquet(?, union_by_name=true)"
        if self.format != "PARQUET":
            columns = dict(bq_schema_to_duckdb_columns(fields))
            kinds = {name: kind for name, kind in columns.items() if name in own}
            reader = f"read_json(?, format='newline_delimited', columns={kinds!r})"
        if within:
            asked = f"SELECT count(*) FROM {reader} WHERE ({within}) IS NOT TRUE"
            row = self.connection.execute(asked, [paths]).fetchone()
            if row and row[0]:
                message = "Some rows belong to different partitions rather than destination"
                raise Failed("invalid", f"{message} partition {self.name}${self.partition}")
        row = self.connection.execute(
            f"INSERT INTO {self.target} BY NAME SELECT {', '.join(chosen)} FROM {reader}", [paths]
        ).fetchone()
        return int(row[0]) if row else 0

    def _register(self, meta: TableMeta, anew: bool, size: int) -> None:
        """Bytes are those of the files: no more than a number that is not zero."""
        num_bytes = size if anew else meta.num_bytes + size
        counted = meta.model_copy(
            update={"num_rows": self._count("true"), "num_bytes": num_bytes,
                    "last_modified_time": self.ctx.clock.now()}
        )  # fmt: skip
        if self.table is None:
            self.ctx.catalog.create_table(counted)
        else:
            self.ctx.catalog.update_table(counted)


# Queries.

run_query = jobs._handle_query_job


async def query(project_id: str, job_id: str, config: Any, **more: Any) -> Any:
    """A query whose result is a table that can be read; or what it would read."""
    ctx = more["ctx"]
    refuse_job(project_id, job_id, ctx)
    tables = tables_of(config["query"]["query"], project_id, ctx)
    done = await run_query(project_id, job_id, config, **more)
    read = str(sum(table.num_bytes for table in tables))
    names = [
        {"projectId": one.project_id, "datasetId": one.dataset_id, "tableId": one.table_id}
        for one in tables
    ]
    statistics = done["statistics"] if isinstance(done, dict) else done.statistics
    statistics["totalBytesProcessed"] = read
    statistics["query"] |= {"totalBytesProcessed": read, "referencedTables": names}
    if isinstance(done, dict) or done.error_result:
        return done
    if statistics["query"].get("statementType") != "SELECT":
        return done
    try:
        async with ctx.engine.write_lock():
            to = keep_result(project_id, job_id, config["query"], ctx)
    except Failed as error:
        return failed(project_id, job_id, "QUERY", config, error, ctx)
    kept = {"query": {**done.configuration["query"], "destinationTable": to}}
    return done.model_copy(update={"configuration": kept})


def tables_of(sql: str, project: str, ctx: Any) -> list[TableMeta]:
    """The tables that a query names."""
    try:
        parsed = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.ParseError:
        return []
    named = {
        (one.catalog or project, one.db, one.name) for one in parsed.find_all(sqlglot.exp.Table)
    }
    found = [ctx.catalog.get_table(*ids) for ids in sorted(named)]
    return [table for table in found if table is not None]


def keep_result(project: str, job_id: str, config: dict[str, Any], ctx: Any) -> dict[str, str]:
    """Writes a query's result to its destination; BigQuery hides one that nobody has named."""
    to = config.get("destinationTable")
    if not to:
        dataset = f"_{hashlib.sha1(project.encode()).hexdigest()}"
        table = f"anon{hashlib.sha256(job_id.encode()).hexdigest()}"
        to = {"projectId": project, "datasetId": dataset, "tableId": table}
        make_dataset(project, dataset, ctx)
    ids = (to["projectId"], to["datasetId"], to["tableId"])
    there = ctx.catalog.get_table(*ids)
    if there and there.num_rows and config.get("writeDisposition") in (None, "WRITE_EMPTY"):
        raise Failed("duplicate", f"Already Exists: Table {ids[0]}:{ids[1]}.{ids[2]}")
    result, fields = JOB_RESULTS[job_id], JOB_SCHEMAS[job_id]
    columns = bq_schema_to_duckdb_columns(fields)
    # A name may stand twice in a result, and is another in its schema then.
    result = result.rename_columns([name for name, _ in columns])
    chosen = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in columns)
    connection = ctx.engine.connection.cursor()
    connection.register("result_of_query", result)
    connection.execute(
        f"CREATE OR REPLACE TABLE {quoted_table_ref(*ids)} AS SELECT {chosen} FROM result_of_query"
    )
    connection.unregister("result_of_query")
    now = ctx.clock.now()
    meta = TableMeta(
        project_id=ids[0], dataset_id=ids[1], table_id=ids[2], creation_time=now,
        last_modified_time=now, schema=TableSchema(fields=_parse_schema_fields(fields)),
        num_rows=result.num_rows, num_bytes=result.nbytes, etag=job_id,
    )  # fmt: skip
    (ctx.catalog.update_table if there else ctx.catalog.create_table)(meta)
    return to


def make_dataset(project: str, dataset: str, ctx: Any) -> None:
    if ctx.catalog.get_dataset(project, dataset) is None:
        now = ctx.clock.now()
        meta = DatasetMeta(
            project_id=project, dataset_id=dataset, creation_time=now, last_modified_time=now,
            etag=dataset,
        )  # fmt: skip
        ctx.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted_schema(project, dataset)}")
        ctx.catalog.create_dataset(meta)


# Read sessions.

make_session = read_servicer.create_read_session
answer_session = read_servicer.BigQueryReadHandler._handle_create_read_session


def plain_session(*, arrow_table: pa.Table, **more: Any) -> Any:
    """A session without the emulator's own notes on the fields."""
    plain = pa.schema([field.remove_metadata() for field in arrow_table.schema])
    return make_session(arrow_table=arrow_table.cast(plain), **more)


def create_session(handler: Any, request_bytes: bytes, context: Any) -> bytes:
    """Refuses what BigQuery refuses; tells how many rows there are."""
    request = types.CreateReadSessionRequest.deserialize(request_bytes)
    asked, parent = request.read_session, request.parent
    ids = read_servicer._parse_table_path(asked.table)

    def refuse(code: Any, message: str) -> bytes:
        context.set_code(code)
        context.set_details(message)
        return b""

    def forbid(permission: str, resource: str) -> bytes:
        message = f"request failed: the user does not have '{permission}' permission"
        return refuse(grpc.StatusCode.PERMISSION_DENIED, f"{message} for '{resource}'")

    if parent == f"projects/{FORBIDDEN}":
        return forbid("bigquery.readsessions.create", parent)
    if ids and ids[1] == FORBIDDEN:
        return forbid("bigquery.tables.getData", asked.table)
    table = handler._ctx.catalog.get_table(*ids) if ids else None
    if ids and table is None:
        return refuse(grpc.StatusCode.NOT_FOUND, f"Not found: Table {ids[0]}:{ids[1]}.{ids[2]}")
    if ids and table.table_type == "VIEW":
        message = "request failed: non-table entities cannot be read with the storage API"
        return refuse(grpc.StatusCode.INVALID_ARGUMENT, message)
    if ids:
        names = {field.name for field in table.schema_.fields}
        absent = [name for name in asked.read_options.selected_fields if name not in names]
        if absent:
            message = "request failed: The following selected fields do not exist in the table"
            return refuse(grpc.StatusCode.INVALID_ARGUMENT, f"{message} schema: {absent[0]}")
        wanted = asked.read_options.row_restriction
        if wanted and not filter_holds(handler, ids, asked):
            message = f"request failed: Row filter for table {ids[0]}:{ids[1]}.{ids[2]} is invalid."
            return refuse(grpc.StatusCode.INVALID_ARGUMENT, f"{message} Filter is '{wanted}'")
    answer = answer_session(handler, request_bytes, context)
    if not answer:
        return answer
    session = types.ReadSession.deserialize(answer)
    state = read_session.get_session(session.name)
    session.estimated_row_count = state.table.num_rows
    session.expire_time = handler._ctx.clock.now() + timedelta(hours=6)
    return types.ReadSession.serialize(session)


def filter_holds(handler: Any, ids: tuple[str, str, str], asked: Any) -> bool:
    try:
        sqlglot.parse_one(f"SELECT 1 WHERE {asked.read_options.row_restriction}", read="bigquery")
        sql = read_servicer._build_read_sql(quoted_table_ref(*ids), None, asked)
        handler._ctx.engine.connection.cursor().execute(f"EXPLAIN {sql}")
    except Exception:
        return False
    return True


def read_rows(handler: Any, request_bytes: bytes, context: Any) -> Any:
    """The rows of a stream from an offset on, in messages of a fixed size."""
    asked = types.ReadRowsRequest.deserialize(request_bytes)
    session = "/".join(asked.read_stream.split("/")[:-2])
    rows = read_session.get_stream_data(session, asked.read_stream)
    if rows is None:
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details(f"Not found: Stream {asked.read_stream}")
        return
    schema = {"serialized_schema": read_session.get_session(session).arrow_schema_bytes}
    for at in range(asked.offset, rows.num_rows, ROWS_A_MESSAGE):
        part = rows.slice(at, ROWS_A_MESSAGE).combine_chunks()
        (batch,) = part.to_batches()
        progress = {"at_response_start": at / rows.num_rows,
                    "at_response_end": (at + part.num_rows) / rows.num_rows}  # fmt: skip
        body = read_session.serialize_arrow_record_batch(batch)
        yield types.ReadRowsResponse.serialize(
            types.ReadRowsResponse(
                row_count=part.num_rows, stats={"progress": progress},
                arrow_record_batch={"serialized_record_batch": body},
                **({"arrow_schema": schema} if at == asked.offset else {}),
            )
        )  # fmt: skip


# The rest.

find_table = MemoryCatalogRepository.get_table


def get_table(catalog: Any, project: str, dataset: str, table: str) -> TableMeta | None:
    """A table that the caller may see."""
    if dataset == FORBIDDEN:
        name = f"{project}:{dataset}.{table}"
        message = f"Permission bigquery.tables.get denied on table {name} (or it may not exist)."
        raise PermissionDeniedError(f"Access Denied: Table {name}: {message}")
    return find_table(catalog, project, dataset, table)


def fetch_arrow(engine: Any, sql: str, parameters: list[Any] | None = None) -> pa.Table:
    """Has a cursor of its own: of one that two threads share, each would get the other's rows."""
    cursor = engine.connection.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    result = cursor.execute(sql, parameters) if parameters is not None else cursor.execute(sql)
    return _annotate_with_duckdb_types(result.to_arrow_table(), result.description)


execute = DuckDBEngine.execute


def execute_apart(engine: Any, sql: str, parameters: list[Any] | None = None) -> Any:
    """The same for what is counted while somebody else reads."""
    if sql.startswith("SELECT COUNT(*)"):
        return engine.connection.cursor().execute(sql, parameters or [])
    return execute(engine, sql, parameters)


def as_bigquery_says(ref: Any) -> str:
    """A resource as BigQuery's messages name it."""
    parts = ".".join(one for one in (ref.dataset_id, ref.resource_id) if one)
    return f"{ref.kind.capitalize()} {ref.project_id}:{parts}"


def complete() -> None:
    """Puts all of this in the emulator's places."""
    jobs._handle_load_job_with_async_envelope = load
    jobs._handle_query_job = query
    read_servicer.create_read_session = plain_session
    read_servicer.BigQueryReadHandler._handle_create_read_session = create_session
    read_servicer.BigQueryReadHandler._handle_read_rows = read_rows
    read_session._SMALL_TABLE_BYTE_THRESHOLD = SMALL_TABLE_BYTES
    DuckDBEngine.fetch_arrow = fetch_arrow
    DuckDBEngine.execute = execute_apart
    MemoryCatalogRepository.get_table = get_table
    ResourceRef.format = as_bigquery_says


if __name__ == "__main__":
    put_extension()
    complete()
    sys.exit(main())
