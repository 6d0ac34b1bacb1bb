"""Requests as rows, without whom they are about."""

import datetime as dt
import uuid
from typing import Any

from domain.ids import ClientId
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestState,
    Right,
)
from tenancy.tables import SubjectRequest

__all__ = ["request_row"]


def request_row(
    request_id: uuid.UUID,
    client_id: ClientId | None,
    received_at: dt.datetime,
    **changed: Any,
) -> SubjectRequest:
    """A request for erasure, received and due a month of 30 days later, but for `changed`."""
    values: dict[str, Any] = {
        "right": Right.ERASURE,
        "channel": IntakeChannel.DESK,
        "role": ProcessingRole.PROCESSOR,
        "state": RequestState.IDENTIFYING,
        "identity": IdentityLevel.CLAIMED,
        "fingerprint": request_id.bytes,
        "pseudonyms": [],
        "scope": {},
        "policy": "gdpr-2018",
        "due_at": received_at + dt.timedelta(days=30),
        "paused_seconds": 0,
        "language": "en",
        "requested_by": "user:ann",
    }
    return SubjectRequest(
        id=request_id, client_id=client_id, received_at=received_at, **values | changed
    )
