"""A message as JSON, for programs: fields are added, never renamed or taken away."""

import datetime as dt
import uuid
from typing import Any, Final

from api.alerts.bulletin import Addressee, Bulletin, Entry
from api.alerts.rendering.mail import render_text
from api.alerts.rendering.words import headline
from domain.ids import public_id

__all__ = ["render_payload", "render_trial_payload"]

_VERSION: Final = 1
_MOST_ALERTS: Final = 500


def render_payload(bulletin: Bulletin) -> dict[str, Any]:
    """The body of the request."""
    entries = list(bulletin.entries)
    return {
        **_frame("ALERTS", bulletin.to, bulletin.id, bulletin.composed_at),
        "headline": headline(bulletin),
        "text": render_text(bulletin),
        "alerts": [_alert(entry) for entry in entries[:_MOST_ALERTS]],
        "omitted": max(len(entries) - _MOST_ALERTS, 0),
    }


def render_trial_payload(
    to: Addressee, words: str, message_id: uuid.UUID, now: dt.datetime
) -> dict[str, Any]:
    """The same of a message that only tries the channel."""
    frame = _frame("TEST", to, message_id, now)
    return {**frame, "headline": words, "text": words, "alerts": [], "omitted": 0}


def _frame(kind: str, to: Addressee, message_id: uuid.UUID, now: dt.datetime) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "type": kind,
        "id": public_id("msg", message_id),
        "composedAt": _instant(now),
        "agency": {"id": public_id("ten", to.tenant_id), "slug": to.slug, "name": to.name},
    }


def _alert(entry: Entry) -> dict[str, Any]:
    alert = entry.alert
    client = None
    if alert.client_id is not None:
        client = {"id": public_id("cli", alert.client_id), "name": entry.client}
    return {
        "id": public_id("alr", alert.id),
        "phase": entry.phase.name,
        "kind": alert.kind.name,
        "severity": alert.severity.name,
        "subject": alert.subject,
        "client": client,
        "title": alert.title,
        "details": alert.details,
        "hint": alert.hint,
        "dueAt": _instant(alert.due_at),
        "raisedAt": _instant(alert.raised_at),
        "openedAt": _instant(alert.opened_at),
        "clearedAt": _instant(alert.cleared_at),
        "relapses": alert.relapses,
    }


def _instant(instant: dt.datetime | None) -> str | None:
    return None if instant is None else f"{instant.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
