"""What erasing does to the rows of a table, on both engines, and to the same rows in memory."""

import datetime as dt
import io
import uuid
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.privacy.identifiers import order, platform_id
from gdpr.erasure.erasable import Erasable
from gdpr.erasure.statements import (
    KEY,
    ORDER,
    PERSON,
    RUN,
    anonymise,
    count_rows,
    delete_rows,
    find_objects,
    find_orders,
    find_words,
)
from gdpr.erasure.targets import TARGETS, Target, TargetList
from tenancy.privacy.pseudonyms import Pseudonyms
from tenancy.privacy.screen import Screen, screen
from tenancy.warehouse.port import Warehouse
from tests.gdpr.erasure.shop import CLIENT, CONNECTION, ERASABLES, raw, row
from tests.tenancy.warehouse.samples import BOTH, ONLY_A, A, B, parquet, question

pytestmark = pytest.mark.anyio

RUN_ID = uuid.UUID(int=0xE1)
REQUEST = uuid.UUID(int=0xE2)
PSEUDONYMS = Pseudonyms(b"p" * 32, b"s" * 32)
MIDNIGHT = dt.datetime(2026, 10, 5, tzinfo=dt.UTC)
ORDERS, LINES = ERASABLES["facts.orders"], ERASABLES["facts.order_lines"]


def surrogate(word: str, value: str) -> str:
    return PSEUDONYMS.surrogate(CONNECTION, word, value)


def target(word: str, value: str, new: str | None = None) -> Target:
    return Target(A, CONNECTION, REQUEST, word, value, new)


async def stored(warehouse: Warehouse, erasable: Erasable) -> list[dict[str, Any]]:
    statement = question(f"SELECT * FROM {erasable.table.qualified} AS r")
    rows: list[dict[str, Any]] = (await warehouse.run_for(ONLY_A, statement, {})).to_pylist()
    return sorted(rows, key=str)


async def put(warehouse: Warehouse, erasable: Erasable, *rows: dict[str, Any]) -> None:
    await warehouse.ensure_tables([erasable.table, TARGETS])
    table = erasable.table
    await warehouse.load(f"rows-{table.qualified}", table, [parquet(rows, table)], BOTH)


async def test_an_order_stays_without_the_person(warehouse: Warehouse) -> None:
    theirs = row(ORDERS.table, stream="orders", order_id="77", natural_key="77", customer_id="5")
    other = theirs | {"order_id": "78", "natural_key": "78", "customer_id": "6"}
    foreign = theirs | {"tenant_id": str(B)}
    elsewhere = theirs | {"connection_id": str(uuid.UUID(int=0xC9))}
    await put(warehouse, ORDERS, theirs, other, foreign, elsewhere)
    targets = TargetList(warehouse, RUN_ID, BOTH)
    assert await targets.add([target(PERSON, "5")]) == 1
    run = {RUN: str(RUN_ID)}

    found = (await warehouse.run_for(BOTH, find_orders(ORDERS), run)).to_pylist()
    assert found == [
        {
            "tenant_id": str(A),
            "connection_id": str(CONNECTION),
            "request_id": str(REQUEST),
            "value": "77",
        }
    ]
    await targets.add([target(ORDER, "77", surrogate("order_id", "77"))])
    words = (await warehouse.run_for(BOTH, find_words(ORDERS), run)).to_pylist()
    of_order = {"order_id": "77", "natural_key": "77", "source": "shopify", "stream": "orders"}
    assert words == [{k: v for k, v in found[0].items() if k != "value"} | of_order]
    await targets.add([target(f"{KEY}shopify.orders", "77", surrogate("order_id", "77"))])
    counted = (await warehouse.run_for(BOTH, count_rows(ORDERS), run)).to_pylist()
    assert counted == [{"tenant_id": str(A), "request_id": str(REQUEST), "row_count": 1}]

    assert await warehouse.execute("erase", anonymise(ORDERS), run, BOTH) == 2

    expected = theirs | {
        "order_id": surrogate("order_id", "77"),
        "natural_key": surrogate("order_id", "77"),
        "customer_id": None,
        "ordered_at": MIDNIGHT,
    }
    assert await stored(warehouse, ORDERS) == sorted([expected, other, elsewhere], key=str)
    # Doing it again, in a run of its own, finds nothing.
    assert await warehouse.execute("erase again", anonymise(ORDERS), run, BOTH) == 0
    assert await targets.forget() == 3
    assert await targets.read() == []


async def test_targets_come_in_batches_and_once(warehouse: Warehouse) -> None:
    await warehouse.ensure_tables([TARGETS])
    targets = TargetList(warehouse, RUN_ID, ONLY_A, at_once=2)
    people = [target(PERSON, value) for value in ("5", "6", "5", "7", "8", "9", "6")]
    assert await targets.add(people[:2]) == 2
    assert await targets.add(people) == 3
    assert await targets.add(people) == 0
    assert sorted(one.value for one in await targets.read()) == ["5", "6", "7", "8", "9"]
    assert await targets.forget() == 5


