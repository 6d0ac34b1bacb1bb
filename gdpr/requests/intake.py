"""A request as it comes in, whatever brought it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.ids import ClientId
from domain.privacy.identifiers import Identifier
from domain.privacy.rights import IdentityLevel, IntakeChannel, Right

__all__ = ["Intake"]


@dataclass(frozen=True, slots=True)
class Intake:
    """What somebody asks for.

    Attributes:
        client_id: Whose data; None: about people of the agency itself.
        right: What is asked for.
        channel: How it came in.
        identifiers: What the requester gave of themselves, normalised, orders included.
        received_at: UTC instant from which the law counts.
        requested_by: Actor, as in the audit trail: `user:<id>`, `cli:<name>`, `shopify`, `person`.
        identity: How surely the requester is the person.
        external_ref: The platform's own id of the request; empty: none.
        scope: What of it: `{"corrections": {...}}`, `{"purposes": [...]}`; no identifiers.
            `{"everybody": True, "connection": "<uuid>"}`: all people of a connection, who are not
            named; a platform says so when a shop is closed to us.
            `{"special_categories": True}` where such data is asked for (article 9).
        message: What the person wrote with it, for officers to read; may be empty.
        language: Of letters to the person, ISO 639-1; one that we do not write becomes English.
    """

    client_id: ClientId | None
    right: Right
    channel: IntakeChannel
    identifiers: tuple[Identifier, ...]
    received_at: dt.datetime
    requested_by: str
    identity: IdentityLevel = IdentityLevel.CLAIMED
    external_ref: str = ""
    scope: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en"
    message: str = field(default="", repr=False)
