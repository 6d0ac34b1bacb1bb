"""The production warehouse: BigQuery.

    run -> guarded text, typed parameters -> jobs.query -> Arrow -> conform
    load -> one load job (gs://), or staging table and INSERT (bytes); job id from the load's id
    execute -> one query job (a transaction when there are several statements), likewise

Exactly once: BigQuery accepts a job id once, so a second try finds the first one's job and takes
its result. A job that failed changed nothing; the next try runs under the next id.

Sources: BigQuery REST v2 "jobs.insert" (jobReference.jobId), "Multi-statement transactions".
"""

import asyncio
import datetime as dt
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

import google.cloud.exceptions
import pyarrow as pa
import pyarrow.parquet as pq
import requests
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from sqlglot import exp

from domain.errors import InternalError
from domain.facts.fact import Column
from domain.facts.tables import Table
from domain.ports import Parameter, Statement, TenantScope
from tenancy.audited_tenants import AuditedTenants
from tenancy.sql_guard import GuardedSql, SqlDialect
from tenancy.warehouse.dialect import bigquery_sql
from tenancy.warehouse.guarding import (
    OPS_SCHEMA,
    GuardedStatements,
    bound,
    check_table,
)
from tenancy.warehouse.port import (
    ForeignRowsError,
    OnStatement,
    QueryTooLargeError,
    RemoteObject,
    Retention,
    StoredColumn,
    TransientWarehouseError,
    WarehouseError,
    WarehouseSchemaError,
)
from tenancy.warehouse.types import BIGQUERY_TYPES, conform, read_rows

__all__ = ["BigQueryWarehouse"]

T = TypeVar("T")
Job = Any  # QueryJob or LoadJob; get_job is typed as any of five kinds

