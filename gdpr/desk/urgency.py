"""How near a request is to its dates, in words and as an order.

    due_at (law), assist_by (contract), paused_at, state, now -> Urgency, words
    the same in SQL -> the most urgent first

The law's date towards the person always counts before the contract's towards the controller. A
request whose clock stands still is not at risk: its date moves when the clock goes on.

Source: GDPR articles 12(3) and 28(3)(e); figures of `domain.privacy.deadlines`.
"""

import datetime as dt
import enum
from typing import Final, Protocol

from sqlalchemy import ColumnElement, and_, case

from domain.privacy.deadlines import CURRENT_POLICY
from domain.privacy.rights import RequestState
from tenancy.tables import SubjectRequest

__all__ = [
    "AT_RISK",
    "FINAL",
    "Dates",
    "Urgency",
    "days_left",
    "describe",
    "describe_due",
    "describe_help",
    "is_at_risk",
    "urgency_of",
    "urgency_rank",
]

_DAY: Final = dt.timedelta(days=1)

FINAL: Final = tuple(state for state in RequestState if state.is_final)
_HELPED: Final = tuple(state for state in RequestState if state.is_carried_out)


class Urgency(enum.Enum):
    """How near; the most urgent first."""

    OVERDUE = "overdue"
    DUE_SOON = "due soon"
    HELP_DUE = "help to the client due"
    ON_TIME = "on time"
    PAUSED = "clock stands still"
    CLOSED = "closed"


AT_RISK: Final = (Urgency.OVERDUE, Urgency.DUE_SOON, Urgency.HELP_DUE)
_RANKS: Final = {urgency: rank for rank, urgency in enumerate(Urgency)}


class Dates(Protocol):
    """What decides; a `SubjectRequest` has it."""

    @property
    def state(self) -> RequestState:
        """Where it is."""

    @property
    def due_at(self) -> dt.datetime:
        """By law."""

    @property
    def assist_by(self) -> dt.datetime | None:
        """By contract."""

    @property
    def paused_at(self) -> dt.datetime | None:
        """Since when the clock stands still."""


def urgency_of(dates: Dates, now: dt.datetime) -> Urgency:
    """How near a request is to its dates at the UTC instant `now`."""
    if dates.state.is_final:
        return Urgency.CLOSED
    if dates.paused_at is not None:
        return Urgency.PAUSED
    if dates.due_at <= now:
        return Urgency.OVERDUE
    if dates.due_at - now <= CURRENT_POLICY.warn[0]:
        return Urgency.DUE_SOON
    soon = now + CURRENT_POLICY.warn_assist
    if _helps(dates) and dates.assist_by is not None and dates.assist_by <= soon:
        return Urgency.HELP_DUE
    return Urgency.ON_TIME


def urgency_rank(now: dt.datetime) -> ColumnElement[int]:
    """`urgency_of` in SQL, as a number: 0 is the most urgent."""
    row = SubjectRequest
    rank = _RANKS
    return case(
        (row.state.in_(FINAL), rank[Urgency.CLOSED]),
        (row.paused_at.is_not(None), rank[Urgency.PAUSED]),
        (row.due_at <= now, rank[Urgency.OVERDUE]),
        (row.due_at <= now + CURRENT_POLICY.warn[0], rank[Urgency.DUE_SOON]),
        (
            and_(row.state.not_in(_HELPED), row.assist_by <= now + CURRENT_POLICY.warn_assist),
            rank[Urgency.HELP_DUE],
        ),
        else_=rank[Urgency.ON_TIME],
    )


def is_at_risk(now: dt.datetime) -> ColumnElement[bool]:
    """Whether a request is overdue or near to be."""
    return urgency_rank(now) <= _RANKS[AT_RISK[-1]]


def days_left(dates: Dates, now: dt.datetime) -> int | None:
    """Whole days until the law's date, negative when it has passed; None: the request has ended.

    While the clock stands still: as many as there were when it stopped.
    """
    if dates.state.is_final:
        return None
    return (dates.due_at - (dates.paused_at or now)) // _DAY


def describe(dates: Dates, now: dt.datetime) -> str:
    """The urgency in a few words, for people: `overdue by 3 days`, `due in 12 days`."""
    urgency = urgency_of(dates, now)
    if urgency is Urgency.CLOSED:
        return "closed"
    if urgency is Urgency.HELP_DUE:
        return f"help to the client {describe_help(dates, now)}"
    return describe_due(dates, now)


def describe_due(dates: Dates, now: dt.datetime) -> str:
    """How near the law's date of an open request is."""
    if dates.paused_at is not None:
        return f"clock stands still, {_span(dates.due_at - dates.paused_at)} left"
    return _near(dates.due_at, now)


def describe_help(dates: Dates, now: dt.datetime) -> str:
    """How near the contract's date is; empty: the client has its help, or needs none."""
    return _near(dates.assist_by, now) if dates.assist_by and _helps(dates) else ""


def _near(at: dt.datetime, now: dt.datetime) -> str:
    return f"overdue by {_span(now - at)}" if at <= now else f"due in {_span(at - now)}"


def _helps(dates: Dates) -> bool:
    return not dates.state.is_carried_out


def _span(length: dt.timedelta) -> str:
    """Whole days, or hours when it is less than two days."""
    hours = max(length // dt.timedelta(hours=1), 0)
    if hours < 48:  # noqa: PLR2004  # two days
        return "less than an hour" if hours == 0 else f"{hours} hour{'' if hours == 1 else 's'}"
    return f"{length // _DAY} days"
