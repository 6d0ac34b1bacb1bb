"""Lists inside records that are longer than their part of a page; amounts less their discounts."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from ingestion.connector.failures import IncompleteAnswerError
from tests.ingestion.connector.harness import INSTANTS, harness, platform, rows
from tests.ingestion.connector.scripted_server import Reply, Request, serve

pytestmark = pytest.mark.anyio

# Order -> how many lines it has. A page holds two orders, and two lines of each.
SHOP = {1: 1, 2: 7, 3: 2, 4: 5, 5: 0}


def _line(order: int, place: int) -> dict[str, Any]:
    discounts = [{"amount": "0.25"}, {"amount": "1.05"}] if place % 2 else []
    return {
        "id": f"{order}-{place}",
        "price": {"amount": f"{order}{place}.5", "currency": "EUR"},
        "discounts": discounts,
    }


def _order(number: int, lines: range) -> dict[str, Any]:
    part = [place for place in range(SHOP[number]) if place in lines]
    more = bool(part) and part[-1] + 1 < SHOP[number]
    return {
        "number": number,
        "at": "2026-11-20T11:30:00Z",
        "lines": {
            "nodes": [_line(number, place) for place in part],
            "more": more,
            "next": f"after-{part[-1]}" if part else None,
        },
    }


class Shop:
    """Serves orders; a call for one order alone gets `alone` lines at once."""

    def __init__(self, alone: int = 3) -> None:
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.alone = alone
        self.gone: set[int] = set()

    def __call__(self, request: Request) -> Reply:
        asked = request.json["variables"]
        self.asked.append((asked["search"], asked["after"], asked["lines"]))
        first_line = int(asked["lines"].removeprefix("after-")) + 1 if asked["lines"] else 0
        if asked["search"].startswith("number:"):
            assert (asked["first"], asked["count"], asked["after"]) == (1, 250, None)
            number = int(asked["search"].removeprefix("number:"))
            found = [] if number in self.gone else [number]
            return self._page(found, range(first_line, first_line + self.alone), None)
        begin = int(asked["after"] or 0)
        numbers = list(SHOP)[begin : begin + asked["first"]]
        following = begin + len(numbers)
        return self._page(numbers, range(2), str(following) if following < len(SHOP) else None)

    def _page(self, numbers: Sequence[int], lines: range, following: str | None) -> Reply:
        nodes = [_order(number, lines) for number in numbers]
        return Reply({"orders": {"nodes": nodes, "next": following}})


ALL_LINES = [f"{order}-{place}" for order, count in SHOP.items() for place in range(count)]


async def test_lists_are_read_to_their_end_before_the_next_page() -> None:
    shop = Shop()
    async with serve(shop) as server, harness({"lists": server.url}) as run:
        pages = await run.read(platform("lists"), "lines", INSTANTS)
    found = [line for (line,) in rows(pages, "line_id")]
    assert sorted(found) == sorted(ALL_LINES)
    assert len(found) == len(set(found))
    assert [(search[:8], after, lines) for search, after, lines in shop.asked] == [
        ("since:20", None, None),
        ("number:2", None, "after-1"),
        ("number:2", None, "after-4"),
        ("since:20", "2", None),
        ("number:4", None, "after-1"),
        ("since:20", "4", None),
    ]
    assert {row[0]: row[1] for row in rows(pages, "line_id", "order_id")}["2-6"] == "2"


async def test_discounts_are_taken_off_to_the_cent() -> None:
    async with serve(Shop()) as server, harness({"lists": server.url}) as run:
        pages = await run.read(platform("lists"), "lines", INSTANTS)
    prices = dict(rows(pages, "line_id", "price"))
    assert prices["2-0"] == Decimal("20.5")
    assert prices["2-3"] == Decimal("22.2")  # 23.5 less 0.25 and 1.05
    assert [item for page in pages for item in page.drift] == []


async def test_a_discount_that_is_no_amount_spoils_its_row_only() -> None:
    shop = Shop()

    def answer(request: Request) -> Reply:
        body = json.loads(shop(request).payload)
        for order in body["orders"]["nodes"]:
            for line in order["lines"]["nodes"]:
                if line["id"] == "1-0":
                    line["discounts"] = [{"amount": "n/a"}]
        return Reply(body)

    async with serve(answer) as server, harness({"lists": server.url}) as run:
        pages = await run.read(platform("lists"), "lines", INSTANTS)
    (rejected,) = [row for page in pages for row in page.rejected]
    assert (rejected.field, rejected.reason) == ("price", "not_a_number")
    assert rejected.message.startswith("'10.5 less n/a' is not a number")
    assert len(rows(pages, "line_id")) == len(ALL_LINES) - 1


@pytest.mark.parametrize("kept", range(6))
async def test_goes_on_inside_a_list_after_a_restart(kept: int) -> None:
    source = platform("lists")
    async with serve(Shop()) as server, harness({"lists": server.url}) as run:
        pages = await run.read(source, "lines", INSTANTS)
    stored = json.loads(json.dumps(pages[kept].checkpoint))
    shop = Shop()
    async with serve(shop) as server, harness({"lists": server.url}) as again:
        more = await again.read(source, "lines", INSTANTS, checkpoint=stored)
    columns = ("row_number", "line_id", "price")
    assert rows(pages[: kept + 1], *columns) + rows(more, *columns) == rows(pages, *columns)
    assert len(shop.asked) == 5 - kept


async def test_a_record_that_is_gone_when_asked_for_is_no_end_of_its_list() -> None:
    shop = Shop()
    shop.gone.add(2)
    async with serve(shop) as server, harness({"lists": server.url}) as run:
        with pytest.raises(IncompleteAnswerError) as caught:
            await run.read(platform("lists"), "lines", INSTANTS)
    assert str(caught.value) == (
        "number 2 has more records than were sent, and is gone when asked for them "
        "(the sync is tried again by itself)"
    )


async def test_a_list_that_goes_on_nowhere_is_malformed() -> None:
    shop = Shop()

    def answer(request: Request) -> Reply:
        body = json.loads(shop(request).payload)
        for order in body["orders"]["nodes"]:
            order["lines"]["next"] = None
        return Reply(body)

    async with serve(answer) as server, harness({"lists": server.url}) as run:
        with pytest.raises(Exception, match=r"'lines.more' is true, but 'lines.next' is empty"):
            await run.read(platform("lists"), "lines", INSTANTS)
