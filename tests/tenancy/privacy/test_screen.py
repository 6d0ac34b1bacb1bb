"""Rows of erased people are left out or lose the person; all other rows stay as they are."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import CUSTOMERS, ORDER_LINES, ORDERS
from domain.facts.fact import Fact, Names
from domain.facts.tables import Table, facts_table
from domain.ids import ClientId, ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind, email, order, platform_id
from ingestion.files.feeds import raw_file_stream
from ingestion.landing.parquet import arrow_schema
from tenancy.privacy.pseudonyms import Pseudonyms
from tenancy.privacy.screen import Screen, identify, key_without_person, screen
from tenancy.privacy.tombstones import Pseudonymised

ACME = ClientId(uuid.UUID(int=1))
SHOP, OTHER_SHOP = ConnectionId(uuid.UUID(int=11)), ConnectionId(uuid.UUID(int=12))
NAMES = Pseudonyms(b"k" * 32, b"s" * 32)
ADA, ORDER_1 = platform_id("ada", SHOP), order("1", SHOP)
MORNING = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC)
DAY = dt.date(2026, 3, 2)  # of the shop, which is east of Greenwich
MIDNIGHT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


def _against(*erased: Identifier, connection_id: ConnectionId = SHOP) -> Screen:
    tombstones = frozenset(NAMES.of(ACME, one) for one in erased)
    return Screen(NAMES, ACME, connection_id, tombstones.__contains__)


def _rows(fact: Fact, rows: Iterable[dict[str, Any]]) -> pa.RecordBatch:
    schema = arrow_schema(facts_table(fact))
    whole = [dict.fromkeys(schema.names) | row for row in rows]
    return pa.RecordBatch.from_pylist(whole, schema=schema)


def _order(order_id: str, customer_id: str | None) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "reporting_date": DAY,
        "ordered_at": MORNING,
        "channel": "direct",
        "country": "DE",
        "revenue": 10,
    }


def _surrogate(what: str, value: str) -> str:
    return NAMES.surrogate(SHOP, what, value)


ROWS = _rows(ORDERS, [_order("1", "ada"), _order("2", "ben"), _order("3", None)])


def test_an_order_loses_the_person_and_keeps_what_sums_rest_on() -> None:
    found = screen(ROWS, facts_table(ORDERS), _against(ADA))
    first, *others = found.rows.to_pylist()
    assert first == ROWS.to_pylist()[0] | {
        "order_id": _surrogate("order_id", "1"),
        "customer_id": None,
        "ordered_at": MIDNIGHT,
    }
    assert others == ROWS.to_pylist()[1:]
    assert found.rows.schema == ROWS.schema
    assert found.count == 1
    assert found.erased is not None
    assert found.erased.to_pylist() == [True, False, False]


def test_what_else_the_row_names_is_the_persons_too() -> None:
    found = screen(ROWS, facts_table(ORDERS), _against(ADA))
    new = Pseudonymised(NAMES.of(ACME, ORDER_1), ACME, IdentifierKind.ORDER)
    assert found.related == {new: NAMES.of(ACME, ADA)}
    assert screen(ROWS, facts_table(ORDERS), _against(ADA, ORDER_1)).related == {}


def test_an_order_is_known_by_its_own_id_too() -> None:
    guest = screen(ROWS, facts_table(ORDERS), _against(order("3", SHOP)))
    assert guest.rows.column("order_id").to_pylist() == ["1", "2", _surrogate("order_id", "3")]
    lines = _rows(
        ORDER_LINES,
        [{"order_line_id": number, "order_id": "1", "product_id": "p"} for number in ("7", "8")],
    )
    found = screen(lines, facts_table(ORDER_LINES), _against(ORDER_1))
    assert found.rows.to_pylist() == [
        row
        | {
            "order_line_id": _surrogate("order_line_id", row["order_line_id"]),
            "order_id": _surrogate("order_id", "1"),
        }
        for row in lines.to_pylist()
    ]


def test_a_customer_is_left_out() -> None:
    rows = _rows(CUSTOMERS, [{"customer_id": name} for name in ("ada", "ben")])
    found = screen(rows, facts_table(CUSTOMERS), _against(ADA))
    assert found.rows.column("customer_id").to_pylist() == ["ben"]
    assert (found.count, found.related) == (1, {})


def test_what_came_beside_a_row_names_its_person() -> None:
    rows = _rows(CUSTOMERS, [{"customer_id": name} for name in ("new", "ben")])
    ada = email("ada@northwind.example")
    beside = [(IdentifierKind.EMAIL, pa.array(["ADA@northwind.example ", "no address"]))]
    found = screen(rows, facts_table(CUSTOMERS), _against(ada), beside)
    assert found.rows.column("customer_id").to_pylist() == ["ben"]
    new = NAMES.of(ACME, platform_id("new", SHOP))
    by = NAMES.of(ACME, ada)
    assert found.related == {Pseudonymised(new, ACME, IdentifierKind.PLATFORM): by}


@pytest.mark.parametrize(
    "against",
    [
        _against(),
        _against(platform_id("1", SHOP)),
        _against(order("ada", SHOP)),
        _against(platform_id("ada", OTHER_SHOP)),
        _against(ADA, connection_id=OTHER_SHOP),
        Screen(NAMES, ClientId(uuid.UUID(int=2)), SHOP, {NAMES.of(ACME, ADA)}.__contains__),
    ],
)
def test_rows_of_nobody_who_is_erased_are_the_same_object(against: Screen) -> None:
    found = screen(ROWS, facts_table(ORDERS), against)
    assert found.rows is ROWS
    assert (found.count, found.erased, found.related) == (0, None, {})


def test_screening_again_changes_nothing() -> None:
    against = _against(ADA, ORDER_1)
    once = screen(ROWS, facts_table(ORDERS), against).rows
    assert screen(once, facts_table(ORDERS), against).rows is once


def _file_table(fact: Fact) -> Table:
    return raw_file_stream(fact).raw_table


def test_raw_columns_know_what_the_fact_says_of_people() -> None:
    columns = {column.name: column for column in _file_table(ORDERS).columns}
    told = {
        name: (column.names, column.erased.value, column.fills)
        for name, column in columns.items()
        if column.erased.value != "kept" or column.names
    }
    assert told == {
        "natural_key": (None, "surrogate", "natural_key"),
        "order_id": (Names.ORDER, "surrogate", "order_id"),
        "customer_id": (Names.PERSON, "cleared", "customer_id"),
        "ordered_at": (None, "day", "ordered_at"),
        "unknown_fields": (None, "cleared", ""),
    }
    assert columns["revenue"].fills == "revenue"
    assert _file_table(ORDERS).outlives_person
    assert not _file_table(CUSTOMERS).outlives_person


def test_the_key_of_a_row_that_stays_has_no_person_in_it() -> None:
    table = _file_table(ORDERS)
    assert key_without_person('["1"]', table, _against()) == _surrogate("natural_key", '["1"]')
    assert key_without_person("a\x1fb", table, _against()) == "a\x1fb"  # of another stream


def test_what_is_no_identifier_names_nobody() -> None:
    assert identify(IdentifierKind.EMAIL, "ada", SHOP) is None
    assert identify(IdentifierKind.PLATFORM, "  ", SHOP) is None
    assert identify(IdentifierKind.ORDER, " ", SHOP) is None
    assert identify(IdentifierKind.PHONE, "12", SHOP) is None
    found = identify(IdentifierKind.PHONE, "030 901820", SHOP, "DE")
    assert found is not None
    assert found.value == "+4930901820"


_NAMED = st.sampled_from(["ada", "ben", "cem", None])


@given(st.lists(_NAMED, max_size=8), st.sets(st.sampled_from(["ada", "ben", "cem"])))
def test_exactly_the_rows_of_the_erased_change(
    customers: list[str | None], erased: set[str]
) -> None:
    rows = _rows(ORDERS, [_order(str(place), name) for place, name in enumerate(customers)])
    against = _against(*(platform_id(name, SHOP) for name in erased))
    found = screen(rows, facts_table(ORDERS), against).rows.to_pylist()
    for before, after in zip(rows.to_pylist(), found, strict=True):
        is_erased = before["customer_id"] in erased
        assert after["revenue"] == before["revenue"]
        assert (after == before) is not is_erased
        assert after["order_id"].startswith("erased_") is is_erased
