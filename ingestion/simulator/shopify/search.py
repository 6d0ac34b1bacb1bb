"""The search syntax of the `query` argument.

    "updated_at:>='2026-11-01T00:00:00Z' AND status:any" -> terms -> Filter

Terms are joined by AND or by whitespace. An unknown field does not fail the query: it is ignored
and told in `extensions.search`. Source: shopify.dev/docs/api/usage/search-syntax (2026-11).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = ["Filter", "Term", "parse_search"]

_TERM: Final = re.compile(
    r"(?P<minus>-)?(?P<field>[a-z_]+):\s*(?P<operator><=|>=|<|>)?\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>[^\s()]+))",
    re.IGNORECASE,
)
_DATE_LENGTH: Final = 10


@dataclass(frozen=True, slots=True)
class Term:
    """`field:operator value`; the operator `=` stands for none."""

    field: str
    operator: str
    value: str
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed search.

    Attributes:
        instants: Conditions on instants, `(field, operator, instant)`.
        words: Conditions on other fields.
        unknown: Terms whose field or value is not searchable.
    """

    instants: tuple[tuple[str, str, datetime], ...]
    words: tuple[Term, ...]
    unknown: tuple[Term, ...]

    def bounds(self, field: str) -> tuple[datetime | None, datetime | None]:
        """Return inclusive bounds that contain every instant of `field` that passes."""
        low = [instant for name, op, instant in self.instants if name == field and op[0] in ">="]
        high = [
            instant for name, op, instant in self.instants if name == field and op in {"<", "<="}
        ]
        return max(low, default=None), min(high, default=None)

    def passes(self, field: str, instant: datetime) -> bool:
        """Whether `instant` meets every condition on `field`."""
        return all(_TESTS[op](instant, other) for name, op, other in self.instants if name == field)

    def warnings(self, path: str, text: str) -> list[dict[str, Any]]:
        """Build the entries of `extensions.search`; none when every term was understood."""
        if not self.unknown:
            return []
        told = [
            {"field": term.field, "message": "Invalid search field for this query."}
            for term in self.unknown
        ]
        return [{"path": [path], "query": text, "warnings": told}]


_TESTS: Final[dict[str, Callable[[datetime, datetime], bool]]] = {
    "=": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def parse_search(
    text: str, *, zone: ZoneInfo, instant_fields: frozenset[str], word_fields: frozenset[str]
) -> Filter:
    """Parse `text`.

    Args:
        text: The `query` argument.
        zone: The shop's time zone: a date without a time begins there.
        instant_fields: Searchable fields that hold instants.
        word_fields: Searchable fields that hold words.
    """
    instants: list[tuple[str, str, datetime]] = []
    words: list[Term] = []
    unknown: list[Term] = []
    for match in _TERM.finditer(text):
        value = match["single"] or match["double"] or match["bare"] or ""
        term = Term(
            match["field"].lower(), match["operator"] or "=", value, match["minus"] is not None
        )
        instant = _instant(value, zone) if term.field in instant_fields else None
        if instant is not None:
            instants.append((term.field, term.operator, instant))
        elif term.field in word_fields:
            words.append(term)
        else:
            unknown.append(term)
    return Filter(tuple(instants), tuple(words), tuple(unknown))


def _instant(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == _DATE_LENGTH:
        return datetime.combine(instant.date(), time(), zone).astimezone(UTC)
    return instant.replace(tzinfo=zone) if instant.tzinfo is None else instant
