"""What a message says: alerts put together by their cause.

    (alert, phase, client's name) -> gather -> Bulletin of groups, the gravest first

A provider that is down is one group with all the clients that it touches. Two alerts have one
cause when they have kind, title and hint in common.
"""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from domain.ids import TenantId
from tenancy.tables import AlertKind, AlertSeverity, NoticePhase, RaisedAlert

__all__ = ["Addressee", "Bulletin", "Entry", "Group", "gather"]

_PHASES: Final = tuple(NoticePhase)
_KINDS: Final = tuple(AlertKind)
_SEVERITIES: Final = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Addressee:
    """The agency that a message is for; times are told in its zone."""

    tenant_id: TenantId
    slug: str
    name: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Entry:
    """One alert in a message; `client` is the name of whose data suffers, None: the agency's."""

    alert: RaisedAlert
    phase: NoticePhase
    client: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts of one cause and phase, by client.

    Attributes:
        severity: The highest of them.
        due_at: The nearest of them; None: none has a deadline.
    """

    phase: NoticePhase
    title: str
    hint: str
    severity: AlertSeverity
    due_at: dt.datetime | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Bulletin:
    """A message to an agency. `id` stays the same when it is sent again."""

    id: uuid.UUID
    to: Addressee
    composed_at: dt.datetime
    groups: tuple[Group, ...]

    @property
    def entries(self) -> Iterable[Entry]:
        """All alerts, group by group."""
        return itertools.chain.from_iterable(group.entries for group in self.groups)


def gather(entries: Iterable[Entry]) -> tuple[Group, ...]:
    """Put alerts of one cause and phase together.

    Returns:
        What is new first, then what goes on, then what is over; the gravest first in each.
    """
    by_cause = itertools.groupby(sorted(entries, key=_order), key=_cause)
    return tuple(sorted((_group(list(alike)) for _, alike in by_cause), key=_weight))


def _order(entry: Entry) -> tuple[tuple[int, int, str, str], str, str]:
    return _cause(entry), entry.client or "", entry.alert.subject


def _cause(entry: Entry) -> tuple[int, int, str, str]:
    alert = entry.alert
    return _PHASES.index(entry.phase), _KINDS.index(alert.kind), alert.title, alert.hint


def _group(entries: list[Entry]) -> Group:
    first = entries[0]
    dues = [entry.alert.due_at for entry in entries if entry.alert.due_at is not None]
    return Group(
        phase=first.phase,
        title=first.alert.title,
        hint=first.alert.hint,
        severity=max((entry.alert.severity for entry in entries), key=_SEVERITIES.index),
        due_at=min(dues, default=None),
        entries=tuple(entries),
    )


def _weight(group: Group) -> tuple[int, int]:
    return _PHASES.index(group.phase), -_SEVERITIES.index(group.severity)
