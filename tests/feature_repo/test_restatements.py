"""A million rows, most of them restated: SQL gives what a walk over the syncs gives.

syncs of overlapping days, some landing late -> warehouse -> FeatureComputer.asked
the same syncs as arrays -> for each of 28 days, the newest sync that was known -> plain sums
"""

import datetime as dt
import io
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.facts import FACTS
from domain.facts.tables import SYNCS, Table, facts_table
from domain.ports import TenantScope
from feature_repo.compute import FeatureComputer, instant_of
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse
from tenancy.warehouse.types import ARROW_TYPES
from tests.feature_repo.conftest import A, account
from tests.feature_repo.ledger import Account

pytestmark = pytest.mark.anyio

FIRST = dt.date(2026, 1, 1)
NOBODY = -1  # a campaign that a sync does not tell of on a day
FACT = facts_table(FACTS["ads_daily"])


@dataclass(frozen=True, slots=True)
class Told:
    """One sync: spend by day of its window and campaign, whole units; clicks are spend + 1."""

    of: Account
    version: int
    known_at: dt.datetime
    first: int
    spend: npt.NDArray[np.int64]

    @property
    def last(self) -> int:
        return self.first + len(self.spend) - 1


def _history(campaigns: int, days: int, window: int) -> list[Told]:
    """A sync a day of two accounts; some land a week late, after those that follow them."""
    chance = np.random.default_rng(7)
    accounts = (account(A, 1), account(A, 2, time_zone="Pacific/Auckland", currency="NZD"))
    told: list[Told] = []
    for day in range(days):
        for of in accounts:
            late = 7 * 24 if chance.random() < 0.05 else 0
            known_at = dt.datetime.combine(FIRST, dt.time(5), dt.UTC)
            known_at += dt.timedelta(days=day + 1, hours=late, seconds=int(chance.integers(40_000)))
            first = max(0, day - window + 1)
            spend = chance.integers(0, 1_000, (day - first + 1, campaigns))
            spend[chance.random(spend.shape) < 0.1] = NOBODY
            told.append(Told(of, len(told) + 1, known_at, first, spend))
    return told


async def _load(warehouse: Warehouse, history: Sequence[Told]) -> int:
    scope = AuditedTenants(frozenset({A}), "load")
    await warehouse.load("syncs", SYNCS, [_parquet(map(_line, history), SYNCS)], scope)
    objects = [_rows(told) for told in history]
    return await warehouse.load("rows", FACT, objects, scope)


def _envelope(told: Told) -> dict[str, Any]:
    return {
        "tenant_id": str(A),
        "client_id": str(told.of.client_id),
        "connection_id": str(told.of.connection_id),
        "source": told.of.source,
        "stream": told.of.stream,
        "sync_id": str(uuid.UUID(int=told.version)),
        "version": told.version,
        "known_at": told.known_at,
    }


def _line(told: Told) -> dict[str, Any]:
    days = {"covers_from": _day(told.first), "covers_to": _day(told.last)}
    return {**_envelope(told), "fact": "ads_daily", **days}


def _rows(told: Told) -> bytes:
    days, campaigns = np.nonzero(told.spend != NOBODY)
    spend, count = told.spend[days, campaigns], len(days)
    names = np.char.add("c", campaigns.astype(str))
    columns: dict[str, Any] = {
        **{name: pa.repeat(pa.scalar(value), count) for name, value in _envelope(told).items()},
        "reporting_date": pa.array([_day(told.first + int(day)) for day in days]),
        "natural_key": pa.array(names),
        "channel": pa.repeat(pa.scalar("paid_search"), count),
        "campaign_id": pa.array(names),
        "currency": pa.repeat(pa.scalar(told.of.currency), count),
        "time_zone": pa.repeat(pa.scalar(told.of.time_zone), count),
        "spend": pa.array(spend).cast(pa.decimal128(38, 9)),
        "clicks": pa.array(spend + 1),
    }
    wanted = [column for column in FACT.columns if column.name in columns]
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in wanted])
    arrays = [columns[name].cast(schema.field(name).type) for name in schema.names]
    return _written(pa.Table.from_arrays(arrays, schema=schema))


def _parquet(rows: Iterator[dict[str, Any]], table: Table) -> bytes:
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])
    return _written(pa.Table.from_pylist(list(rows), schema=schema))


def _written(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def _walk(
    history: Sequence[Told], of: Account, campaign: int, instant: dt.datetime
) -> dict[str, Any] | None:
    """Features by walking over 28 days; None: nothing was known."""
    today = (instant.astimezone(ZoneInfo(of.time_zone)).date() - FIRST).days
    known = [told for told in history if told.of is of and told.known_at <= instant]
    spend: dict[int, int] = {}
    for age in range(1, 29):
        day = today - age
        telling = [told for told in known if told.first <= day <= told.last]
        if telling:
            newest = max(telling, key=lambda told: told.version)
            value = int(newest.spend[day - newest.first, campaign])
            if value != NOBODY:
                spend[age] = value
    if not spend:
        return None
    week = [value for age, value in spend.items() if age <= 7]
    before = [value for age, value in spend.items() if 8 <= age <= 14]
    return {
        "currency": of.currency,
        "spend_7d": float(sum(week)),
        "spend_28d": float(sum(spend.values())),
        "spend_previous_7d": float(sum(before)),
        "days_since_spend": min((age for age, value in spend.items() if value), default=None),
        "days_reported_28d": len(spend),
        "clicks_7d": sum(week) + len(week),
        "clicks_28d": sum(spend.values()) + len(spend),
    }


async def _compare(
    warehouse: Warehouse, campaigns: int, days: int, window: int, asked: int
) -> tuple[int, int]:
    """Rows that were loaded, and pairs of which something was known."""
    history = _history(campaigns, days, window)
    loaded = await _load(warehouse, history)
    chance = random.Random(8)  # noqa: S311  # the same in each run
    accounts = [history[0].of, history[1].of]
    begin, hours = dt.datetime.combine(FIRST, dt.time(), dt.UTC), (days + 10) * 24
    expected = {}
    for _ in range(asked):
        of, campaign = chance.choice(accounts), chance.randrange(campaigns)
        instant = begin + dt.timedelta(hours=chance.uniform(0, hours))
        expected[of.campaign(f"c{campaign}"), instant] = _walk(history, of, campaign, instant)
    for told in history[:: max(1, len(history) // 20)]:  # known at this very instant, and not yet
        for instant in (told.known_at, told.known_at - dt.timedelta(microseconds=1)):
            expected[told.of.campaign("c0"), instant] = _walk(history, told.of, 0, instant)
    table = await FeatureComputer(warehouse).asked(
        TenantScope(A), CAMPAIGN_PERFORMANCE, list(expected)
    )
    found = {(row["entity"], instant_of(row["moment"])): row for row in table.to_pylist()}
    known = {pair: values for pair, values in expected.items() if values is not None}
    assert found.keys() == known.keys()
    for pair, values in known.items():
        assert {name: found[pair][name] for name in values} == values, pair
    return loaded, len(known)


async def test_restated_days_are_as_they_were_known(facts: Warehouse) -> None:
    loaded, known = await _compare(facts, campaigns=6, days=40, window=10, asked=150)
    assert (loaded, known) == (3844, 186)


@pytest.mark.slow
async def test_a_million_restated_rows_are_as_they_were_known(facts: Warehouse) -> None:
    loaded, known = await _compare(facts, campaigns=150, days=140, window=30, asked=4_000)
    assert loaded > 1_000_000
    assert known > 3_900