async def test_a_customer_goes(warehouse: Warehouse) -> None:
    customers = ERASABLES["facts.customers"]
    theirs = row(customers.table, customer_id="5", natural_key="5")
    other = theirs | {"customer_id": "6", "natural_key": "6"}
    await put(warehouse, customers, theirs, other)
    await TargetList(warehouse, RUN_ID, ONLY_A).add([target(PERSON, "5")])
    run = {RUN: str(RUN_ID)}
    assert await warehouse.execute("erase", delete_rows(customers), run, ONLY_A) == 1
    assert await stored(warehouse, customers) == [other]


async def test_a_line_keeps_its_place_in_its_order(warehouse: Warehouse) -> None:
    """Ids of the line itself get a surrogate too, and each of its versions the same one."""
    first = row(LINES.table, stream="order_lines", order_line_id="9", order_id="77", version=1)
    first |= {"natural_key": "9"}
    second = first | {"version": 2, "units": 4}
    await put(warehouse, LINES, first, second)
    targets = TargetList(warehouse, RUN_ID, ONLY_A)
    line = surrogate("order_line_id", "9")
    await targets.add(
        [
            target(ORDER, "77", surrogate("order_id", "77")),
            target("order_line_id", "9", line),
            target(f"{KEY}shopify.order_lines", "9", line),
        ]
    )
    assert await warehouse.execute("erase", anonymise(LINES), {RUN: str(RUN_ID)}, ONLY_A) == 4
    order = surrogate("order_id", "77")
    changed = {"order_line_id": line, "order_id": order, "natural_key": line}
    assert await stored(warehouse, LINES) == sorted([first | changed, second | changed], key=str)


async def test_of_an_order_told_again_meanwhile_the_new_word_stays_alone(
    warehouse: Warehouse,
) -> None:
    """It came in under its surrogate, after the tombstones and before the current view changed."""
    view, key = ERASABLES["marts.orders"], surrogate("order_id", "77")
    old = row(view.table, stream="orders", order_id="77", natural_key="77", version=1)
    new = old | {"order_id": key, "natural_key": key, "customer_id": None, "version": 2}
    await put(warehouse, ORDERS, old | {"order_id": key, "natural_key": key}, new)
    await put(warehouse, view, old, new)
    targets = [target(ORDER, "77", key), target(f"{KEY}shopify.orders", "77", key)]
    await TargetList(warehouse, RUN_ID, ONLY_A).add(targets)
    assert await warehouse.execute("erase", anonymise(view), {RUN: str(RUN_ID)}, ONLY_A) == 1
    assert await stored(warehouse, view) == [new]


async def test_rows_in_memory_become_what_rows_in_the_warehouse_become(
    duckdb_warehouse: Warehouse,
) -> None:
    """A landing object that is rewritten, and raw rows that were loaded from it, stay equal."""
    orders = raw("orders")
    rows = [
        row(orders.table, row_number=1, order_id="77", customer_id="5"),
        row(orders.table, row_number=2, order_id="78", customer_id=None),
        row(orders.table, row_number=3, order_id="79", customer_id="6"),
        row(orders.table, row_number=4, order_id="80", customer_id="5"),
    ]
    await put(duckdb_warehouse, orders, *rows)
    found = [target(ORDER, one, surrogate("order_id", one)) for one in ("77", "78", "80")]
    gone = {PSEUDONYMS.of(CLIENT, order(one, CONNECTION)) for one in ("77", "78", "80")}
    gone.add(PSEUDONYMS.of(CLIENT, platform_id("5", CONNECTION)))
    landed = pa.RecordBatch.from_struct_array(
        pq.read_table(io.BytesIO(parquet(rows, orders.table))).to_struct_array().combine_chunks()
    )
    against = Screen(PSEUDONYMS, CLIENT, CONNECTION, gone.__contains__)

    screened = screen(landed, orders.table, against)
    await TargetList(duckdb_warehouse, RUN_ID, ONLY_A).add([target(PERSON, "5"), *found])
    run = {RUN: str(RUN_ID)}
    objects = (await duckdb_warehouse.run_for(ONLY_A, find_objects(orders), run)).to_pylist()
    assert objects == [{"tenant_id": str(A), "object_id": str(uuid.UUID(int=0xB1))}]
    assert await duckdb_warehouse.execute("erase", anonymise(orders), run, ONLY_A) == 6

    assert screened.count == 3
    assert sorted(screened.rows.to_pylist(), key=str) == await stored(duckdb_warehouse, orders)
