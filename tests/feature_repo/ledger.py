"""Facts with their history, loaded into a warehouse, and the same history read back by hand.

    Ledger.sync(...) -> facts.<fact>, facts.syncs -> product
    Ledger.known(...) -> rows in force at an instant, by plain loops -> reference

The reference knows nothing of SQL: per day (or key) the newest sync that was known wins.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from domain.facts import FACTS
from domain.facts.fact import Supersession
from domain.facts.tables import SUPPRESSED, SYNCS, Table, facts_table
from domain.ids import ClientId, ConnectionId, TenantId
from feature_repo.entities import Crowd
from feature_repo.feature import (
    Change,
    Count,
    DaysReported,
    DaysSince,
    Feature,
    FeatureView,
    Quotient,
    Total,
    Unit,
)
from tenancy.audited_tenants import AuditedTenants
from tenancy.warehouse.port import Warehouse
from tests.tenancy.warehouse.samples import parquet

__all__ = [
    "READ_FACTS",
    "Account",
    "Ledger",
    "ad",
    "at",
    "customer",
    "day",
    "line",
    "order",
    "refund",
    "visits",
]

READ_FACTS = (
    "ads_daily",
    "ads_ad_daily",
    "orders",
    "order_lines",
    "refunds",
    "customers",
    "web_daily",
)
Row = dict[str, Any]


def day(number: int) -> dt.date:
    """A day of March 2026; 0 and below are in February."""
    return dt.date(2026, 2, 28) + dt.timedelta(days=number)


def at(number: int, hour: int = 12) -> dt.datetime:
    """An instant on `day(number)`, UTC."""
    return dt.datetime.combine(day(number), dt.time(hour), dt.UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """A connection of a client."""

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    source: str = "google_ads"
    stream: str = "campaign_day"
    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"

    def campaign(self, campaign_id: str) -> str:
        """The entity id of a campaign."""
        return f"{self.connection_id}:{campaign_id}"


def ad(number: int, campaign: str | None, spend: str | None, **more: Any) -> Row:
    """A campaign's day."""
    return {
        "reporting_date": day(number),
        "natural_key": f"{campaign}|{number}|{more.get('device', '')}",
        "channel": "paid_search",
        "campaign_id": campaign,
        "spend": None if spend is None else Decimal(spend),
        "attribution": "google_ads:account_windows:primary_conversions",
        **more,
    }


def order(number: int, order_id: str, revenue: str, **more: Any) -> Row:
    """An order."""
    return {
        "reporting_date": day(number),
        "natural_key": order_id,
        "order_id": order_id,
        "ordered_at": at(number),
        "channel": "direct",
        "order_status": "paid",
        "revenue": Decimal(revenue),
        **more,
    }


def line(number: int, line_id: str, product: str | None, revenue: str, units: int | None) -> Row:
    """A line of an order."""
    return {
        "reporting_date": day(number),
        "natural_key": line_id,
        "order_line_id": line_id,
        "order_id": "o",
        "product_id": product,
        "channel": "direct",
        "line_revenue": Decimal(revenue),
        "units": units,
    }


def refund(number: int, refund_id: str, refunded: str) -> Row:
    """A refund."""
    return {
        "reporting_date": day(number),
        "natural_key": refund_id,
        "refund_id": refund_id,
        "order_id": "o",
        "refunded_at": at(number),
        "channel": "direct",
        "refunded": Decimal(refunded),
    }


def customer(number: int, customer_id: str) -> Row:
    """A customer."""
    return {
        "reporting_date": day(number),
        "natural_key": customer_id,
        "customer_id": customer_id,
        "created_at": at(number),
    }


def visits(number: int, sessions: int, engaged: int, page: str = "/") -> Row:
    """Visits of a day by landing page."""
    return {
        "reporting_date": day(number),
        "natural_key": f"{number}|{page}",
        "channel": "direct",
        "landing_page": page,
        "sessions": sessions,
        "engaged_sessions": engaged,
    }


