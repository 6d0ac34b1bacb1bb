"""Parser of the Google Ads Query Language.

    text -> tokens -> Query(fields, resource, conditions, ordering, limit)

Grammar subset: SELECT, FROM, WHERE with AND, ORDER BY, LIMIT; the operators of the reference
except the list operators of repeated fields. Source: developers.google.com/google-ads/api/docs/
query/grammar, v25.
"""

import re
from dataclasses import dataclass
from typing import Final

from ingestion.simulator.google_ads.failures import GoogleAdsRefusalError

__all__ = ["Condition", "Ordering", "Query", "parse_gaql", "query_refusal"]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?P<open>['\"].*)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<symbol><=|>=|!=|=|<|>|,|\(|\))"
    r"|(?P<other>\S))",
    re.DOTALL,
)
_COMPARISONS: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator values`; BETWEEN has two values, DURING the name of its period."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ordering:
    """One term of ORDER BY."""

    field: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; names are not resolved yet."""

    fields: tuple[str, ...]
    resource: str
    conditions: tuple[Condition, ...]
    ordering: tuple[Ordering, ...]
    limit: int | None


def query_refusal(code: str, message: str) -> GoogleAdsRefusalError:
    """Build a `queryError` that points at the query."""
    return GoogleAdsRefusalError("queryError", code, message, in_query=True)


def parse_gaql(text: str) -> Query:
    """Parse `text`.

    Raises:
        GoogleAdsRefusalError: A `queryError` that says where the syntax is off.
    """
    parser = _Parser(_tokens_of(text))
    fields = parser.select_list()
    resource = parser.from_clause()
    conditions = parser.where_clause()
    ordering = parser.order_clause()
    limit = parser.limit_clause()
    parser.expect_end()
    return Query(fields, resource, conditions, ordering, limit)


def _tokens_of(text: str) -> list[tuple[str, str]]:
    tokens = []
    stripped = text.rstrip()
    position = 0
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            break
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind == "open":
            raise query_refusal("STRING_NOT_TERMINATED", "String was not terminated.")
        tokens.append((kind, value))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0

    def select_list(self) -> tuple[str, ...]:
        if not self._keyword("SELECT"):
            raise query_refusal("EXPECTED_SELECT", "Error in query: SELECT clause is missing.")
        fields = [self._name()]
        while self._symbol(","):
            fields.append(self._name())
        return tuple(fields)

    def from_clause(self) -> str:
        if not self._keyword("FROM"):
            if self._peek() is not None:
                raise self._unexpected()
            raise query_refusal("EXPECTED_FROM", "Error in query: FROM clause is missing.")
        return self._name()

    def where_clause(self) -> tuple[Condition, ...]:
        if not self._keyword("WHERE"):
            return ()
        conditions = [self._condition()]
        while self._keyword("AND"):
            conditions.append(self._condition())
        return tuple(conditions)

    def order_clause(self) -> tuple[Ordering, ...]:
        if not self._keyword("ORDER"):
            return ()
        if not self._keyword("BY"):
            raise query_refusal("EXPECTED_BY", "Error in query: expected BY after ORDER.")
        terms = [self._ordering()]
        while self._symbol(","):
            terms.append(self._ordering())
        return tuple(terms)

    def limit_clause(self) -> int | None:
        if not self._keyword("LIMIT"):
            return None
        token = self._next()
        if token[0] != "number" or not token[1].isdigit():
            raise query_refusal("BAD_LIMIT_VALUE", f"Invalid LIMIT value: '{token[1]}'.")
        if int(token[1]) < 1:
            raise query_refusal("LIMIT_VALUE_TOO_LOW", "Value passed to LIMIT is too low.")
        return int(token[1])

    def expect_end(self) -> None:
        if self._peek() is not None:
            raise self._unexpected()

    def _condition(self) -> Condition:
        field = self._name()
        if self._peek() is None:
            raise self._end()
        if self._keyword("BETWEEN"):
            low = self._value()
            if not self._keyword("AND"):
                raise query_refusal("EXPECTED_AND", "Error in query: expected AND in BETWEEN.")
            return Condition(field, "BETWEEN", (low, self._value()))
        if self._keyword("DURING"):
            return Condition(field, "DURING", (self._value().upper(),))
        is_negated = self._keyword("NOT")
        for word in ("IN", "LIKE"):
            if self._keyword(word):
                operator = f"NOT {word}" if is_negated else word
                values = self._list() if word == "IN" else (self._value(),)
                return Condition(field, operator, values)
        kind, value = self._next()
        if kind != "symbol" or value not in _COMPARISONS or is_negated:
            raise query_refusal("BAD_OPERATOR", f"Error in query: invalid operator '{value}'.")
        return Condition(field, value, (self._value(),))

    def _list(self) -> tuple[str, ...]:
        if not self._symbol("("):
            raise query_refusal("EXPECTED_LIST", "Error in query: expected a list after IN.")
        values = [self._value()]
        while self._symbol(","):
            values.append(self._value())
        if not self._symbol(")"):
            raise self._end() if self._peek() is None else self._unexpected()
        return tuple(values)

    def _ordering(self) -> Ordering:
        field = self._name()
        if self._keyword("DESC"):
            return Ordering(field, is_descending=True)
        self._keyword("ASC")
        return Ordering(field, is_descending=False)

    def _value(self) -> str:
        kind, value = self._next()
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", value[1:-1])
        if kind in {"number", "name"}:
            return value
        self._position -= 1
        raise self._unexpected()

    def _name(self) -> str:
        kind, value = self._next()
        if kind != "name":
            self._position -= 1
            raise self._unexpected()
        return value

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        if token is None:
            raise self._end()
        self._position += 1
        return token

    def _keyword(self, word: str) -> bool:
        return self._take("name", word)

    def _symbol(self, symbol: str) -> bool:
        return self._take("symbol", symbol)

    def _take(self, kind: str, text: str) -> bool:
        token = self._peek()
        if token is None or token[0] != kind or token[1].upper() != text:
            return False
        self._position += 1
        return True

    def _unexpected(self) -> GoogleAdsRefusalError:
        token = self._peek()
        text = token[1] if token else ""
        return query_refusal("UNEXPECTED_INPUT", f"Error in query: unexpected input {text}.")

    def _end(self) -> GoogleAdsRefusalError:
        return query_refusal("UNEXPECTED_END_OF_QUERY", "Error in query: unexpected end of query.")
