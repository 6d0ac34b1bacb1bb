"""Alerts for tests without a database."""

import datetime as dt
import uuid
from typing import Any
from zoneinfo import ZoneInfo

from api.alerts.bulletin import Addressee, Bulletin, Entry, gather
from domain.ids import ClientId, TenantId
from tenancy.tables import AlertKind, AlertSeverity, NoticePhase, RaisedAlert

__all__ = ["NOON", "NORTHWIND", "at", "bulletin", "entry", "make_alert"]

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NORTHWIND = Addressee(
    TenantId(uuid.UUID(int=1)), "northwind", "Northwind", ZoneInfo("Europe/Berlin")
)


def at(**later: float) -> dt.datetime:
    """Noon of 1 March, UTC, and so much later; 13:00 in Berlin."""
    return NOON + dt.timedelta(**later)


def make_alert(number: int = 1, **changed: Any) -> RaisedAlert:
    """Google Ads that does not answer, open since noon."""
    words: dict[str, Any] = {
        "id": uuid.UUID(int=100 + number),
        "kind": AlertKind.SYNC_FAILED,
        "severity": AlertSeverity.WARNING,
        "subject": f"connection:{number}",
        "client_id": ClientId(uuid.UUID(int=10 + number)),
        "title": "Google Ads does not answer",
        "details": f"account {number}: 1 of 2 syncs failed",
        "hint": "it is tried again with the next sync",
        "due_at": None,
        "relapses": 0,
        "raised_at": NOON,
        "opened_at": NOON,
        "updated_at": NOON,
        "cleared_at": None,
        "settled_at": None,
    }
    return RaisedAlert(**{**words, **changed})


def entry(
    number: int = 1,
    client: str | None = "Acme",
    phase: NoticePhase = NoticePhase.OPENED,
    **changed: Any,
) -> Entry:
    """An alert of a client in a message."""
    return Entry(make_alert(number, **changed), phase, client)


def bulletin(*entries: Entry, now: dt.datetime | None = None) -> Bulletin:
    """A message of two minutes past noon."""
    return Bulletin(uuid.UUID(int=7), NORTHWIND, now or at(minutes=2), gather(entries))
