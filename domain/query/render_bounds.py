"""What an amount was added up from: the least and the greatest currency or attribution of its rows.

    rows that count -> bounds of a part -> bounds of a row -> bounds of the whole result

Where the two of a pair differ, unlike amounts were added up. Currencies must agree in the whole
result. Attributions must agree in each row; of them the result keeps only those that do not.
"""

from typing import Final

from sqlglot import exp

from domain.query.nodes import ClaimColumns, UniteFacts

__all__ = [
    "CURRENCY_BOUNDS",
    "attribution",
    "bounds_of_part",
    "bounds_of_result",
    "bounds_of_row",
    "is_mixed",
    "names_of_bounds",
]

CURRENCY_BOUNDS: Final = ("currency__min", "currency__max")

_KINDS: Final = (exp.Min, exp.Max)
_SEPARATOR: Final = ":"


def names_of_bounds(node: UniteFacts) -> list[tuple[str, str]]:
    """The pairs of columns that rows carry."""
    currency = [CURRENCY_BOUNDS] if node.has_money else []
    return currency + [claims.bounds for claims in node.claims]


def attribution() -> exp.Expr:
    """Whose claim a row is; where nobody told, those of one stream count as alike."""
    joined = exp.DPipe(this=exp.column("source"), expression=exp.Literal.string(_SEPARATOR))
    stream = exp.DPipe(this=joined, expression=exp.column("stream"))
    return exp.Coalesce(this=exp.column("attribution"), expressions=[stream])


def bounds_of_part(
    value: exp.Expr, counts: exp.Expr | None, names: tuple[str, str]
) -> list[exp.Expr]:
    """Bounds of a group of a fact's rows.

    Args:
        value: Of a row.
        counts: Whether a row counts; None: none does.
        names: Of the columns.
    """
    if counts is None:
        return [exp.alias_(exp.Null(), name) for name in names]
    counted = exp.If(this=counts, true=value, false=exp.Null())
    return [
        exp.alias_(kind(this=counted.copy()), name)
        for kind, name in zip(_KINDS, names, strict=True)
    ]


def bounds_of_row(names: tuple[str, str]) -> list[exp.Expr]:
    """Bounds of the parts that one row unites."""
    return [
        exp.alias_(kind(this=exp.column(name)), name)
        for kind, name in zip(_KINDS, names, strict=True)
    ]


def bounds_of_result(node: UniteFacts) -> list[exp.Expr]:
    """Bounds of all rows: of every currency, and of those attributions that are mixed."""
    columns: list[exp.Expr] = []
    if node.has_money:
        columns += _over_all(CURRENCY_BOUNDS)
    for claims in node.claims:
        columns += _over_all(claims.bounds, is_mixed(claims))
    return columns


def is_mixed(claims: ClaimColumns) -> exp.Expr:
    """Whether claims of several attributions meet in a row."""
    least, greatest = claims.bounds
    return exp.LT(this=exp.column(least), expression=exp.column(greatest))


def _over_all(names: tuple[str, str], condition: exp.Expr | None = None) -> list[exp.Expr]:
    columns = []
    for kind, name in zip(_KINDS, names, strict=True):
        value: exp.Expr = exp.column(name)
        if condition is not None:
            value = exp.If(this=condition.copy(), true=value, false=exp.Null())
        columns.append(exp.alias_(exp.Window(this=kind(this=value)), name))
    return columns
