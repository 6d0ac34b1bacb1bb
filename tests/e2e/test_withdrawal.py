"""Withdrawals through the real platform: what happened since is in no mart, feature or answer.

    a month of orders -> import -> marts, features, answers (asked twice: cached)
    words of people -> `bosco gdpr consent record` -> one round of writing, one of features
    orders that come late -> import
                                   each time: what is read = orders outside of what was denied

What must be read is told by a plain loop over the same orders and words.
"""

import csv
import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlglot import exp, parse_one

from api.commands.tenants import create_client, create_tenant
from api.control.protocol import JsonEvent
from domain.ids import public_id
from domain.ports import Statement, TenantScope
from feature_repo.feature_views import CLIENT_PERFORMANCE
from tenancy.tables import Client, Connection
from tenancy.unscoped import TenantProfile
from tests.e2e.platform import Platform
from tests.e2e.world import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PEOPLE = 40
ORDERS = 400
FIRST = dt.datetime(2026, 10, 5, tzinfo=dt.UTC)
AGAIN = dt.datetime(2026, 10, 25, tzinfo=dt.UTC)
BERLIN = ZoneInfo("Europe/Berlin")

MAP = """
map: shop
file: {format: csv}
feeds:
  - fact: orders
    key: [id]
    constants: {channel: direct, order_status: paid}
    columns:
      reporting_date: day
      order_id: id
      customer_id: who
      ordered_at: at
      revenue: paid
"""
QUESTION = """{ metrics(period: {from: "2026-10-01", to: "2026-11-02"}, first: 1000) {
  rows { day: date(grain: DAY) orders revenue { amount } }
  totals { orders revenue { amount } } } }"""
FEATURES = '{ features(service: "client_sales_v1") { nodes { values { ... on ClientSalesV1 {'
FEATURES += " orders28d revenue28d { amount } } } } } }"


@dataclass(frozen=True, slots=True)
class Order:
    id: str
    who: str  # empty: a guest
    at: dt.datetime
    paid: Decimal

    @property
    def day(self) -> dt.date:
        return self.at.astimezone(BERLIN).date()


@dataclass(frozen=True, slots=True)
class Word:
    who: str
    at: dt.datetime
    denies: bool
    about: str = "analytics_storage"


def _orders(chance: random.Random) -> list[Order]:
    return [
        Order(
            f"o{number}",
            chance.choice(["", *(f"p{who}" for who in range(PEOPLE))]),
            FIRST + dt.timedelta(minutes=chance.randrange(28 * 24 * 60)),
            Decimal(chance.randrange(1, 100_000)) / 100,
        )
        for number in range(ORDERS)
    ]


def _words(chance: random.Random, orders: Collection[Order]) -> list[Word]:
    """Some withdraw, some agree again; some at the very instant of an order of theirs."""
    words = []
    for number in range(0, PEOPLE, 2):
        who = f"p{number}"
        at = chance.choice([one.at for one in orders if one.who == who])
        words.append(Word(who, at, denies=True))
        if number % 6 == 0:
            words.append(Word(who, at + dt.timedelta(days=4), denies=False))
    words.append(Word("p1", FIRST, denies=True, about="ad_storage"))
    return words


def _read(orders: Iterable[Order], words: Collection[Word]) -> list[Order]:
    """Those that nobody denied to count."""
    found = []
    for order in orders:
        said = [
            word
            for word in words
            if (word.who, word.about) == (order.who, "analytics_storage") and word.at <= order.at
        ]
        if not said or not max(said, key=lambda word: word.at).denies:
            found.append(order)
    return found


def _sums(orders: Collection[Order]) -> tuple[int, Decimal]:
    return len(orders), sum((one.paid for one in orders), Decimal(0))


