"""What comes in: one word of one person, and what became of it."""

import datetime as dt
import uuid
from dataclasses import dataclass

from domain.ids import ClientId
from domain.privacy.identifiers import Identifier
from domain.privacy.signals.signal import Signal

__all__ = ["ConsentWord", "RecordedWord"]


@dataclass(frozen=True, slots=True)
class ConsentWord:
    """What one person said.

    Attributes:
        client_id: Whose data.
        identifiers: Of the person, normalised; at least one.
        signal: Of each purpose.
        effective_at: UTC instant at which they said it.
        notice_version: What they had been told; empty: nothing is known of that.
    """

    client_id: ClientId
    identifiers: tuple[Identifier, ...]
    signal: Signal
    effective_at: dt.datetime
    notice_version: str = ""


@dataclass(frozen=True, slots=True)
class RecordedWord:
    """What became of it.

    Attributes:
        receipt_id: None: the person is erased, or the signal says nothing: nothing is kept.
        subject_id: None: nobody who could be found in the data.
    """

    receipt_id: uuid.UUID | None
    subject_id: uuid.UUID | None
