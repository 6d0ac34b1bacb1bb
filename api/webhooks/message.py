"""What is sent: type, timestamp and data as JSON, the same bytes in each attempt."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from domain.ids import public_id
from tenancy.tables import WebhookEvent

__all__ = ["Message", "message_of", "trial_message"]

_TRIAL: Final = "webhook.test"


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it goes out.

    Attributes:
        id: `msg_` and 26 letters or digits; a receiver does nothing twice for one id.
    """

    id: str
    body: bytes


def message_of(event: WebhookEvent) -> Message:
    """The message of an event."""
    return _message(event.id, event.type.value, event.occurred_at, event.data)


def trial_message(message_id: uuid.UUID, now: dt.datetime, endpoint_id: str) -> Message:
    """A message that only tries an endpoint, by its public id."""
    return _message(message_id, _TRIAL, now, {"endpointId": endpoint_id})


def _message(message_id: uuid.UUID, kind: str, at: dt.datetime, data: Mapping[str, Any]) -> Message:
    timestamp = f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    body = orjson.dumps({"type": kind, "timestamp": timestamp, "data": dict(data)})
    return Message(public_id("msg", message_id), body)
