"""What is asked of a budget, and what cannot be meant so.

question -> checked before anything is read | error that says what to do
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.errors import InvalidInputError
from domain.ids import ClientId
from domain.time_window import DateRange
from ml.panel import Measure
from ml.plans.inputs import check_amount
from tenancy.tables import BudgetLevel

__all__ = ["USUAL_STEP", "Ask", "Bound", "Split", "check_ask", "check_split", "named"]

# With steps like this, plans were measured (`python -m bench budget`).
USUAL_STEP: Final = Decimal("0.5")

_MEASURES: Final = (Measure.REVENUE, Measure.CONVERSIONS)
_MOST_DAYS: Final = 92  # a quarter; curves are those of the next month
_FURTHEST: Final = dt.timedelta(days=31)
_MOST_BOUNDS: Final = 500
_LARGEST_STEP: Final = Decimal(10)
_LARGEST_RETURN: Final = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class Bound:
    """What one channel or campaign must get, or may.

    Attributes:
        channel: None: `campaign` says which.
        campaign: As keys of series have it.
        least: Of the whole period, at least.
        most: Likewise, at most.
        most_cost: What one conversion may cost.
        least_return: Revenue that one unit of spend has to bring.
    """

    channel: str | None = None
    campaign: str | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    most_cost: Decimal | None = None
    least_return: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A question about a budget.

    Attributes:
        period: Days of the budget; it may have begun.
        level: What is split over.
        measure: What is to become large: revenue or conversions, as platforms claim them.
        currency: None: that of the client's accounts, where there is one.
        total: Of the whole period; None where single spends are asked about.
        bounds: Of single channels or campaigns.
        max_step: Largest change of one against its present pace, as a share of it.
        most_cost: What one conversion may cost over all.
        least_return: Revenue that one unit of spend has to bring over all.
    """

    client_id: ClientId
    period: DateRange
    level: BudgetLevel = BudgetLevel.CHANNEL
    measure: Measure = Measure.REVENUE
    currency: str | None = None
    total: Decimal | None = None
    bounds: tuple[Bound, ...] = ()
    max_step: Decimal | None = USUAL_STEP
    most_cost: Decimal | None = None
    least_return: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """What one channel or campaign is to get in the whole period."""

    amount: Decimal
    channel: str | None = None
    campaign: str | None = None


def check_ask(ask: Ask, today: dt.date) -> None:
    """Refuse what needs no figures to be refused.

    Args:
        ask: The question.
        today: Of the agency.

    Raises:
        InvalidInputError: It cannot be meant so (caller).
    """
    _check_period(ask.period, today)
    if ask.measure not in _MEASURES:
        raise InvalidInputError(
            f"a budget is not planned for {ask.measure.value}",
            hint="it is planned for revenue or conversions",
        )
    if ask.total is not None:
        check_amount("the total", ask.total, least=Decimal("0.01"))
    _check_share("the largest step", ask.max_step, _LARGEST_STEP)
    if len(ask.bounds) > _MOST_BOUNDS:
        raise InvalidInputError(
            f"there are {len(ask.bounds):,} bounds", hint=f"give at most {_MOST_BOUNDS}"
        )
    _check_efficiency(ask.measure, ask.most_cost, ask.least_return)
    _refuse_twice(ask.bounds, "give one bound, with least and most together")
    for bound in ask.bounds:
        _check_efficiency(ask.measure, bound.most_cost, bound.least_return)
        for what, amount in (("the least", bound.least), ("the most", bound.most)):
            if amount is not None:
                check_amount(f"{what} of {named(bound)}", amount, least=Decimal(0))


def check_split(ask: Ask, spends: Sequence[Split], today: dt.date) -> None:
    """Refuse a split that needs no figures to be refused; raises as `check_ask`."""
    check_ask(ask, today)
    if not 0 < len(spends) <= _MOST_BOUNDS:
        raise InvalidInputError(
            f"{len(spends):,} spends are given", hint=f"give 1 to {_MOST_BOUNDS}"
        )
    _refuse_twice(spends, "give each one amount")
    for one in spends:
        check_amount(f"the spend of {named(one)}", one.amount, least=Decimal(0))


def named(one: Bound | Split) -> str:
    """The one that is meant, in words.

    Raises:
        InvalidInputError: Both a channel and a campaign are named, or none (caller).
    """
    if (one.channel is None) == (one.campaign is None):
        raise InvalidInputError(
            "a channel or a campaign is meant", hint="name one of the two, not both"
        )
    return "the campaign" if one.channel is None else repr(one.channel)


def _check_period(period: DateRange, today: dt.date) -> None:
    if period.end < today:
        raise InvalidInputError(
            f"the period ends on {period.end}, which is over", hint="plan days to come"
        )
    if period.days > _MOST_DAYS:
        raise InvalidInputError(
            f"{period.start} to {period.end} is {period.days} days",
            hint=f"plan at most {_MOST_DAYS}: what spend brings is known of the near future",
        )
    if period.start > today + _FURTHEST:
        raise InvalidInputError(
            f"the period starts on {period.start}, too far ahead to say what spend brings then",
            hint=f"it starts by {today + _FURTHEST}",
        )


def _check_efficiency(
    measure: Measure, most_cost: Decimal | None, least_return: Decimal | None
) -> None:
    if most_cost is not None:
        if measure is not Measure.CONVERSIONS:
            raise InvalidInputError(
                "a cost is kept by plans for conversions", hint="give a least return for revenue"
            )
        check_amount("the most that a conversion may cost", most_cost, least=Decimal("0.01"))
    if least_return is not None:
        if measure is not Measure.REVENUE:
            raise InvalidInputError(
                "a return is kept by plans for revenue", hint="give a most cost for conversions"
            )
        _check_share("the least return", least_return, _LARGEST_RETURN)
        if least_return == 0:
            raise InvalidInputError("the least return is 0", hint="leave it out")


def _check_share(what: str, value: Decimal | None, most: Decimal) -> None:
    if value is not None and (not value.is_finite() or not 0 <= value <= most):
        raise InvalidInputError(f"{what} is {value}", hint=f"it is at least 0 and at most {most}")


def _refuse_twice(several: Sequence[Bound] | Sequence[Split], hint: str) -> None:
    seen: set[tuple[str | None, str | None]] = set()
    for one in several:
        who = (one.channel, one.campaign)
        if who in seen:
            raise InvalidInputError(f"{named(one)} is given twice", hint=hint)
        seen.add(who)
