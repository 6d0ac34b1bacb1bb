"""Open the warehouse that a URL names.

duckdb:///folder/file | bigquery://project/prefix?location=EU&endpoint=http://... -> Warehouse
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from domain.errors import InternalError
from tenancy.warehouse.bigquery import BigQueryWarehouse
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.port import OnStatement, SearchableWarehouse

__all__ = ["WarehouseOptions", "open_warehouse"]


@dataclass(frozen=True, slots=True)
class WarehouseOptions:
    """What a URL does not say.

    Attributes:
        memory_limit_mb: DuckDB: MiB before it spills to disk.
        threads: DuckDB: worker threads.
        readers: DuckDB: questions at the same time.
        maximum_bytes_billed: BigQuery: most that one question may scan; None: no limit.
        with_storage_api: BigQuery: fetch large answers by the Storage Read API.
    """

    memory_limit_mb: int = 1024
    threads: int = 2
    readers: int = 4
    maximum_bytes_billed: int | None = None
    with_storage_api: bool = False


def open_warehouse(
    url: str,
    *,
    options: WarehouseOptions | None = None,
    on_statement: OnStatement | None = None,
) -> SearchableWarehouse:
    """Open a warehouse.

    Args:
        url: `duckdb:///absolute/file`, `duckdb://` (in memory) or
            `bigquery://project/prefix?location=EU`; with `&endpoint=http://127.0.0.1:9050` an
            emulator is asked, without credentials.
        options: None: the defaults.
        on_statement: Told of every text before it runs.

    Raises:
        InternalError: The URL names no warehouse (whoever configures it can mend it).
        WarehouseLockedError: Another process owns the DuckDB file.
    """
    chosen = options or WarehouseOptions()
    parts = urlsplit(url)
    if parts.scheme == "duckdb" and not parts.netloc:
        return DuckDbWarehouse(
            parts.path or ":memory:",
            memory_limit_mb=chosen.memory_limit_mb,
            threads=chosen.threads,
            readers=chosen.readers,
            on_statement=on_statement,
        )
    prefix = parts.path.strip("/")
    if parts.scheme == "bigquery" and parts.netloc and prefix:
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return BigQueryWarehouse(
            parts.netloc,
            prefix,
            location=query.get("location", "EU"),
            endpoint=query.get("endpoint"),
            maximum_bytes_billed=chosen.maximum_bytes_billed,
            with_storage_api=chosen.with_storage_api,
            on_statement=on_statement,
        )
    raise InternalError(
        f"{url!r} names no warehouse",
        hint="duckdb:///folder/file or bigquery://project/prefix?location=EU",
    )
