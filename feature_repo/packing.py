"""The stored form of one view of one entity.

    [instant in microseconds, fingerprint of the view, client, value, value, ...] -> JSON bytes

Values stand in the order of the view's features: no names are stored, and none are decoded. The
fingerprint tells when that order, or the meaning of a value, is another one by now; such bytes
count as not stored. Numbers come back exactly: the shortest decimal that reads back as the same
double is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from feature_repo.feature import FeatureView
from feature_repo.feature_views import fingerprint

__all__ = ["Packing", "StoredValues", "Value"]

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class StoredValues:
    """One view of one entity.

    Attributes:
        micros: Instant that the values are of, microseconds since 1970.
        client_id: Client that the entity belongs to, UUID text.
        values: In the order of the view's features.
    """

    micros: int
    client_id: str
    values: Sequence[Value]


class Packing:
    """Packs and unpacks values of one view."""

    def __init__(self, view: FeatureView) -> None:
        self.view = view
        self._fingerprint = fingerprint(view)
        self._length = len(view.features) + 3

    def pack(self, stored: StoredValues) -> bytes:
        """Write values down."""
        return orjson.dumps([stored.micros, self._fingerprint, stored.client_id, *stored.values])

    def unpack(self, data: bytes | None, oldest_micros: int) -> StoredValues | None:
        """Read values.

        Args:
            data: As stored; None: nothing is.
            oldest_micros: An older instant is not served.

        Returns:
            The values; None when there are none, or they are too old, or of other definitions.
        """
        if data is None:
            return None
        row = orjson.loads(data)
        if len(row) != self._length or row[1] != self._fingerprint or row[0] < oldest_micros:
            return None
        return StoredValues(row[0], row[2], row[3:])
