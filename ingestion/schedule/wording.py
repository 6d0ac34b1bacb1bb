"""What people are told about a deadline that will be, or was, missed.

    cause + account + instants -> Alert: a title that many accounts share, a text of this one

Titles name the platform, the day and the reason only: alerts with one title are told together.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from domain.ids import ClientId, ConnectionId
from tenancy.alerts import Alert, AlertKind, AlertSeverity
from tenancy.tables import MissCause

__all__ = ["DueAccount", "foretold_miss", "missed", "reason_of", "subject_of"]

_REASONS: Final = {
    MissCause.REFUSED: "{source} refuses",
    MissCause.INCIDENT: "what {source} sent looks wrong",
    MissCause.OUTAGE: "{source} does not answer",
    MissCause.THROTTLED: "{source} grants no calls for now",
    MissCause.FAILING: "the tries so far have failed",
    MissCause.READY_LATE: "the account's day is complete too late",
    MissCause.SLOW: "it takes longer than usual",
    MissCause.QUEUE: "too much else has to be read before",
}
_HINTS: Final = {
    MissCause.REFUSED: "bosco connections check tells what the platform wants; connect it again",
    MissCause.INCIDENT: "bosco incidents list tells what; look at it, then release or sync again",
    MissCause.OUTAGE: "nothing to do: it goes on by itself as soon as the platform answers",
    MissCause.THROTTLED: "it goes on by itself; if it comes often, ask for a higher quota",
    MissCause.FAILING: "it is tried again by itself; syncs in GraphQL tells of each try",
    MissCause.READY_LATE: "tell the client a later hour, or keep the account in the client's zone",
    MissCause.SLOW: "nothing to do yet: it is still running",
    MissCause.QUEUE: "run more workers: bosco worker, or bosco serve --workers",
}
_SEVERITIES: Final = {
    MissCause.REFUSED: AlertSeverity.CRITICAL,
    MissCause.INCIDENT: AlertSeverity.CRITICAL,
    MissCause.READY_LATE: AlertSeverity.INFO,
}


@dataclass(frozen=True, slots=True)
class DueAccount:
    """The account that a due sync is about, in the words that people know.

    Attributes:
        source: Label of the platform.
        name: The account's own, or its id.
        time_zone: IANA zone of the client.
        error: What the last try was told; empty: nothing.
    """

    client_id: ClientId
    connection_id: ConnectionId
    source: str
    name: str
    time_zone: str
    day: dt.date
    deadline_at: dt.datetime
    error: str = ""


def subject_of(connection_id: ConnectionId, day: dt.date) -> str:
    """The key of alerts about one connection and day."""
    return f"connection:{connection_id}:{day}"


def reason_of(cause: MissCause, source: str) -> str:
    """Why a deadline is missed, as half a sentence; `source` is the platform's label."""
    return _REASONS[cause].format(source=source)


def foretold_miss(account: DueAccount, cause: MissCause, finish: dt.datetime | None) -> Alert:
    """Data will be late.

    Args:
        account: Whose.
        cause: Why.
        finish: When it is expected to be done; None: not before somebody acts.
    """
    expected = "not before somebody acts" if finish is None else _local(account, finish)
    return Alert(
        kind=AlertKind.FRESHNESS_PREDICTED_MISS,
        severity=_SEVERITIES.get(cause, AlertSeverity.WARNING),
        subject=subject_of(account.connection_id, account.day),
        client_id=account.client_id,
        title=f"{_figures(account)} will be late: {reason_of(cause, account.source)}",
        text=_sentences(
            f"{account.name}: expected {expected}, {_due(account)}",
            account.error,
        ),
        hint=_HINTS[cause],
        due_at=account.deadline_at,
    )


def missed(account: DueAccount, cause: MissCause | None) -> Alert:
    """Data is late.

    Args:
        account: Whose.
        cause: Why; None: it came as a surprise.
    """
    return Alert(
        kind=AlertKind.FRESHNESS_MISSED,
        severity=AlertSeverity.WARNING
        if cause is None
        else _SEVERITIES.get(cause, AlertSeverity.WARNING),
        subject=subject_of(account.connection_id, account.day),
        client_id=account.client_id,
        title=f"{_figures(account)} are late",
        text=_sentences(
            f"{account.name}: {_due(account)}",
            "" if cause is None else reason_of(cause, account.source),
            account.error,
        ),
        hint="" if cause is None else _HINTS[cause],
        due_at=account.deadline_at,
    )


def _figures(account: DueAccount) -> str:
    return f"{account.source} figures of {account.day:%d %B %Y}"


def _due(account: DueAccount) -> str:
    return f"due {_local(account, account.deadline_at)} ({account.time_zone})"


def _local(account: DueAccount, at: dt.datetime) -> str:
    return f"{at.astimezone(ZoneInfo(account.time_zone)):%d %b %H:%M}"


def _sentences(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