_THREADS: Final = 16  # questions in flight; each waits for the network
_ATTEMPTS: Final = 20  # failed jobs of one operation before somebody must look
_STAGING_LIFE: Final = dt.timedelta(days=1)
_TIME_TRAVEL_HOURS: Final = 168  # unless a dataset says less, at least 48
_FAIL_SAFE: Final = dt.timedelta(days=7)
_MODERN_NAMES: Final = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
_TRANSIENT_REASONS: Final = frozenset(
    {"backendError", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded"}
    | {"quotaExceeded", "rateLimitExceeded", "tableUnavailable", "timeout"}
)
_TRANSIENT_WORDS: Final = ("concurrent update", "aborted due to")


class BigQueryWarehouse:
    """`tenancy.warehouse.port.Warehouse` on BigQuery datasets `<prefix>_<schema>`."""

    def __init__(
        self,
        project: str,
        prefix: str,
        *,
        location: str = "EU",
        endpoint: str | None = None,
        maximum_bytes_billed: int | None = None,
        with_storage_api: bool = False,
        on_statement: OnStatement | None = None,
    ) -> None:
        """Name the place; nothing is contacted yet.

        Args:
            project: Billed for jobs and home of the datasets.
            prefix: Of the datasets: `bosco` gives `bosco_marts`.
            location: Of the datasets.
            endpoint: Of an emulator, asked without credentials; None: Google, with the credentials
                of the environment.
            maximum_bytes_billed: A question that would scan more is refused.
            with_storage_api: Fetch large answers by the Storage Read API.
            on_statement: Told of every text before it is sent.
        """
        self._prefix = prefix
        self._location = location
        self._is_emulated = endpoint is not None
        self._maximum_bytes_billed = maximum_bytes_billed
        self._with_storage_api = with_storage_api
        self._on_statement = on_statement
        self._client = bigquery.Client(
            project=project,
            location=location,
            credentials=None if endpoint is None else AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options=None if endpoint is None else {"api_endpoint": endpoint},
        )
        render = partial(bigquery_sql, dataset_prefix=prefix)
        self._guarded = GuardedStatements(SqlDialect("bigquery", render))
        self._threads = ThreadPoolExecutor(_THREADS, "bigquery")

    async def run(
        self, scope: TenantScope, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        """See `QueryWarehouse.run`; a cancelled question runs on at BigQuery, unheard."""
        sql = self._guarded.question(statement, scope)
        labels = {"tenant": str(scope.tenant_id), "purpose": "question"}
        values = bound(sql, scope, parameters)
        return await self._in_thread(lambda: self._select(sql, values, labels))

    async def run_for(
        self, tenants: AuditedTenants, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        """See `Warehouse.run_for`."""
        sql = self._guarded.question(statement, tenants)
        values = bound(sql, tenants, parameters)
        return await self._in_thread(lambda: self._select(sql, values, _labels(tenants)))

    async def ensure_tables(self, tables: Sequence[Table]) -> None:
        """See `Warehouse.ensure_tables`."""
        for table in tables:
            check_table(table)

        def ensure() -> None:
            for schema in sorted({OPS_SCHEMA, *(table.schema for table in tables)}):
                dataset = bigquery.Dataset(f"{self._client.project}.{self._prefix}_{schema}")
                dataset.location = self._location
                self._client.create_dataset(dataset, exists_ok=True)
            for table in tables:
                self._ensure(table)

        await self._in_thread(ensure)

    async def load(
        self,
        load_id: str,
        table: Table,
        objects: Sequence[bytes | RemoteObject],
        tenants: AuditedTenants,
    ) -> int:
        """See `Warehouse.load`."""
        check_table(table)
        if not objects:
            return 0
        local = [data for data in objects if not isinstance(data, RemoteObject)]
        remote = [data for data in objects if isinstance(data, RemoteObject)]
        if local and remote:
            raise InternalError("a load takes bytes or remote objects, not both")
        name = f"{self._prefix}:load:{load_id}"  # job ids are those of the whole project
        if remote:
            foreign = {t for data in remote for t in data.tenant_ids} - set(tenants.texts)
            if foreign:
                raise ForeignRowsError(
                    f"objects for {table.qualified} hold rows of {len(foreign)} tenant(s) outside"
                    " the load"
                )
            uris = [data.uri for data in remote]
            job = await self._in_thread(
                lambda: self._once(name, self._load_uris(table, uris, tenants))
            )
            return int(job.output_rows or 0)
        return await self._in_thread(lambda: self._load_bytes(name, table, local, tenants))

    async def execute(
        self,
        operation_id: str,
        statements: exp.Expr | Sequence[exp.Expr],
        parameters: Mapping[str, Parameter],
        tenants: AuditedTenants,
    ) -> int:
        """See `Warehouse.execute`."""
        changes = self._guarded.changes(statements)
        values = {name: v for sql in changes for name, v in bound(sql, tenants, parameters).items()}
        for sql in changes:
            self._tell(sql.text)
        texts = [sql.text for sql in changes]
        if len(texts) > 1 and not self._is_emulated:
            texts = [
                "\n".join(f"{t};" for t in ("BEGIN TRANSACTION", *texts, "COMMIT TRANSACTION"))
            ]
        name = f"{self._prefix}:execute:{operation_id}"

        def apply() -> int:
            # The emulator binds no parameters in a script: each statement is a job of its own.
            return sum(
                self._affected(
                    self._once(f"{name}:{number}", self._query(text, values, _labels(tenants)))
                )
                for number, text in enumerate(texts)
            )

        return await self._in_thread(apply)

    async def check(self) -> str:
        """See `Warehouse.check`."""

        def ask() -> str:
            self._client.query_and_wait("SELECT 1 AS one").to_arrow(create_bqstorage_client=False)
            place = f"{self._client.project}, datasets {self._prefix}_*, {self._location}"
            return f"BigQuery, project {place}"

        return await self._in_thread(ask)

    async def list_columns(self) -> list[StoredColumn]:
        """See `SearchableWarehouse.list_columns`."""

        def columns() -> list[StoredColumn]:
            return [
                StoredColumn(schema, table.table_id, field.name, field.field_type == "STRING")
                for schema, dataset in self._datasets()
                for table in self._client.list_tables(dataset)
                for field in self._client.get_table(table.reference).schema
            ]

        return await self._in_thread(columns)

    async def retention(self) -> Retention:
        """See `SearchableWarehouse.retention`; a dataset that does not say keeps seven days."""

        def longest() -> Retention:
            hours = [
                self._client.get_dataset(dataset).max_time_travel_hours or _TIME_TRAVEL_HOURS
                for _, dataset in self._datasets()
            ]
            return Retention(
                dt.timedelta(hours=int(max(hours, default=_TIME_TRAVEL_HOURS))), _FAIL_SAFE
            )

        return await self._in_thread(longest)

    def _datasets(self) -> list[tuple[str, str]]:
        """Schema and address of the datasets that hold rows of tenants."""
        start = f"{self._prefix}_"
        names = sorted(one.dataset_id for one in self._client.list_datasets())
        return [
            (name.removeprefix(start), f"{self._client.project}.{name}")
            for name in names
            if name.startswith(start) and name != f"{start}{OPS_SCHEMA}"
        ]

    async def close(self) -> None:
        """See `Warehouse.close`."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()  # type: ignore[no-untyped-call]

    def _select(
        self, sql: GuardedSql, values: Mapping[str, Parameter], labels: dict[str, str]
    ) -> pa.Table:
        self._tell(sql.text)
        config = bigquery.QueryJobConfig(
            query_parameters=_typed(values), labels=labels, use_query_cache=True
        )
        if self._maximum_bytes_billed is not None:
            config.maximum_bytes_billed = self._maximum_bytes_billed
        rows = self._client.query_and_wait(sql.text, job_config=config)
        answer = rows.to_arrow(create_bqstorage_client=self._with_storage_api)
        if not answer.column_names:  # the emulator's way of saying that the query failed
            raise WarehouseError("the warehouse answered without columns")
        return conform(answer)

    def _ensure(self, table: Table) -> None:
        declared = bigquery.Table(self._address(table), schema=[_field(c) for c in table.columns])
        if table.partition_by:
            declared.time_partitioning = bigquery.TimePartitioning(field=table.partition_by)
        if table.cluster_by:
            declared.clustering_fields = list(table.cluster_by)
        present = self._client.create_table(declared, exists_ok=True)
        types = {f.name: _MODERN_NAMES.get(f.field_type, f.field_type) for f in present.schema}
        missing = []
        for column in table.columns:
            kind = BIGQUERY_TYPES[column.type]
            if column.name not in types:
                missing.append(column)
            elif types[column.name] != kind:
                raise WarehouseSchemaError(
                    f"{table.qualified}.{column.name} is {types[column.name]}, declared {kind}",
                    hint="a column never changes its type: add a new one",
                )
        if missing:
            self._add_columns(table, present, missing)

    def _add_columns(
        self, table: Table, present: bigquery.Table, missing: Sequence[Column]
    ) -> None:
        for column in missing:
            # NUMERIC(38, 9) is NUMERIC; the emulator needs to be told.
            kind = BIGQUERY_TYPES[column.type].replace("NUMERIC", "NUMERIC(38, 9)")
            name = f"{self._prefix}_{table.schema}.{table.name}"
            text = f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS `{column.name}` {kind}"
            self._tell(text)
            self._client.query(text).result()
        # BigQuery shows the columns by now; the emulator keeps its catalogue apart; descriptions
        # are set in this way on both.
        known = {column.name for column in missing}
        current = self._client.get_table(present.reference)
        current.schema = [f for f in current.schema if f.name not in known] + [
            _field(column) for column in missing
        ]
        self._client.update_table(current, ["schema"])

    def _load_uris(
        self, table: Table, uris: Sequence[str], tenants: AuditedTenants
    ) -> Callable[[str], Job]:
        config = _load_config(bigquery.WriteDisposition.WRITE_APPEND, _labels(tenants))

        def submit(job_id: str) -> Job:
            return self._client.load_table_from_uri(
                uris, self._address(table), job_id=job_id, job_config=config
            )

        return submit

    def _load_bytes(
        self, name: str, table: Table, objects: Sequence[bytes], tenants: AuditedTenants
    ) -> int:
        """Bytes go through a staging table: the INSERT, not the upload, is what happens once."""
        rows = pa.concat_tables([read_rows(data, table, tenants.texts) for data in objects])
        if not rows.num_rows:
            return 0
        address = f"{self._prefix}_{OPS_SCHEMA}.load_{_digest(name)}"
        columns = ", ".join(f"`{column.name}`" for column in table.columns)
        text = (
            f"INSERT INTO {self._prefix}_{table.schema}.{table.name} ({columns})"
            f" SELECT {columns} FROM {address}"
        )
        submit = self._query(text, {}, _labels(tenants))

        def stage_and_insert(job_id: str) -> Job:
            self._stage(address, table, rows, tenants)
            self._tell(text)
            return submit(job_id)

        affected = self._affected(self._once(name, stage_and_insert))
        self._client.delete_table(f"{self._client.project}.{address}", not_found_ok=True)
        return affected

    def _stage(self, address: str, table: Table, rows: pa.Table, tenants: AuditedTenants) -> None:
        staging = bigquery.Table(
            f"{self._client.project}.{address}", schema=[_field(c) for c in table.columns]
        )
        staging.expires = dt.datetime.now(dt.UTC) + _STAGING_LIFE  # clean-up only, never an answer
        self._client.create_table(staging, exists_ok=True)
        file = io.BytesIO()
        pq.write_table(rows, file)
        file.seek(0)
        config = _load_config(bigquery.WriteDisposition.WRITE_TRUNCATE, _labels(tenants))
        self._client.load_table_from_file(file, staging.reference, job_config=config).result()

    def _query(
        self, text: str, values: Mapping[str, Parameter], labels: dict[str, str]
    ) -> Callable[[str], Job]:
        config = bigquery.QueryJobConfig(query_parameters=_typed(values), labels=labels)
        return lambda job_id: self._client.query(
            text, job_id=job_id, job_config=config, job_retry=None
        )

    def _once(self, name: str, submit: Callable[[str], Job]) -> Job:
        """Run a job under an id of its own, or take the result of the one that ran under it."""
        for attempt in range(_ATTEMPTS):
            job_id = f"bosco-{_digest(name)}-{attempt}"
            job = self._find_job(job_id)
            if job is None:
                try:
                    job = submit(job_id)
                except google.cloud.exceptions.Conflict:
                    job = self._client.get_job(job_id, location=self._location)
                job.result()
                return job
            if job.error_result is None:
                job.result()
                return job
        raise WarehouseError(
            f"{name} has failed {_ATTEMPTS} times", hint="see the jobs at BigQuery"
        )

    def _find_job(self, job_id: str) -> Job | None:
        try:
            return self._client.get_job(job_id, location=self._location)
        except google_errors.NotFound:
            return None

    def _affected(self, job: Job) -> int:
        if job.num_dml_affected_rows is not None:
            return int(job.num_dml_affected_rows)
        children = self._client.list_jobs(parent_job=job.job_id)
        return sum(int(getattr(child, "num_dml_affected_rows", None) or 0) for child in children)

    def _address(self, table: Table) -> str:
        return f"{self._client.project}.{self._prefix}_{table.schema}.{table.name}"

    def _tell(self, text: str) -> None:
        if self._on_statement is not None:
            self._on_statement(text)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _translated, work)


def _translated(work: Callable[[], T]) -> T:
    try:
        return work()
    except google_errors.GoogleAPICallError as error:
        raise _meaning(error) from error
    except (
        requests.RequestException,
        auth_errors.TransportError,
        google_errors.RetryError,
    ) as error:
        raise TransientWarehouseError(f"BigQuery was not reached: {error}") from error


def _meaning(error: google_errors.GoogleAPICallError) -> WarehouseError | QueryTooLargeError:
    reasons = {str(detail.get("reason", "")) for detail in error.errors or []}
    text = str(error.message)
    if "bytesBilledLimitExceeded" in reasons or "bytesBilledLimitExceeded" in text:
        return QueryTooLargeError(
            "this question would scan more data than one question may",
            hint="shorten the period, or ask for fewer dimensions",
        )
    is_server = isinstance(error, google_errors.ServerError | google_errors.TooManyRequests)
    if is_server or reasons & _TRANSIENT_REASONS or any(word in text for word in _TRANSIENT_WORDS):
        return TransientWarehouseError(text)
    return WarehouseError(text)


def _labels(tenants: AuditedTenants) -> dict[str, str]:
    labels = {"purpose": tenants.purpose, "tenants": str(len(tenants.tenant_ids))}
    if len(tenants.tenant_ids) == 1:
        labels["tenant"] = tenants.texts[0]
    return labels


def _load_config(disposition: str, labels: dict[str, str]) -> bigquery.LoadJobConfig:
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET, write_disposition=disposition, labels=labels
    )
    config.decimal_target_types = [bigquery.DecimalTargetType.NUMERIC]
    return config


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:40]


def _field(column: Column) -> bigquery.SchemaField:
    mode = "REQUIRED" if column.name == "tenant_id" else "NULLABLE"
    kind = BIGQUERY_TYPES[column.type]
    return bigquery.SchemaField(column.name, kind, mode, description=column.description[:1024])


def _typed(
    values: Mapping[str, Parameter],
) -> list[bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter]:
    return [
        bigquery.ArrayQueryParameter(name, _kind(value[0]) if value else "STRING", list(value))
        if isinstance(value, tuple)
        else bigquery.ScalarQueryParameter(name, _kind(value), value)
        for name, value in values.items()
    ]


def _kind(value: Parameter) -> str:
    # In this order: a bool is an int, and a datetime is a date.
    kinds = {bool: "BOOL", int: "INT64", Decimal: "NUMERIC", float: "FLOAT64"}
    kinds |= {dt.datetime: "TIMESTAMP", dt.date: "DATE", str: "STRING"}
    return next(name for kind, name in kinds.items() if isinstance(value, kind))
