"""An agency's client whose channels are known to bring `scale * spend ** power` a day."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from uuid_utils.compat import uuid7

from domain.ids import ClientId
from domain.time_window import DateRange
from ml.history.load import HistoryLoader
from ml.panel import Floats
from ml.spending.learning import Learning
from ml.spending.planner import BudgetPlanner
from ml.spending.question import Ask
from tenancy.session import Database
from tests.feature_repo.conftest import MovableClock, account
from tests.feature_repo.ledger import Account, Ledger, ad, at, day
from tests.fixtures.database import FilledTenant

__all__ = ["CURVES", "PERIOD", "Curve", "World", "same", "tell"]

PERIOD: Final = DateRange(day(30), day(30) + dt.timedelta(days=27))
DAYS: Final = 150


@dataclass(frozen=True, slots=True)
class Curve:
    """What a campaign spends on a usual day, and what that brings.

    Attributes:
        moves: Whether its spend changes from week to week.
        days: How many days ago it began.
    """

    campaign: str
    spend: float
    scale: float
    power: float = 0.6
    moves: bool = True
    days: int = DAYS

    def revenue(self, spend: Floats) -> Floats:
        brought: Floats = self.scale * spend**self.power
        return brought


# At their usual spend one more euro brings 0.9, 3.3 and 1.6 euros.
CURVES: Final[Mapping[str, Curve]] = {
    "paid_search": Curve("s1", 400, 16.0),
    "paid_social": Curve("m1", 150, 41.0),
    "display": Curve("d1", 100, 17.0),
}


def same(text: str) -> str:
    """Shows a key as it is."""
    return text


def daily_spend(channel: str, curve: Curve, days: int) -> Floats:
    """Weeks at one level each, days around it, to the cent; the same for the same channel."""
    chance = np.random.default_rng(sum(channel.encode()))
    weeks = np.repeat(np.exp(chance.normal(0, 0.5, days // 7 + 1)), 7)[:days]
    level = weeks if curve.moves else np.ones(days)
    noise = np.exp(chance.normal(0, 0.1 if curve.moves else 0.01, days))
    spend: Floats = np.round(curve.spend * level * noise, 2)
    return spend


def revenue_of(channel: str, curve: Curve, spend: Floats) -> Floats:
    """With the noise of ten orders a day."""
    chance = np.random.default_rng(1 + sum(channel.encode()))
    noise = chance.normal(1, 0.1, len(spend)).clip(0.5, 1.5)
    brought: Floats = np.round(curve.revenue(spend) * noise, 2)
    return brought


class World:
    """One agency with one account, beside another one that has none."""

    def __init__(
        self, database: Database, ledger: Ledger, own: FilledTenant, other: FilledTenant
    ) -> None:
        self.tenant_id, self.other = own.tenant_id, other.tenant_id
        self.database, self.ledger = database, ledger
        self.clock = MovableClock(at(30))
        self.client_id = ClientId(own.rows["clients"]["id"])
        self.account = Account(
            self.tenant_id, self.client_id, account(self.tenant_id, 1).connection_id
        )
        loader = HistoryLoader(ledger.warehouse)
        self.learning = Learning(database, loader, self.clock, uuid7)
        self.planner = BudgetPlanner(database, loader, self.learning, self.clock)

    async def tell(
        self, curves: Mapping[str, Curve] = CURVES, *, known_to: int = 29, of: Account | None = None
    ) -> None:
        """All days until one, told on the morning after it."""
        await tell(self.ledger, of or self.account, curves, known_to)

    def ask(self, total: str | None = None, **more: Any) -> Ask:
        given = {"client_id": self.client_id, "period": PERIOD, **more}
        return Ask(**given, total=None if total is None else Decimal(total))

    @property
    def today(self) -> dt.date:
        return self.clock().date()


async def tell(ledger: Ledger, whose: Account, curves: Mapping[str, Curve], known_to: int) -> None:
    """Load all days of an account until one, told on the morning after it."""
    rows = []
    for channel, curve in curves.items():
        spend = daily_spend(channel, curve, curve.days)
        brought = revenue_of(channel, curve, spend)
        for place in range(curve.days):
            number = known_to - curve.days + 1 + place
            told = {
                "channel": channel,
                "attributed_revenue": Decimal(str(brought[place])),
                "conversions": Decimal(str(round(brought[place] / 50, 2))),
            }
            rows.append(ad(number, curve.campaign, str(spend[place]), **told))
    first = known_to - max(curve.days for curve in curves.values()) + 1
    ledger.note(whose, "ads_daily", at(known_to + 1, 6), rows, (first, known_to))
    await ledger.load()
