"""What parts leave out of their whole is booked beside them, on both engines."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tenancy.warehouse.port import Warehouse
from tests.ingestion.unify.ledger import PLACES, A, B, Ledger, place

pytestmark = pytest.mark.anyio

Row = tuple[int, str | None, str | None, Decimal | None, int | None]


@pytest.fixture
async def ledger(warehouse: Warehouse) -> Ledger:
    return await Ledger(warehouse).prepare()


async def _bring(ledger: Ledger, version: int, rows: Sequence[Any], **more: Any) -> None:
    await ledger.bring(version, rows, stream=PLACES, covers=(1, 9), **more)


async def _rows(ledger: Ledger) -> list[Row]:
    found = await ledger.ask(
        "SELECT m.reporting_date, m.campaign_id, m.country, m.spend, m.clicks"
        " FROM marts.ads_country_daily AS m"
        " ORDER BY m.reporting_date, m.campaign_id, m.country, m.spend"
    )
    return [(date.day, *rest) for date, *rest in found]


async def test_the_rest_of_each_campaign_and_day_has_no_country(ledger: Ledger) -> None:
    rows = [
        place(1, "c1", "49", "3.000001", 2),
        place(1, "c1", "33", "1", 1),
        place(1, "c2", "49", "4", 4),
        place(2, "c1", "49", "5", 5),
        place(1, "c1", None, "10", 4),
        place(1, "c2", None, "4", 4),  # whole: nothing is left
        place(2, "c1", None, "7.5", 5),
        place(2, "c3", None, "9", 9),  # none of it is reported by country
    ]
    await _bring(ledger, 1, rows)
    assert await _rows(ledger) == [
        (1, "c1", None, Decimal("5.999999"), 1),
        (1, "c1", "DE", Decimal("3.000001"), 2),
        (1, "c1", "FR", Decimal(1), 1),
        (1, "c2", "DE", Decimal(4), 4),
        (2, "c1", None, Decimal("2.5"), 0),
        (2, "c1", "DE", Decimal(5), 5),
        (2, "c3", None, Decimal(9), 9),
    ]


async def test_a_place_without_a_name_is_a_part_all_the_same(ledger: Ledger) -> None:
    await _bring(ledger, 1, [place(1, "c1", "999", "3", 1), place(1, "c1", None, "3", 2)])
    assert await _rows(ledger) == [
        (1, "c1", None, Decimal(0), 1),
        (1, "c1", None, Decimal(3), 1),
    ]


async def test_parts_of_more_than_the_whole_still_add_up_to_it(ledger: Ledger) -> None:
    await _bring(ledger, 1, [place(1, "c1", "49", "3", 1), place(1, "c1", None, "2.5", 1)])
    assert await _rows(ledger) == [
        (1, "c1", None, Decimal("-0.5"), 0),
        (1, "c1", "DE", Decimal(3), 1),
    ]


async def test_unknown_numbers_take_nothing_off(ledger: Ledger) -> None:
    rows = [
        place(1, None, "49", None, 1),
        place(1, None, None, "2", None),
        place(1, "c1", "33", None, None),
        place(1, "c1", None, "1", 1),
    ]
    await _bring(ledger, 1, rows)
    assert sorted(await _rows(ledger), key=repr) == sorted(
        [
            (1, None, "DE", None, 1),
            (1, None, None, Decimal(2), None),
            (1, "c1", "FR", None, None),
            (1, "c1", None, Decimal(1), 1),
        ],
        key=repr,
    )


async def test_rows_that_stand_twice_are_taken_off_once(ledger: Ledger) -> None:
    rows = [
        place(1, "c1", "49", "2", 1),
        place(1, "c1", "49", "3", 2),
        place(1, "c1", None, "9", 9),
        place(1, "c1", None, "10", 4),
    ]
    await _bring(ledger, 1, rows)
    assert await _rows(ledger) == [
        (1, "c1", None, Decimal(7), 2),
        (1, "c1", "DE", Decimal(3), 2),
    ]


async def test_each_sync_has_its_own_rest(ledger: Ledger) -> None:
    await _bring(ledger, 1, [place(1, "c1", "49", "2", 1), place(1, "c1", None, "5", 5)])
    older = await ledger.add(
        2,
        [place(1, "c1", "49", "4", 1), place(1, "c1", None, "6", 1)],
        stream=PLACES,
        covers=(1, 9),
        connection=2,
    )
    newer = await ledger.add(
        3,
        [place(1, "c1", "49", "3", 1), place(1, "c1", None, "3", 1)],
        stream=PLACES,
        covers=(1, 9),
    )
    foreign = await ledger.add(
        4,
        [place(1, "c1", "49", "1", 1), place(1, "c1", None, "8", 1)],
        stream=PLACES,
        covers=(1, 9),
        tenant=B,
    )
    await ledger.unify(older, newer, foreign, stream=PLACES, tenants=frozenset({A, B}))
    assert await _rows(ledger) == [
        (1, "c1", None, Decimal(2), 0),
        (1, "c1", "DE", Decimal(3), 1),
        (1, "c1", "DE", Decimal(4), 1),
    ]
