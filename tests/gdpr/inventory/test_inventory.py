"""The inventory is whole: everything that is kept says what it holds of people.

    declarations -> inventory -> no gap; live servers -> nothing that it does not know
    each classification taken away or changed, once -> something is red

When the page is out of date: `bosco gdpr inventory --format md > docs/data_inventory.md`.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import duckdb
import pytest
from sqlalchemy import NullPool, create_engine, text

from api.privacy_inventory import read_inventory
from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import (
    LINEAGE,
    SHOP_CUSTOMER_ID,
    STAFF_CALLS,
    STAFF_EMAIL,
    STAFF_ID,
)
from gdpr.inventory.collect import Inventory
from gdpr.inventory.gaps import OWN_SCHEMAS, find_gaps, find_unregistered
from gdpr.inventory.page import write_page
from tenancy.warehouse.duckdb import DuckDbWarehouse
from tests.isolation.entries import ROOT, tables_of_the_warehouse

INVENTORY: Final = read_inventory()
PAGE: Final = ROOT / "docs" / "data_inventory.md"


def _kept_for_ever(one: HeldColumn) -> HeldColumn:
    assert one.personal is not None
    return dataclasses.replace(
        one, holds=dataclasses.replace(one.personal, retention="for_ever"), kept=""
    )


# Each way in which somebody could get a classification wrong.
MUTANTS: Final[dict[str, Callable[[HeldColumn], HeldColumn]]] = {
    "forgotten": lambda one: dataclasses.replace(one, holds=None),
    "about nobody": lambda one: dataclasses.replace(one, holds=LINEAGE),
    "kept for ever": _kept_for_ever,
    "not found": lambda one: dataclasses.replace(one, path=("nowhere",)),
    "of another kind": lambda one: dataclasses.replace(
        one, holds=STAFF_CALLS if one.holds is not STAFF_CALLS else SHOP_CUSTOMER_ID
    ),
}


def test_every_column_of_every_store_says_what_it_holds() -> None:
    assert find_gaps(INVENTORY) == []


def test_every_store_is_in_it() -> None:
    assert {one.store for one in INVENTORY.columns} == set(Store)


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(INVENTORY)


def test_postgresql_has_no_column_that_is_not_registered(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT table_schema, table_name, column_name FROM information_schema.columns"
                " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            )
        ).all()
    live = [
        (table if schema == "public" else f"{schema}.{table}", column)
        for schema, table, column in rows
        if schema not in OWN_SCHEMAS and f"{schema}.{table}" not in OWN_SCHEMAS
    ]
    assert find_unregistered(INVENTORY, Store.POSTGRES, live) == []
    known = {(one.table, one.column) for one in INVENTORY.of(Store.POSTGRES)}
    assert known == set(live)


@pytest.mark.anyio
async def test_the_warehouse_has_no_column_that_is_not_registered(tmp_path: Path) -> None:
    path = tmp_path / "live.duckdb"
    warehouse = DuckDbWarehouse(str(path), memory_limit_mb=512)
    await warehouse.ensure_tables(tables_of_the_warehouse())
    await warehouse.close()
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns"
        ).fetchall()
    live = [(table, column) for table, column in rows if table not in OWN_SCHEMAS]
    assert find_unregistered(INVENTORY, Store.WAREHOUSE, live) == []
    known = {(one.table, one.column) for one in INVENTORY.of(Store.WAREHOUSE)}
    assert known == set(live)


def test_a_column_that_nobody_declared_is_told() -> None:
    live = [("users", "email"), ("users", "shoe_size"), ("shadow", "email")]
    assert find_unregistered(INVENTORY, Store.POSTGRES, live) == [
        "users.shoe_size is not registered",
        "shadow.email is not registered",
    ]


_USERS: Final = HeldColumn(Store.POSTGRES, "users", "id", STAFF_ID, path=("id",))


@pytest.mark.parametrize(
    ("column", "gap"),
    [
        (HeldColumn(Store.LOGS, "log", "word", None), "nobody has said what it holds"),
        (
            HeldColumn(Store.POSTGRES, "notes", "writer", LINEAGE, refers_to="users.id"),
            "says that it is about nobody, but refers to users.id",
        ),
        (
            HeldColumn(Store.EXPORTS, "file", "work_email", LINEAGE),
            "says that it is about nobody, but its name speaks of somebody",
        ),
        (
            HeldColumn(Store.POSTGRES, "notes", "address", STAFF_EMAIL),
            "does not say how its person is found",
        ),
        (
            HeldColumn(Store.POSTGRES, "notes", "address", STAFF_EMAIL, path=("writer",)),
            "its person is looked for in notes.writer, which there is not",
        ),
        (
            HeldColumn(Store.POSTGRES, "notes", "address", STAFF_EMAIL, path=("address",)),
            "notes.address does not lead to users.id",
        ),
        (
            HeldColumn(
                Store.POSTGRES, "notes", "address", STAFF_EMAIL, path=("address", "users.id")
            ),
            "notes.address does not lead to users.id",
        ),
        (
            HeldColumn(
                Store.LOGS, "log", "word", dataclasses.replace(STAFF_CALLS, retention="for_ever")
            ),
            "there is no retention policy 'for_ever'",
        ),
        (
            HeldColumn(
                Store.LOGS, "log", "word", dataclasses.replace(STAFF_CALLS, no_key_because="")
            ),
            "nobody is found from here, and it does not say why that is enough",
        ),
    ],
)
def test_a_gap_is_told(column: HeldColumn, gap: str) -> None:
    gaps = find_gaps(Inventory((_USERS, column)))
    assert gaps == [f"{column.store.value}, {column.place}: {gap}"]


def test_a_column_that_is_told_twice_is_told() -> None:
    assert find_gaps(Inventory((_USERS, _USERS))) == ["PostgreSQL, users.id: told twice"]


def test_a_person_whose_row_holds_nobody_is_told() -> None:
    owner = HeldColumn(Store.WAREHOUSE, "facts.orders", "number", LINEAGE)
    column = HeldColumn(
        Store.WAREHOUSE, "facts.orders", "customer", SHOP_CUSTOMER_ID, path=("number",)
    )
    [gap] = find_gaps(Inventory((owner, column)))
    assert gap == (
        "warehouse, facts.orders.customer: its person is looked for in facts.orders.number, which"
        " says that it is about nobody"
    )


def _mutants() -> Iterator[tuple[str, HeldColumn, HeldColumn]]:
    for one, _ in INVENTORY.personal:
        for name, change in MUTANTS.items():
            yield name, one, change(one)


@functools.cache
def _page_of(store: Store) -> str:
    return write_page(Inventory(_personal_in(store)))


def _personal_in(store: Store) -> tuple[HeldColumn, ...]:
    return tuple(one for one, _ in INVENTORY.personal if one.store is store)


def _is_seen(original: HeldColumn, mutant: HeldColumn) -> tuple[bool, bool]:
    """By a rule; on the page that people read."""
    columns = _personal_in(original.store)
    changed = Inventory(tuple(mutant if one is original else one for one in columns))
    return bool(find_gaps(changed)), write_page(changed) != _page_of(original.store)


def test_a_wrong_classification_is_noticed() -> None:
    seen = {name: [0, 0, 0] for name in MUTANTS}
    missed = []
    for name, original, mutant in _mutants():
        by_rule, by_page = _is_seen(original, mutant)
        seen[name][0] += 1
        seen[name][1] += by_rule
        seen[name][2] += by_rule or by_page
        if not (by_rule or by_page):
            missed.append(f"{name}: {original.store.value}, {original.place}")
    mutants, killed = (sum(counts[index] for counts in seen.values()) for index in (0, 2))
    assert mutants == len(INVENTORY.personal) * len(MUTANTS)
    assert killed >= 0.95 * mutants, missed
    # What is forgotten, or kept for ever, needs no reader of the page.
    for name in ("forgotten", "kept for ever"):
        assert seen[name][1] == seen[name][0]