@dataclass(frozen=True, slots=True)
class _Sync:
    account: Account
    fact: str
    version: int
    known_at: dt.datetime
    covers: tuple[dt.date, dt.date] | None
    line: Row
    rows: Sequence[Row]


@dataclass(slots=True)
class Ledger:
    """Syncs, in order of landing."""

    warehouse: Warehouse
    syncs: list[_Sync] = field(default_factory=list)
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _loaded: int = 0

    @staticmethod
    def tables() -> list[Table]:
        """What must be there first."""
        return [SYNCS, SUPPRESSED, *(facts_table(FACTS[name]) for name in READ_FACTS)]

    def note(
        self,
        account: Account,
        fact: str,
        known_at: dt.datetime,
        rows: Sequence[Row],
        covers: tuple[int, int] | None = None,
    ) -> None:
        """One sync; `covers` are days, for facts that are replaced by days."""
        version = next(self._versions)
        days = None if covers is None else (day(covers[0]), day(covers[1]))
        envelope = {
            "tenant_id": str(account.tenant_id),
            "client_id": str(account.client_id),
            "connection_id": str(account.connection_id),
            "source": account.source,
            "stream": account.stream,
            "sync_id": str(uuid.UUID(int=version)),
            "version": version,
            "known_at": known_at,
        }
        shape = {"time_zone": account.time_zone}
        if FACTS[fact].column("currency") is not None:
            shape["currency"] = account.currency
        line = {
            **envelope,
            "fact": fact,
            "covers_from": days and days[0],
            "covers_to": days and days[1],
        }
        full = [{**shape, **envelope, **row} for row in rows]
        self.syncs.append(_Sync(account, fact, version, known_at, days, line, full))

    async def load(self) -> None:
        """Land what was noted since the last time."""
        fresh = self.syncs[self._loaded :]
        self._loaded = len(self.syncs)
        if not fresh:
            return
        scope = AuditedTenants(frozenset(sync.account.tenant_id for sync in fresh), "load")
        load = f"load {fresh[0].account.tenant_id} {self._loaded}"
        lines = [sync.line for sync in fresh]
        await self.warehouse.load(f"{load} syncs", SYNCS, [parquet(lines, SYNCS)], scope)
        for fact in {sync.fact for sync in fresh}:
            table = facts_table(FACTS[fact])
            names = [column.name for column in table.columns]
            rows = [
                {name: row.get(name) for name in names}
                for sync in fresh
                if sync.fact == fact
                for row in sync.rows
            ]
            if rows:
                await self.warehouse.load(f"{load} {fact}", table, [parquet(rows, table)], scope)

    async def sync(
        self,
        account: Account,
        fact: str,
        known_at: dt.datetime,
        rows: Sequence[Row],
        covers: tuple[int, int] | None = None,
    ) -> None:
        """Land one sync."""
        self.note(account, fact, known_at, rows, covers)
        await self.load()

    def known(self, tenant_id: TenantId, fact: str, moment: dt.datetime) -> list[Row]:
        """Rows of a tenant in force at an instant."""
        seen = [
            sync
            for sync in self.syncs
            if sync.fact == fact and sync.account.tenant_id == tenant_id and sync.known_at <= moment
        ]
        winners: dict[Any, tuple[int, Row]] = {}
        for sync in sorted(seen, key=lambda sync: sync.version):
            stream = (sync.account.connection_id, sync.account.stream)
            if FACTS[fact].supersession is Supersession.SLICE:
                assert sync.covers is not None
                first, last = sync.covers
                winners = {
                    key: (version, row)
                    for key, (version, row) in winners.items()
                    if key[0] != stream or not first <= row["reporting_date"] <= last
                }
            for row in sync.rows:
                key = (stream, row["natural_key"], row["reporting_date"])
                if FACTS[fact].supersession is Supersession.KEY:
                    key = (stream, row["natural_key"], None)
                winners[key] = (sync.version, row)
        return [row for _, row in winners.values()]

    def reference(
        self, tenant_id: TenantId, view: FeatureView, entity_id: str, moment: dt.datetime
    ) -> Row | None:
        """Features of one entity as of an instant; None: nothing was known."""
        rows = {
            fact: [
                {**row, "age": age}
                for row in self.known(tenant_id, fact, moment)
                if _entity(view, row) == entity_id and 1 <= (age := _age(row, moment)) <= 28
            ]
            for fact in view.facts
        }
        crowd = view.entity.crowd
        if crowd is not None:
            rows = {fact: _crowded(some, crowd) for fact, some in rows.items()}
        if not any(rows.values()):
            return None
        values: Row = {}
        for feature in view.features:
            values[feature.name] = _value(feature, rows)
        for feature in view.features:
            if isinstance(feature.rule, Quotient | Change):
                values[feature.name] = _derived(feature, view, rows, values)
        return values


