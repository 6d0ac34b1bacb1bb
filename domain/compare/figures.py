"""What two systems say of the same accounts, in one shape.

rows of an export, or of the warehouse -> Ledger.add -> accounts -> days -> figures
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

__all__ = ["AccountKey", "AccountSeries", "DayFigures", "Figures", "Ledger"]

Figures = dict[str, Decimal]  # metric -> amount; a metric that is absent was not reported


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """An account at a platform.

    Attributes:
        source: Platform, as Bosco names it.
        account_id: The provider's own id.
    """

    source: str
    account_id: str


@dataclass(slots=True)
class DayFigures:
    """One account on one day.

    Attributes:
        totals: Over all rows.
        campaigns: The same by campaign; "" for rows without one.
        repeated: What rows hold that repeat an earlier one cell by cell.
        rows: How many there were.
    """

    totals: Figures = field(default_factory=dict)
    campaigns: dict[str, Figures] = field(default_factory=dict)
    repeated: Figures = field(default_factory=dict)
    rows: int = 0


@dataclass(slots=True)
class AccountSeries:
    """One account over time.

    Attributes:
        currency: ISO 4217 code that its amounts are said to be in; empty: not told.
        days: In no order.
    """

    currency: str = ""
    days: dict[dt.date, DayFigures] = field(default_factory=dict)


class Ledger:
    """Collects rows of one system.

    Memory: a few hundred bytes for each account, day and campaign.
    """

    def __init__(self) -> None:
        self.accounts: dict[AccountKey, AccountSeries] = {}
        self._seen: defaultdict[tuple[AccountKey, dt.date], set[tuple[object, ...]]] = defaultdict(
            set
        )

    def add(
        self,
        account: AccountKey,
        day: dt.date,
        campaign_id: str,
        figures: Mapping[str, Decimal | None],
        *,
        currency: str = "",
        identity: tuple[object, ...] = (),
    ) -> None:
        """Count a row.

        Args:
            account: Whose it is.
            day: Reporting date.
            campaign_id: Provider's id; "": none.
            figures: Amounts by metric; None: not reported.
            currency: Of its amounts.
            identity: The row's cells: a row with the same ones on the same day repeats it.
                Empty: rows of this system never repeat.
        """
        series = self.accounts.setdefault(account, AccountSeries(currency))
        of_day = series.days.setdefault(day, DayFigures())
        of_campaign = of_day.campaigns.setdefault(campaign_id, {})
        seen = self._seen[account, day]
        is_repeated = bool(identity) and identity in seen
        seen.add(identity)
        of_day.rows += 1
        for metric, amount in figures.items():
            if amount is not None:
                _increase(of_day.totals, metric, amount)
                _increase(of_campaign, metric, amount)
                if is_repeated:
                    _increase(of_day.repeated, metric, amount)


def _increase(figures: Figures, metric: str, amount: Decimal) -> None:
    figures[metric] = figures.get(metric, Decimal(0)) + amount
