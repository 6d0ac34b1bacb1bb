"""Whom an agency has given people's data, what they are told, and how they took it.

Sources: GDPR articles 17(2) and 19.
"""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.privacy.identifiers import Identifier
from domain.privacy.rights import Right

__all__ = ["Answered", "RecipientAnswer", "RecipientKind", "Telling"]


class RecipientKind(enum.Enum):
    """How a recipient is told. The audiences of ads are left by hashed identifiers."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    KLAVIYO = "klaviyo"
    HUBSPOT = "hubspot"
    GA4 = "ga4"
    META_AUDIENCE = "meta_audience"
    GOOGLE_AUDIENCE = "google_audience"
    TIKTOK_AUDIENCE = "tiktok_audience"


@dataclass(frozen=True, slots=True)
class Telling:
    """What one recipient is told of one request.

    Attributes:
        key: The same in every attempt: the recipient may tell by it that it was told before.
        settings: Of the recipient, not secret.
        secrets: Of the recipient.
        right: What the person asked for.
        identifiers: Of the person, as far as the recipient may know them.
        made_at: UTC instant since which the recipient has to be told.
        receipt: Of what the recipient has accepted; it is asked whether that is done, and told
            nothing. Empty: it is told.
    """

    key: uuid.UUID
    kind: RecipientKind
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    right: Right
    identifiers: tuple[Identifier, ...]
    made_at: dt.datetime
    receipt: str = ""


class Answered(enum.Enum):
    """How a recipient took it.

    `TOLD`: has it, and has to confirm in its own time. `ACCEPTED`: has begun, and has to be asked
    whether it is done. `CONFIRMED`: has done it, or is bound to. `NOTHING_TO_TELL`: knows no
    identifier of the kind that the person has. `REFUSED`: trying again does not help. `UNREACHED`:
    trying again may.
    """

    TOLD = "told"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    NOTHING_TO_TELL = "nothing_to_tell"
    REFUSED = "refused"
    UNREACHED = "unreached"


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """An answer.

    Attributes:
        status: Of HTTP; None: there was none.
        reason: Why it is refused or unreached; without secrets and identifiers; may be empty.
        retry_after: As the header has it; empty: there was none.
        receipt: The recipient's own id of what it was told; empty: it gave none, or knows it no
            more and is told anew.
    """

    answered: Answered
    status: int | None = None
    reason: str = ""
    retry_after: str = ""
    receipt: str = ""
