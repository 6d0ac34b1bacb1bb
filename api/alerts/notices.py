"""When a channel is told what of an alert: the rules, without a clock.

    alert, what the channel was told of it -> next_notice -> Notice(phase, due_at) -> take_due

Alerts that arise together are told together: the first one waits for a short window, and whatever
is due by then goes along. While an alert stays open it is told again, at growing distances. The
all clear waits until the cause has been gone for a while, longer with every relapse: what flaps
is told as one thing, and what was over before it was told is not told at all.

Decision: ADR-0013.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tenancy.tables import AlertSeverity, NoticePhase, RaisedAlert

__all__ = ["WINDOW", "Notice", "Told", "is_worse", "next_notice", "recall", "take_due"]

T = TypeVar("T")

WINDOW: Final = dt.timedelta(minutes=2)
_FIRST_REMINDER: Final = dt.timedelta(hours=4)  # doubled each time
_LONGEST_REMINDER: Final = dt.timedelta(days=1)
_FIRST_QUIET: Final = dt.timedelta(minutes=15)  # doubled with every relapse
_LONGEST_QUIET: Final = dt.timedelta(hours=4)
_DOUBLINGS: Final = 16  # more than either needs

_SEVERITIES: Final = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Told:
    """What a channel knows of an alert.

    Attributes:
        phase: Of what it was told last.
        severity: The alert's, at that time.
        at: UTC instant.
        times: How often it was told that the alert is open, since the last all clear.
    """

    phase: NoticePhase
    severity: AlertSeverity
    at: dt.datetime
    times: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told next, and not before `due_at`."""

    phase: NoticePhase
    due_at: dt.datetime


def recall(sent: Iterable[tuple[NoticePhase, AlertSeverity, dt.datetime]]) -> Told | None:
    """What a channel knows of an alert, from what it was sent, oldest first; None: nothing."""
    told = None
    for phase, severity, at in sent:
        is_first = told is None or told.phase is NoticePhase.CLEARED
        before = 0 if told is None or is_first else told.times
        told = Told(phase, severity, at, 0 if phase is NoticePhase.CLEARED else before + 1)
    return told


def next_notice(alert: RaisedAlert, told: Told | None, *, is_wanted: bool) -> Notice | None:
    """What a channel has to be told next of an alert.

    Args:
        alert: As it stands.
        told: What the channel knows.
        is_wanted: Whether the channel asks for alerts like this one.

    Returns:
        None when there is nothing to tell as long as the alert stays as it is.
    """
    knows = told if told is not None and told.phase is not NoticePhase.CLEARED else None
    if alert.cleared_at is not None:
        if knows is None:
            return None
        quiet = _doubled(_FIRST_QUIET, alert.relapses, _LONGEST_QUIET)
        return Notice(NoticePhase.CLEARED, alert.cleared_at + quiet)
    if not is_wanted:
        return None
    if knows is None:
        return Notice(NoticePhase.OPENED, alert.opened_at + WINDOW)
    if is_worse(alert.severity, knows.severity):
        return Notice(NoticePhase.OPENED, alert.updated_at)
    distance = _doubled(_FIRST_REMINDER, knows.times - 1, _LONGEST_REMINDER)
    return Notice(NoticePhase.REMINDER, knows.at + distance)


def take_due(notices: Sequence[tuple[T, Notice]], now: dt.datetime) -> list[tuple[T, NoticePhase]]:
    """What goes into a message now: nothing until something is due, then all that soon will be."""
    if not any(notice.due_at <= now for _, notice in notices):
        return []
    return [(about, notice.phase) for about, notice in notices if notice.due_at <= now + WINDOW]


def is_worse(severity: AlertSeverity, than: AlertSeverity) -> bool:
    """Whether one severity is above another."""
    return _SEVERITIES.index(severity) > _SEVERITIES.index(than)


def _doubled(first: dt.timedelta, times: int, longest: dt.timedelta) -> dt.timedelta:
    return min(first * (1 << min(times, _DOUBLINGS)), longest)
