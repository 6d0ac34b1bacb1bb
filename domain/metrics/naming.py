"""Names that a metric may have.

    name -> check_name -> the same name, fit for YAML, SQL and (in camel case) GraphQL

A name with two underscores in a row is refused: the answer's own columns (`roas__base`,
`campaign__label`) are told apart by them.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Final

from domain.errors import InvalidInputError
from domain.metrics.expression import FUNCTIONS

__all__ = ["InvalidNameError", "camel_case", "check_name", "did_you_mean"]

_SNAKE_CASE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_MAX_CHARACTERS: Final = 60

# fmt: off
# Words of BigQuery's and DuckDB's SQL, and fields and arguments of the GraphQL schema.
_RESERVED_SQL: Final = frozenset(
    [
        "all", "and", "any", "array", "as", "asc", "assert_rows_modified", "at", "between", "by",
        "case", "cast", "collate", "contains", "create", "cross", "cube", "current", "date",
        "day", "default", "define", "desc", "distinct", "else", "end", "enum", "escape", "except",
        "exclude", "exists", "extract", "false", "fetch", "following", "for", "from", "full",
        "group", "grouping", "groups", "hash", "having", "if", "ignore", "in", "inner",
        "intersect", "interval", "into", "is", "join", "lateral", "left", "like", "limit",
        "lookup", "merge", "month", "natural", "new", "no", "not", "null", "nulls", "of",
        "offset", "on", "or", "order", "outer", "over", "partition", "preceding", "proto",
        "qualify", "quarter", "range", "recursive", "respect", "right", "rollup", "row", "rows",
        "select", "set", "some", "struct", "table", "tablesample", "then", "time", "timestamp",
        "to", "treat", "true", "unbounded", "union", "unnest", "using", "values", "week", "when",
        "where", "window", "with", "within", "year",
    ]
)
_RESERVED_FIELDS: Final = frozenset(
    [
        "after", "amount", "base", "change", "client", "clients", "compare", "compared",
        "connections", "cost", "currency", "date", "dimensions", "first", "freshness", "grain",
        "having", "id", "label", "metric", "metrics", "mutation", "name", "order_by", "page_info",
        "period", "provenance", "query", "rows", "subscription", "sum", "syncs", "top", "totals",
        "type", "value", "where",
    ]
)
# fmt: on
RESERVED: Final = _RESERVED_SQL | _RESERVED_FIELDS | frozenset(FUNCTIONS)


class InvalidNameError(InvalidInputError):
    """A name has the wrong form, is reserved, or is taken (whoever chose it can mend it)."""

    code = "INVALID_NAME"


def check_name(name: str, *, kind: str = "metric") -> str:
    """Check the form of a name.

    Raises:
        InvalidNameError: Not snake case, too long, or reserved.
    """
    if not _SNAKE_CASE.fullmatch(name) or len(name) > _MAX_CHARACTERS:
        raise InvalidNameError(
            f"{name!r} is not a name for a {kind}",
            hint=f"lower case letters, digits and single underscores, a letter first, "
            f"at most {_MAX_CHARACTERS}",
        )
    if name in RESERVED:
        raise InvalidNameError(
            f"{name!r} is a reserved word", hint=f"for example {name}_of_agency is free"
        )
    return name


def camel_case(name: str) -> str:
    """`cost_per_order` as GraphQL writes it: `costPerOrder`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A hint that offers the nearest known names, or `otherwise`."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else otherwise
