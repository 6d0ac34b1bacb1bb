"""What real accounts do, and no check may complain about."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from tests.ingestion.quality.accounts import (
    Row,
    Rows,
    account_totals,
    ads,
    changed,
    days,
    orders,
    property_totals,
    refunds,
    visits,
)
from tests.ingestion.quality.stage import FIRST, LAST, RUN_FIRST, USUAL_LAST, Brought, Scenario

__all__ = ["CONTROLS"]

HABIT: Final = days(FIRST, USUAL_LAST)
RUN: Final = days(RUN_FIRST, LAST)
RESTATED: Final = frozenset(days(RUN_FIRST, USUAL_LAST))
AMOUNTS: Final = ("spend", "impressions", "clicks", "conversions", "payment_value")


def _play(name: str, habit: Rows, run: Rows) -> Scenario:
    return Scenario({name: Brought(habit, FIRST, USUAL_LAST)}, {name: Brought(run)})


def _scaled(row: Row, factor: str) -> Row:
    def one(value: Decimal | int) -> Decimal | int:
        scaled = value * Decimal(factor)
        return int(scaled) if isinstance(value, int) else scaled

    return {name: one(row[name]) for name in AMOUNTS}


def _is_last(row: Row) -> bool:
    return bool(row["date"] == LAST)


def _works(day: dt.date) -> bool:
    return day.weekday() < 5


def _ads() -> Iterator[tuple[str, Scenario]]:
    habit, run = ads(HABIT), ads(RUN)
    yield "a week with its weekend", _play("ads", habit, run)
    working = [day for day in HABIT if _works(day)], [day for day in RUN if _works(day)]
    yield "no ads on weekends", _play("ads", *map(ads, working))
    launched = [{**row, "campaign_id": "launch", **_scaled(row, "240")} for row in ads([LAST])[:1]]
    yield "a launch ten times as large as all the rest", _play("ads", habit, run + launched)
    paused = [
        [row for row in rows if row["date"] <= LAST - dt.timedelta(days=3)] for rows in (habit, run)
    ]
    yield "the account paused for three days", _play("ads", *paused)
    small = ads(HABIT, campaigns=3), ads(RUN, campaigns=3)
    left = [row for row in small[1] if not _is_last(row) or row["campaign_id"] == "c0"]
    yield "two of three campaigns paused", _play("ads", small[0], left)
    yield "budgets cut in half", _play("ads", habit, changed(run, lambda r: _scaled(r, "0.5")))
    first = {"ads": Brought(ads(days(FIRST, LAST)), FIRST, LAST)}
    yield "the first day of a new account", Scenario({}, first)
    tiny = [row for row in ads(HABIT, campaigns=1) if row["date"].day % 5]
    yield "a tiny account that comes and goes", _play("ads", tiny, ads([LAST], campaigns=1))
    nothing = changed(run, lambda _: dict.fromkeys(AMOUNTS, 0), only=_is_last)
    yield "a day on which nothing was shown", _play("ads", habit, nothing)
    renamed = ads(RUN, prefix="new")
    yield "all campaigns rebuilt under new ids", _play("ads", habit, renamed)
    yield "everything in yen", _play("ads", _in_yen(habit), _in_yen(run))


def _in_yen(rows: Rows) -> Rows:
    return changed(rows, lambda row: {"spend": Decimal(int(row["spend"] * 160))})


def _restated() -> Iterator[tuple[str, Scenario]]:
    habit, run = ads(HABIT), ads(RUN)

    def again(**changes: str) -> Rows:
        return changed(
            run,
            lambda row: {name: row[name] * Decimal(by) for name, by in changes.items()},
            only=lambda row: row["date"] in RESTATED,
        )

    yield "days restated by eight percent", _play("ads", habit, again(spend="1.08"))
    late = again(conversions="2", payment_value="2")
    yield "late conversions", _play("ads", habit, late)
    credited = changed(
        run, lambda row: _scaled(row, "0.7"), only=lambda row: row["date"] in RESTATED
    )
    yield "credit for invalid clicks", _play("ads", habit, credited)
    yield "a page sent twice", _play("ads", habit, run + run[:50])


def _prices() -> Iterator[tuple[str, Scenario]]:
    habit = ads(HABIT)
    dear = changed(ads(RUN), lambda row: {"spend": row["spend"] * 3})
    yield "an auction three times as dear", _play("ads", habit, dear)
    search = changed(
        ads(RUN), lambda row: {"impressions": row["impressions"] // 40, "spend": row["spend"] * 2}
    )
    yield "from display to search", _play("ads", habit, search)


def _totals() -> Iterator[tuple[str, Scenario]]:
    run, pages = ads(RUN), visits(RUN)
    rounded = changed(account_totals(run), lambda row: {"spend": row["spend"] + Decimal("0.11")})
    habit = {"ads": Brought(ads(HABIT), FIRST, USUAL_LAST)}
    told = {"ads totals": Brought(rounded), "ads": Brought(run)}
    yield "totals rounded otherwise", Scenario(habit, told)
    withheld = [row for row in pages if row["page_told"] != "/page-7"]
    habit = {"visits": Brought(visits(HABIT), FIRST, USUAL_LAST)}
    told = {"visits totals": Brought(property_totals(pages)), "visits": Brought(withheld)}
    yield "rows of few people withheld", Scenario(habit, told)


def _shop() -> Iterator[tuple[str, Scenario]]:
    habit = orders(HABIT)
    yield "five times the orders on a holiday", _play("orders", habit, orders(RUN, a_day=150))
    quiet = orders(RUN[:-1]) + orders([LAST], a_day=6)
    yield "a holiday on which shops are quiet", _play("orders", habit, quiet)
    wholesale = orders(RUN)
    wholesale[-1] = {**wholesale[-1], "total": Decimal(12_000)}
    yield "one order of a company", _play("orders", habit, wholesale)
    returned = refunds(RUN) + refunds([LAST], a_day=40)
    yield "the day after a sale, returns", _play("refunds", refunds(HABIT), returned)
    few = orders(HABIT, a_day=2), orders(RUN[:-1], a_day=2)
    yield "a small shop without an order", _play("orders", *few)


def _visits() -> Iterator[tuple[str, Scenario]]:
    yield "visits as always", _play("visits", visits(HABIT), visits(RUN))
    yield "a page that goes round the world", _play("visits", visits(HABIT), _viral())
    yield "a day of 23 hours", _play("visits", visits(HABIT), _shorter())


def _viral() -> Rows:
    return changed(
        visits(RUN),
        lambda row: {
            name: row[name] * 50 for name in ("sessions", "engaged_sessions", "page_views")
        },
        only=lambda row: _is_last(row) and row["page_told"] == "/page-3",
    )


def _shorter() -> Rows:
    """The clocks go forward on a Sunday: a day of 23 hours."""
    return changed(
        visits(RUN),
        lambda row: {n: row[n] * 23 // 24 for n in ("sessions", "engaged_sessions")},
        only=lambda row: row["date"].weekday() == 6,
    )


CONTROLS: Final[dict[str, Scenario]] = {
    name: scenario
    for group in (_ads, _restated, _prices, _totals, _shop, _visits)
    for name, scenario in group()
}