def _crowded(rows: list[Row], crowd: Crowd) -> list[Row]:
    people = {row[crowd.column] for row in rows} - {None}
    return rows if len(people) >= crowd.fewest else []


def _entity(view: FeatureView, row: Mapping[str, Any]) -> str | None:
    parts = [row[part] for part in view.entity.parts]
    return None if None in parts else ":".join(parts)


def _age(row: Mapping[str, Any], moment: dt.datetime) -> int:
    today = moment.astimezone(ZoneInfo(row["time_zone"])).date()
    age: int = (today - row["reporting_date"]).days
    return age


def _one_currency(rows: Sequence[Row]) -> str | None:
    currencies = {row["currency"] for row in rows}
    return currencies.pop() if len(currencies) == 1 else None


def _value(feature: Feature, by_fact: Mapping[str, Sequence[Row]]) -> Any:
    rule = feature.rule
    rows = [] if isinstance(rule, Quotient | Change) else by_fact[rule.fact]
    if not rows:
        return None
    match rule:
        case Total():
            return _total(feature, rule, rows)
        case Count(window=window):
            return sum(window.first <= row["age"] <= window.last for row in rows)
        case DaysReported(window=window):
            return len(
                {r["reporting_date"] for r in rows if window.first <= r["age"] <= window.last}
            )
        case DaysSince(column=name):
            return min((row["age"] for row in rows if (row.get(name) or 0) > 0), default=None)
        case _:
            return _one_currency(rows)


def _total(feature: Feature, rule: Total, rows: Sequence[Row]) -> float | int | None:
    column = FACTS[rule.fact].column(rule.column)
    assert column is not None
    told = [row for row in rows if row.get(rule.column) is not None]
    if not told or (column.money and _one_currency(rows) is None):
        return None
    if column.claimed and len({row["attribution"] for row in rows}) > 1:
        return None
    first, last = rule.window.first, rule.window.last
    total = sum(row[rule.column] for row in told if first <= row["age"] <= last)
    return int(total) if feature.unit is Unit.COUNT else float(total)


def _derived(
    feature: Feature, view: FeatureView, by_fact: Mapping[str, Sequence[Row]], values: Row
) -> float | None:
    rule = feature.rule
    units = {one.name: one for one in view.features}
    match rule:
        case Quotient(dividend=first, divisor=second, times=times):
            one, other = values[first], values[second]
            facts = [getattr(units[name].rule, "fact") for name in (first, second)]  # noqa: B009
            both_money = all(units[name].unit is Unit.MONEY for name in (first, second))
            if both_money and facts[0] != facts[1]:
                currencies = {_one_currency(by_fact[fact]) for fact in facts if by_fact[fact]}
                if len(currencies) > 1 or None in currencies:
                    return None
            return None if one is None or not other else float(one) * times / float(other)
        case Change(before=first, after=second):
            one, other = values[first], values[second]
            return None if other is None or not one else (other - one) / one
        case _:
            return None
