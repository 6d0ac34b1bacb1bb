"""An agency whose files are known one after the other, and what must be served of them.

    File, File, File -> World.publish -> `bosco import` -> what is served after each
                     -> reference -> what must be served, by plain loops over the same rows

Ids of campaigns hold what patterns and keys are made of.
"""

import csv
import datetime as dt
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.commands.tenants import create_client, create_tenant
from api.entity_ids import public_entity_id
from domain.ports import TenantScope
from feature_repo.entities import CAMPAIGN
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE
from tenancy.tables import Connection
from tenancy.unscoped import TenantProfile
from tests.e2e.platform import Platform

__all__ = [
    "CAMPAIGNS",
    "ENTITIES",
    "NASTY",
    "VIEW",
    "File",
    "World",
    "days_between",
    "known",
    "make_rows",
    "make_world",
    "reference",
]

ENTITIES = 1_000
NASTY = ["c*", "c?", "[a-z]", "c\\1", "c:1", ":", "::", "ä", "日本", "=e", "=h", "t:x", "c" * 300]
CAMPAIGNS = [*NASTY, *(f"c{n}" for n in range(ENTITIES - len(NASTY)))]
VIEW = CAMPAIGN_PERFORMANCE.name

MAP = """
map: ads
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day, campaign]
    constants: {channel: paid_search}
    columns:
      reporting_date: day
      campaign_id: campaign
      spend: cost
      impressions: shown
      clicks: clicks
      conversions: sold
      attributed_revenue: worth
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A campaign's day, as it stands in a file; None: an empty cell."""

    day: dt.date
    campaign: str
    cost: Decimal
    shown: int | None
    clicks: int | None
    sold: Decimal | None
    worth: Decimal | None


@dataclass(frozen=True, slots=True)
class File:
    """A file, known since an instant; it replaces the days from its first to its last."""

    known_at: dt.datetime
    rows: Sequence[Row]

    def covers(self, day: dt.date) -> bool:
        days = [row.day for row in self.rows]
        return min(days) <= day <= max(days)

    def as_csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["day", "campaign", "cost", "shown", "clicks", "sold", "worth"])
        for row in self.rows:
            cells = (row.day, row.campaign, row.cost, row.shown, row.clicks, row.sold, row.worth)
            writer.writerow(["" if cell is None else str(cell) for cell in cells])
        return out.getvalue()


def known(files: Iterable[File], instant: dt.datetime) -> list[Row]:
    """Rows in force at an instant: of each day, those of the newest file that was known."""
    known = [file for file in files if file.known_at <= instant]
    return [
        row
        for number, file in enumerate(known)
        for row in file.rows
        if not any(later.covers(row.day) for later in known[number + 1 :])
    ]


def _expected(rows: Sequence[Row], today: dt.date) -> dict[str, Any]:
    """The features of one campaign, written out."""
    aged = [(row, (today - row.day).days) for row in rows]
    month = [(row, age) for row, age in aged if 1 <= age <= 28]

    def total(name: str, first: int, last: int) -> Any:
        told = [(getattr(row, name), age) for row, age in month if getattr(row, name) is not None]
        return sum((v for v, age in told if first <= age <= last), Decimal(0)) if told else None

    def amount(name: str, first: int, last: int) -> float | None:
        value = total(name, first, last)
        return None if value is None else float(value)

    def count(name: str, first: int, last: int) -> int | None:
        value = total(name, first, last)
        return None if value is None else int(value)

    def by(one: float | None, other: float | None, times: int = 1) -> float | None:
        return None if one is None or not other else float(one) * times / float(other)

    week, before = amount("cost", 1, 7), amount("cost", 8, 14)
    spent = [age for row, age in month if row.cost > 0]
    return {
        "currency": "EUR",
        "spend_7d": week,
        "spend_28d": amount("cost", 1, 28),
        "spend_previous_7d": before,
        "spend_trend_7d": (week - before) / before if before and week is not None else None,
        "days_since_spend": min(spent, default=None),
        "days_reported_28d": len({row.day for row, _ in month}),
        "impressions_7d": count("shown", 1, 7),
        "impressions_28d": count("shown", 1, 28),
        "clicks_7d": count("clicks", 1, 7),
        "clicks_28d": count("clicks", 1, 28),
        "conversions_7d": amount("sold", 1, 7),
        "conversions_28d": amount("sold", 1, 28),
        "attributed_revenue_7d": amount("worth", 1, 7),
        "attributed_revenue_28d": amount("worth", 1, 28),
        "cpc_7d": by(week, count("clicks", 1, 7)),
        "ctr_7d": by(count("clicks", 1, 7), count("shown", 1, 7)),
        "cpm_7d": by(week, count("shown", 1, 7), 1000),
        "attributed_roas_28d": by(amount("worth", 1, 28), amount("cost", 1, 28)),
    }