@dataclass(slots=True)
class Shop:
    """A client's shop, and everything that can be asked about it."""

    platform: Platform
    tenant: TenantProfile
    folder: Path
    words: list[Word] = field(default_factory=list)

    @property
    def scope(self) -> TenantScope:
        return TenantScope(self.tenant.tenant_id)

    async def import_orders(self, orders: Iterable[Order]) -> None:
        path, map_ = self.folder / "orders.csv", self.folder / "map.yaml"
        map_.write_text(MAP)
        with path.open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["id", "who", "day", "at", "paid"])
            lines.writerows(
                [one.id, one.who, one.day, one.at.isoformat(), one.paid] for one in orders
            )
        told = await self.platform.command(
            "import", tenant=self.tenant.slug, client="shop", file=str(path), map=str(map_)
        )
        assert told.exit_code == 0, told.events
        self.platform.clock.advance(seconds=1)

    async def record(self, words: Collection[Word]) -> None:
        runtime = self.platform.runtime
        async with runtime.database.session(self.tenant.tenant_id) as session:
            shop = public_id("con", (await session.scalars(select(Connection.id))).one())
        lines = [
            {
                "customer": f"{shop}:{word.who}",
                "at": word.at.isoformat(),
                "consentMode": {word.about: "denied" if word.denies else "granted"},
            }
            for word in words
        ]
        told = await self.platform.command(
            "gdpr.consent.record",
            tenant=self.tenant.slug,
            client="shop",
            words=json.loads(json.dumps(lines)),
        )
        assert told.errors == []
        self.words += words

    async def let_it_take_effect(self) -> None:
        """One round of each, as the serving process makes them each second."""
        suppressions = self.platform.runtime.suppressions
        assert await suppressions.write_due() > 0
        assert await suppressions.follow_due() == 1
        assert await suppressions.write_due() == await suppressions.follow_due() == 0
        self.platform.clock.advance(seconds=1)

    async def must_tell(self, orders: Collection[Order]) -> None:
        """Marts, features and answers, each by its own way."""
        await self._marts_tell(orders)
        await self._features_tell(orders)
        for _ in range(2):  # the second one comes out of the cache
            await self._answers_tell(orders)

    async def _marts_tell(self, orders: Collection[Order]) -> None:
        for table in ("marts.orders", "facts.orders"):
            tree = parse_one(f"SELECT DISTINCT order_id AS k FROM {table}", dialect="bigquery")
            assert isinstance(tree, exp.Query)
            statement = Statement(tree, frozenset({table}))
            found = await self.platform.runtime.warehouse.run(self.scope, statement, {})
            assert set(found.column("k").to_pylist()) == {one.id for one in orders}, table

    async def _features_tell(self, orders: Collection[Order]) -> None:
        runtime = self.platform.runtime
        async with runtime.database.session(self.tenant.tenant_id) as session:
            client = str((await session.scalars(select(Client.id))).one())
        (row,) = await runtime.features.reader.read(self.scope, CLIENT_PERFORMANCE.name, [client])
        assert row is not None
        today = runtime.clock().astimezone(BERLIN).date()
        for days in (7, 28):
            count, paid = _sums([one for one in orders if 1 <= (today - one.day).days <= days])
            told = (row.values[f"orders_{days}d"], Decimal(str(row.values[f"revenue_{days}d"])))
            assert told == (count, paid), days
        count, paid = _sums([one for one in orders if 1 <= (today - one.day).days <= 28])
        (node,) = (await self._ask(FEATURES))["features"]["nodes"]
        asked = node["values"]
        assert (asked["orders28d"], Decimal(asked["revenue28d"]["amount"])) == (count, paid)

    async def _answers_tell(self, orders: Collection[Order]) -> None:
        answer = (await self._ask(QUESTION))["metrics"]
        by_day = Counter(str(one.day) for one in orders)
        told = {row["day"]: row["orders"] for row in answer["rows"] if row["orders"]}
        assert told == dict(by_day)
        totals = (answer["totals"]["orders"], Decimal(answer["totals"]["revenue"]["amount"]))
        assert totals == _sums(orders)

    async def _ask(self, document: str) -> Any:
        told = await self.platform.command("query", tenant=self.tenant.slug, document=document)
        (answer,) = [event.value for event in told.events if isinstance(event, JsonEvent)]
        assert "errors" not in answer, answer
        return answer["data"]


@pytest.fixture
async def shop(platform: Platform, tmp_path: Path) -> Shop:
    platform.clock.now = NOW
    tenant = await create_tenant(
        platform.runtime, slug="north", name="North", currency="EUR", time_zone="Europe/Berlin"
    )
    await create_client(platform.runtime, tenant, slug="shop", name="Shop", actor="test")
    return Shop(platform, tenant, tmp_path)


async def test_nothing_since_a_withdrawal_is_in_marts_features_or_answers(shop: Shop) -> None:
    chance = random.Random(11)  # noqa: S311  # the same orders in each run
    orders = _orders(chance)
    early = [one for one in orders if chance.random() < 0.8]
    await shop.import_orders(early)
    await shop.must_tell(early)

    words = _words(chance, early)
    await shop.record(words)
    await shop.let_it_take_effect()
    left = _read(early, words)
    denied = {word.who for word in words if word.denies and word.about == "analytics_storage"}
    since = [one for one in early if one not in left]
    assert len(since) == 61
    assert {one.who for one in since} == denied
    assert any(word.at == one.at for word in words for one in since)
    await shop.must_tell(left)

    await shop.import_orders(orders)  # what happened meanwhile comes late
    assert len(_read(orders, words)) > len(left)
    await shop.must_tell(_read(orders, words))

    again = [Word(who, AGAIN, denies=False) for who in sorted(denied)]
    assert len(_read(orders, [*words, *again])) > len(_read(orders, words))
    await shop.record(again)
    await shop.let_it_take_effect()
    await shop.must_tell(_read(orders, [*words, *again]))
