"""Which row it is: its key at the provider and its day, read from typed fields.

    typed values by field -> natural key (as unification writes it), reporting date

Of a row that does not fit, some fields are typed and some are not: where a part of the key or the
day cannot be read, it is not known.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from domain.facts.tables import KEY_SEPARATOR
from ingestion.connector.spec import StreamSpec

__all__ = ["RowIdentity"]

ValueOf = Callable[[str], Any]  # field of the stream -> typed value; None: none


class RowIdentity:
    """Reads keys and days of one stream.

    Attributes:
        key_fields: Their values together are the natural key.
        day_field: Its value is the reporting date; None: the stream has none of its own.
    """

    def __init__(self, stream: StreamSpec) -> None:
        self.key_fields = stream.key
        day = next((one.field for one in stream.mapping if one.column == "reporting_date"), None)
        self.day_field = day if day and stream.field(day) else None

    def natural_key(self, value_of: ValueOf) -> str:
        """The key of a row that fits: parts without value are empty."""
        return KEY_SEPARATOR.join(_text(value_of(name)) for name in self.key_fields)

    def known_key(self, value_of: ValueOf) -> str | None:
        """The key of a row that does not fit; None when a part has no value that could be read."""
        parts = [value_of(name) for name in self.key_fields]
        if not parts or any(part is None for part in parts):
            return None
        return KEY_SEPARATOR.join(map(_text, parts))

    def day(self, value_of: ValueOf) -> dt.date | None:
        """The reporting date, or None when it cannot be read."""
        found: dt.date | None = value_of(self.day_field) if self.day_field else None
        return found


def _text(value: Any) -> str:
    """A key's part as SQL casts it to text: keys are ids, whole numbers and days."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, dt.date) else str(value)