def reference(files: Iterable[File], instant: dt.datetime) -> dict[str, dict[str, Any] | None]:
    """By campaign; None: nothing was known of its last 28 days. Berlin is an hour ahead of UTC."""
    today = (instant + dt.timedelta(hours=1)).date()
    by_campaign: dict[str, list[Row]] = {campaign: [] for campaign in CAMPAIGNS}
    for row in known(files, instant):
        if 1 <= (today - row.day).days <= 28:
            by_campaign[row.campaign].append(row)
    return {
        campaign: _expected(rows, today) if rows else None for campaign, rows in by_campaign.items()
    }


def make_rows(chance: random.Random, days: Sequence[dt.date], share: float) -> list[Row]:
    rows = []
    for day in days:
        for campaign in CAMPAIGNS:
            if chance.random() > share:
                continue
            rows.append(
                Row(
                    day=day,
                    campaign=campaign,
                    cost=Decimal(chance.choice([0, chance.randrange(100_000)])) / 100,
                    shown=chance.choice([None, 0, chance.randrange(10_000)]),
                    clicks=chance.choice([None, 0, chance.randrange(500)]),
                    sold=chance.choice([None, Decimal(chance.randrange(1000)) / 8]),
                    worth=chance.choice([None, Decimal(chance.randrange(-10_000, 90_000)) / 100]),
                )
            )
    return rows


def days_between(first: str, last: str) -> list[dt.date]:
    start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]


@dataclass(slots=True)
class World:
    """An agency, its files, and what was served after each."""

    platform: Platform
    tenant: TenantProfile
    files: list[File] = field(default_factory=list)
    served: dict[dt.datetime, list[dict[str, Any]]] = field(default_factory=dict)
    account: str = ""

    @property
    def scope(self) -> TenantScope:
        return TenantScope(self.tenant.tenant_id)

    @property
    def ids(self) -> list[str]:
        return [f"{self.account}:{campaign}" for campaign in CAMPAIGNS]

    def public(self, campaign: str) -> str:
        return public_entity_id(CAMPAIGN, f"{self.account}:{campaign}")

    async def publish(self, folder: Path, file: File) -> None:
        """Import a file when it is known, and keep what is served then."""
        self.platform.clock.now = file.known_at
        (folder / "map.yaml").write_text(MAP)
        path = folder / f"{self.tenant.slug}.csv"
        path.write_text(file.as_csv())
        told = await self.platform.command(
            "import",
            tenant=self.tenant.slug,
            client="shop",
            file=str(path),
            map=str(folder / "map.yaml"),
        )
        assert told.exit_code == 0, told.lines
        self.files.append(file)
        async with self.platform.runtime.database.session(self.tenant.tenant_id) as session:
            self.account = str(await session.scalar(select(Connection.id)))
        table = await self.platform.runtime.features.reader.read_table(self.scope, VIEW, self.ids)
        self.served[file.known_at] = table.to_pylist()


async def make_world(platform: Platform, slug: str) -> World:
    tenant = await create_tenant(
        platform.runtime, slug=slug, name=slug, currency="EUR", time_zone="Europe/Berlin"
    )
    await create_client(platform.runtime, tenant, slug="shop", name="Shop", actor="test")
    return World(platform, tenant)
