"""What only the embedded warehouse has to prove: its file, its threads, its keywords."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from domain.errors import InternalError
from domain.ports import TenantScope
from tenancy.warehouse.dialect import duckdb_name
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tenancy.warehouse.open import WarehouseOptions, open_warehouse
from tenancy.warehouse.port import RemoteObject, WarehouseError, WarehouseLockedError
from tests.tenancy.warehouse.samples import (
    BOTH,
    ONLY_A,
    ROWS,
    A,
    B,
    change,
    parquet,
    question,
    sample_table,
)

OWNER = textwrap.dedent(
    """
    import asyncio, sys, time
    from tenancy.warehouse.duckdb import DuckDbWarehouse
    from tests.tenancy.warehouse.samples import A, ONLY_A, ROWS, parquet

    async def main():
        warehouse = DuckDbWarehouse(sys.argv[1])
        await warehouse.ensure_tables([ROWS])
        await warehouse.load("one", ROWS, [parquet([{"tenant_id": str(A), "whole": 7}])], ONLY_A)
        print("ready", flush=True)
        time.sleep(60)

    asyncio.run(main())
    """
)
WHOLES = question("SELECT s.whole FROM marts.sample AS s")


@pytest.mark.anyio
async def test_names_the_owner_and_survives_its_violent_end(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in (".", *sys.path) if p)}
    with subprocess.Popen(  # noqa: ASYNC220, S603 - our own interpreter; nothing else runs meanwhile
        [sys.executable, "-c", OWNER, str(path)], stdout=subprocess.PIPE, env=environment
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        with pytest.raises(WarehouseLockedError) as caught:
            DuckDbWarehouse(str(path))
        assert caught.value.message == f"process {owner.pid} owns the warehouse {path}"
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    warehouse = DuckDbWarehouse(str(path))
    assert (await warehouse.run(TenantScope(A), WHOLES, {})).column("whole").to_pylist() == [7]
    again = [parquet([{"tenant_id": str(A), "whole": 8}])]
    assert await warehouse.load("one", ROWS, again, ONLY_A) == 1
    assert (await warehouse.run(TenantScope(A), WHOLES, {})).num_rows == 1
    await warehouse.close()


@pytest.mark.anyio
async def test_a_cancelled_question_stops_and_frees_its_cursor(tmp_path: Path) -> None:
    warehouse = DuckDbWarehouse(str(tmp_path / "w.duckdb"), readers=1)
    await warehouse.ensure_tables([ROWS])
    rows = parquet([{"tenant_id": str(A), "whole": n} for n in range(2000)])
    await warehouse.load("one", ROWS, [rows], ONLY_A)
    endless = question(
        "SELECT SUM(a.whole + b.whole + c.whole) AS x FROM marts.sample AS a"
        " CROSS JOIN marts.sample AS b CROSS JOIN marts.sample AS c"
    )
    running = asyncio.create_task(warehouse.run(TenantScope(A), endless, {}))
    await asyncio.wait({running}, timeout=0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await warehouse.run(TenantScope(A), WHOLES, {})).num_rows == 2000
    await warehouse.close()


@pytest.mark.anyio
async def test_reads_go_on_beside_each_other_and_a_write(duckdb_warehouse: DuckDbWarehouse) -> None:
    await duckdb_warehouse.ensure_tables([ROWS])
    row = parquet([{"tenant_id": str(A), "whole": 1}])
    await asyncio.gather(
        *(duckdb_warehouse.load(f"l{n}", ROWS, [row], ONLY_A) for n in range(8)),
        *(duckdb_warehouse.run(TenantScope(A), WHOLES, {}) for _ in range(16)),
    )
    assert (await duckdb_warehouse.run(TenantScope(A), WHOLES, {})).num_rows == 8


@pytest.mark.anyio
async def test_inserted_rows_lie_in_cluster_order(duckdb_warehouse: DuckDbWarehouse) -> None:
    raw = sample_table("raw")
    await duckdb_warehouse.ensure_tables([raw, ROWS])
    mixed = [(B, "c1", 1), (A, "c2", 2), (B, "c1", 3), (A, "c1", 4), (A, "c2", 5)]
    rows = [{"tenant_id": str(t), "client_id": c, "whole": n} for t, c, n in mixed]
    await duckdb_warehouse.load("mixed", raw, [parquet(rows, raw)], BOTH)
    insert = change(
        "INSERT INTO marts.sample (tenant_id, client_id, whole)"
        " SELECT r.tenant_id, r.client_id, r.whole FROM raw.sample AS r"
    )
    assert await duckdb_warehouse.execute("insert", insert, {}, BOTH) == 5
    stored = await duckdb_warehouse.run_for(
        BOTH, question("SELECT s.tenant_id, s.client_id FROM marts.sample AS s"), {}
    )
    keys = [(str(A), "c1"), (str(A), "c2"), (str(A), "c2"), (str(B), "c1"), (str(B), "c1")]
    assert [tuple(row.values()) for row in stored.to_pylist()] == keys


@pytest.mark.anyio
async def test_loads_bytes_only(duckdb_warehouse: DuckDbWarehouse) -> None:
    await duckdb_warehouse.ensure_tables([ROWS])
    with pytest.raises(InternalError, match="DuckDB loads the bytes"):
        await duckdb_warehouse.load("x", ROWS, [RemoteObject("gs://b/k", frozenset())], ONLY_A)


@pytest.mark.anyio
async def test_refuses_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("this is not a database file at all")
    with pytest.raises(WarehouseError, match=f"cannot open {tmp_path}/odd"):
        DuckDbWarehouse(str(tmp_path / "odd"))


@pytest.mark.anyio
async def test_opens_by_url(tmp_path: Path) -> None:
    opened = open_warehouse(f"duckdb://{tmp_path}/deep/w.duckdb", options=WarehouseOptions(256, 1))
    assert await opened.check() == f"DuckDB 1.5.5 on {tmp_path}/deep/w.duckdb"
    await opened.close()
    with pytest.raises(InternalError, match="names no warehouse"):
        open_warehouse("sqlite:///x")


def test_knows_every_keyword_of_duckdb() -> None:
    found = duckdb.sql(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    ).fetchall()
    assert [name for (name,) in found if duckdb_name(name) == name] == []
