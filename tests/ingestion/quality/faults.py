"""Thirty faults that have happened to somebody: what the run brings, and which check finds it."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ingestion.connector.job import Drift
from tests.ingestion.quality.accounts import (
    Row,
    Rows,
    account_totals,
    ads,
    changed,
    days,
    orders,
    property_totals,
    visits,
)
from tests.ingestion.quality.stage import FIRST, LAST, RUN_FIRST, USUAL_LAST, Brought, Scenario

__all__ = ["FAULTS"]

HABIT: Final = days(FIRST, USUAL_LAST)
RUN: Final = days(RUN_FIRST, LAST)
CRITICAL: Final = "critical"
WARNING: Final = "warning"
NOTICE: Final = "notice"
CENT: Final = Decimal("0.01")


def _ads(rows: Rows, *, rejected: int = 0, drift: tuple[Drift, ...] = ()) -> Scenario:
    habit = {"ads": Brought(ads(HABIT), FIRST, USUAL_LAST)}
    return Scenario(habit, {"ads": Brought(rows, rejected=rejected, drift=drift)})


def _visits(rows: Rows) -> Scenario:
    habit = {"visits": Brought(visits(HABIT), FIRST, USUAL_LAST)}
    return Scenario(habit, {"visits": Brought(rows)})


def _orders(rows: Rows) -> Scenario:
    habit = {"orders": Brought(orders(HABIT), FIRST, USUAL_LAST)}
    return Scenario(habit, {"orders": Brought(rows)})


def _found(scenario: Scenario, **found: str) -> Scenario:
    return Scenario(scenario.habit, scenario.run, found, scenario.behind)


def _with_totals(rows: Rows, totals: Rows, name: str) -> Scenario:
    usual = ads(HABIT) if name == "ads" else visits(HABIT)
    return Scenario(
        {name: Brought(usual, FIRST, USUAL_LAST)},
        {f"{name} totals": Brought(totals), name: Brought(rows)},
    )


def _times(name: str, factor: str) -> Rows:
    return changed(ads(RUN), lambda row: {name: row[name] * Decimal(factor)})


def _units() -> Iterator[tuple[str, Scenario]]:
    yield "cents read as euros", _found(_ads(_times("spend", "100")), unit_slip=CRITICAL)
    yield "micros read as units", _found(_ads(_times("spend", "1000000")), unit_slip=CRITICAL)
    yield "euros read as cents", _found(_ads(_times("spend", "0.01")), unit_slip=CRITICAL)
    yield "cost not sent, zero instead", _found(_ads(_times("spend", "0")), unit_slip=CRITICAL)
    only_new = changed(
        ads(RUN), lambda row: {"spend": row["spend"] * 100}, only=lambda row: row["date"] == LAST
    )
    yield "another unit since yesterday", _found(_ads(only_new), unit_slip=CRITICAL)
    yield (
        "orders in cents",
        _found(_orders(orders(RUN, total="6000")), unit_slip=CRITICAL),
    )


def _impossible() -> Iterator[tuple[str, Scenario]]:
    dear = changed(ads(RUN), lambda row: {"spend": row["spend"] * 10_000_000})
    new = Scenario({}, {"ads": Brought(dear)})
    yield "a new account in micros", _found(new, impossible_values=CRITICAL)
    negative = changed(
        ads(RUN), lambda row: {"spend": -row["spend"]}, only=lambda row: row["campaign_id"] == "c1"
    )
    yield "negative cost", _found(_ads(negative), impossible_values=CRITICAL)
    swapped = changed(
        ads(RUN), lambda row: {"clicks": row["impressions"], "impressions": row["clicks"]}
    )
    yield "clicks and impressions swapped", _found(_ads(swapped), impossible_values=CRITICAL)
    engaged = changed(visits(RUN), lambda row: {"engaged_sessions": row["sessions"] * 2})
    yield "more engaged visits than visits", _found(_visits(engaged), impossible_values=CRITICAL)


def _keys() -> Iterator[tuple[str, Scenario]]:
    def part(share: int) -> Rows:
        return changed(ads(RUN), lambda row: {"spend": (row["spend"] * share / 6).quantize(CENT)})

    by_age = part(1) + part(2) + part(3)
    yield "a breakdown that is not in the key", _found(_ads(by_age), repeated_keys=CRITICAL)
    moved = changed(
        ads(RUN)[:2], lambda row: {"spend": row["spend"] + 1, "clicks": row["clicks"] + 1}
    )
    yield "two rows changed while read", _found(_ads(ads(RUN) + moved), repeated_keys=WARNING)


def _totals() -> Iterator[tuple[str, Scenario]]:
    whole = ads(RUN)
    cut = [row for row in whole if int(row["campaign_id"][1:]) < 16]
    yield (
        "a third of the campaigns not sent",
        _found(_with_totals(cut, account_totals(whole), "ads"), totals_differ=CRITICAL),
    )
    doubled = whole + ads(RUN, prefix="again")
    yield (
        "everything sent twice under other ids",
        _found(_with_totals(doubled, account_totals(whole), "ads"), totals_differ=CRITICAL),
    )
    pages = visits(RUN)
    first_pages = [row for row in pages if int(row["page_told"].split("-")[1]) < 20]
    yield (
        "the last page of a report not read",
        _found(_with_totals(first_pages, property_totals(pages), "visits"), totals_differ=CRITICAL),
    )


def _lost() -> Iterator[tuple[str, Scenario]]:
    gone = [row for row in ads(RUN) if row["date"] != RUN_FIRST + dt.timedelta(days=2)]
    yield "a day that was there is gone", _found(_ads(gone), lost_days=CRITICAL)
    third = [row for row in ads(RUN) if row["date"] == LAST or row["campaign_id"] < "c15"]
    yield "answers cut to a third", _found(_ads(third), lost_days=CRITICAL)
    later = changed(
        ads(RUN),
        lambda row: {"date": row["date"] + dt.timedelta(days=1)},
        only=lambda row: row["date"] == LAST,
    )
    yield "days of another time zone", _found(_ads(later), rows_outside=CRITICAL)


def _columns() -> Iterator[tuple[str, Scenario]]:
    silent = changed(ads(RUN), lambda _: {"clicks": None})
    yield "a metric not sent any more", _found(_ads(silent), empty_column=CRITICAL)
    nowhere = changed(visits(RUN), lambda _: {"device": None})
    yield "a dimension not sent any more", _found(_visits(nowhere), empty_column=WARNING)
    yield (
        "no row fits any more",
        _found(_ads([], rejected=168), rejected_rows=CRITICAL, lost_days=CRITICAL),
    )
    yield "a quarter does not fit", _found(_ads(ads(RUN), rejected=56), rejected_rows=CRITICAL)
    yield "two rows do not fit", _found(_ads(ads(RUN), rejected=2), rejected_rows=WARNING)


def _drift() -> Iterator[tuple[str, Scenario]]:
    new = Drift("new_field", "metrics.reach", "kept in unknown_fields")
    yield "a new field", _found(_ads(ads(RUN), drift=(new,)), schema_drift=NOTICE)
    word = Drift("unknown_value", "device", "'VR' is read as other")
    yield "a new word", _found(_ads(ads(RUN), drift=(word,)), schema_drift=WARNING)


def _afterwards() -> Iterator[tuple[str, Scenario]]:
    habit = {"ads": Brought(ads(days(FIRST, dt.date(2026, 3, 12))), FIRST, dt.date(2026, 3, 12))}
    missing = [row for row in ads(RUN) if row["date"] != RUN_FIRST + dt.timedelta(days=3)]
    gap = Scenario(habit, {"ads": Brought(missing)})
    yield "a new day missing between others", _found(gap, missing_days=WARNING)
    silent = [row for row in visits(RUN) if row["date"] != LAST]
    yield "the tag fell off the site", _found(_visits(silent), silence=WARNING)
    closed = orders(days(RUN_FIRST, LAST - dt.timedelta(days=1)))
    yield "a busy shop without an order", _found(_orders(closed), silence=WARNING)
    few = [row for row in ads(RUN) if row["date"] != LAST or row["campaign_id"] in FEW]
    yield "a new day cut to a fifth", _found(_ads(few), volume=WARNING)
    many = ads(RUN) + [row for part in "xyz" for row in ads([LAST], prefix=part)]
    yield "a new day four times over", _found(_ads(many), volume=WARNING)
    faint = changed(ads(RUN), _all_but_nothing, only=lambda row: row["date"] == LAST)
    yield "a new day all but empty", _found(_ads(faint), volume=NOTICE)
    usual = _ads(ads(RUN))
    behind = Scenario(usual.habit, usual.run, {}, {"ad_day": dt.date(2026, 3, 10)})
    yield "one report behind the others", _found(behind, stale_stream=WARNING)


FEW: Final = frozenset({"c0", "c1", "c2", "c3", "c4"})


def _all_but_nothing(row: Row) -> Row:
    return {
        "spend": (row["spend"] / 20).quantize(CENT),
        "impressions": row["impressions"] // 20,
        "clicks": row["clicks"] // 20,
    }


FAULTS: Final[dict[str, Scenario]] = {
    name: scenario
    for group in (_units, _impossible, _keys, _totals, _lost, _columns, _drift, _afterwards)
    for name, scenario in group()
}
