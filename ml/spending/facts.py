"""What is known of one client's ads, by channel and by campaign, and what it spends now.

history of an agency's ads -> one client, one currency -> panel of channels or of campaigns
recent panel -> pace of four weeks, spent in the period so far
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.errors import InvalidInputError
from domain.ids import ClientId
from ml.history.levels import Level, at_levels
from ml.panel import Floats, History, Measure, Panel
from ml.spending.material import (
    RECENT_DAYS,
    TooLittleDataError,
    complete_steps,
    key_of,
)
from tenancy.tables import BudgetLevel

__all__ = [
    "Recent",
    "chosen_currency",
    "currencies_of",
    "only_currency",
    "panels_of",
    "recent_of",
]

# An account that is so far behind says nothing of what is spent now.
_LATEST: Final = 7


@dataclass(frozen=True, slots=True, eq=False)
class Recent:
    """What a client spends now.

    Attributes:
        keys: Of channels or campaigns that have spent in the last four weeks, or in the period.
        channels: Of each.
        pace: Spend of a day, mean of the last four weeks, shape (keys,).
        spent: In the period so far, shape (keys,).
        known_to: The last day of which everybody has told.
    """

    keys: tuple[str, ...]
    channels: tuple[str, ...]
    pace: Floats
    spent: Floats
    known_to: dt.date


def panels_of(history: History) -> dict[BudgetLevel, Panel]:
    """What is known by channel and by campaign, all clients of an agency."""
    whole = at_levels(history, [Level.PART, Level.CHANNEL]).latest()
    rows: dict[BudgetLevel, list[int]] = {BudgetLevel.CAMPAIGN: [], BudgetLevel.CHANNEL: []}
    for row, one in enumerate(whole.series):
        level = BudgetLevel.CHANNEL if one.campaign is None else BudgetLevel.CAMPAIGN
        rows[level].append(row)
    return {level: whole.rows(some) for level, some in rows.items()}


def only_currency(panel: Panel, client_id: ClientId, currency: str) -> Panel:
    """The rows of one client in one currency."""
    return panel.rows(
        [
            row
            for row, one in enumerate(panel.series)
            if one.client == str(client_id) and one.currency == currency
        ]
    )


def currencies_of(panel: Panel, client_id: ClientId) -> tuple[str, ...]:
    """Those in which a client has spent, in order of the alphabet."""
    spent = np.nansum(panel.values[Measure.SPEND], axis=1) > 0
    return tuple(
        sorted(
            {
                one.currency
                for row, one in enumerate(panel.series)
                if one.client == str(client_id) and one.currency is not None and spent[row]
            }
        )
    )


def chosen_currency(found: Sequence[str], asked: str | None) -> str:
    """The currency of a question.

    Raises:
        InvalidInputError: The client has several and none is named, or another one (caller).
        TooLittleDataError: Nothing was spent of late.
    """
    if not found:
        raise TooLittleDataError(
            f"nothing was spent in the last {RECENT_DAYS} days",
            hint="a budget is planned from what its accounts tell: bosco freshness",
        )
    if asked is None and len(found) == 1:
        return found[0]
    if asked is None or asked not in found:
        said = "no currency is named" if asked is None else f"nothing is spent in {asked}"
        raise InvalidInputError(
            f"{said}; the client spends in {', '.join(found)}", hint="name one of them"
        )
    return asked


def recent_of(panel: Panel, period_from: dt.date, today: dt.date) -> Recent:
    """What is spent now, of a panel of one client in one currency that reaches to yesterday.

    Raises:
        TooLittleDataError: Accounts have told nothing for a week.
    """
    steps = complete_steps(panel)
    known_to = panel.day(steps - 1)
    if (today - known_to).days > _LATEST:
        raise TooLittleDataError(
            f"not every account has told its spend since {known_to}",
            hint="bring them up to date first: bosco freshness",
        )
    spend = panel.values[Measure.SPEND][:, :steps]
    late = spend[:, -RECENT_DAYS:]
    days = np.maximum(np.isfinite(late).sum(axis=1), 1)
    pace = np.maximum(np.nansum(late, axis=1) / days, 0)
    begins = max((period_from - panel.start).days, 0)
    spent = np.maximum(np.nansum(spend[:, begins:], axis=1), 0)
    rows = np.flatnonzero(pace + spent > 0)
    return Recent(
        keys=tuple(key_of(panel.series[row]) for row in rows),
        channels=tuple(panel.series[row].channel or "other" for row in rows),
        pace=pace[rows],
        spent=spent[rows],
        known_to=known_to,
    )
