"""What each of several signing keys is for at an instant; pure.

    made ─ published ahead ─► signs ─ for a time ─► retired: its successor signs ─ overlap ─► gone

A successor is published before it signs, so that nobody meets a key id that their copy of the list
lacks.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from tenancy.tables import SigningKey

__all__ = ["KeyRotation", "RotationPace"]


@dataclass(frozen=True, slots=True)
class RotationPace:
    """How fast keys follow each other.

    Attributes:
        signs_for: Time from one key to the next.
        publish_ahead: For so long a key is known before it signs.
        overlap: For so long a key verifies after it has signed for the last time.
    """

    signs_for: dt.timedelta
    publish_ahead: dt.timedelta
    overlap: dt.timedelta


class KeyRotation:
    """Keys of one kind at an instant.

    Args:
        rows: All keys of the kind, the newest first.
        now: The instant.
        pace: How fast they follow each other.
    """

    def __init__(self, rows: Sequence[SigningKey], now: dt.datetime, pace: RotationPace) -> None:
        self.rows = rows
        self._now = now
        self._pace = pace
        self._in_force = [row for row in rows if row.retired_at is None]

    @property
    def needs_successor(self) -> bool:
        """Whether no key signs, or the newest soon has done so for long enough."""
        if not self._in_force:
            return True
        age = self._now - self._in_force[0].created_at
        return age >= self._pace.signs_for - self._pace.publish_ahead

    @property
    def signer(self) -> SigningKey:
        """The newest key that has been published for long enough; else the oldest."""
        published = (row for row in self._in_force if self._is_published(row))
        return next(published, self._in_force[-1])

    @property
    def superseded(self) -> list[SigningKey]:
        """Keys that are in force and sign no longer."""
        return [row for row in self._in_force if row.created_at < self.signer.created_at]

    @property
    def verifying(self) -> list[SigningKey]:
        """Keys that verify what is valid for the overlap only."""
        return [row for row in self.rows if row.revoked_at is None and self._is_recent(row)]

    def _is_published(self, row: SigningKey) -> bool:
        return self._now - row.created_at >= self._pace.publish_ahead

    def _is_recent(self, row: SigningKey) -> bool:
        return row.retired_at is None or self._now - row.retired_at < self._pace.overlap
