"""Why revenue changed: spend, price of a visit, conversion rate and order value, summing exactly.

    totals before, totals after -> revenue = spend x 1/CPC x CVR x AOV -> logarithms -> parts

Each part is the logarithm of how its factor changed; they add up to that of revenue, so the shares
add up to 1 and the amounts to the change, whatever the order in which they are told. A part against
the change has a negative share.

Source: Ang, B. W. (2005), The LMDI approach to decomposition analysis: a practical guide, Energy
Policy 33, eq. 5 (multiplicative) and 2 (additive).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Factor", "Part", "Totals", "decompose", "in_words", "split_change"]

_SPOKEN_OF: Final = 0.05  # share of the change below which a part is not worth a sentence
_STILL: Final = 0.005  # a change that is told as 0 % has no shares: parts cancel out


# Name, how often it stands in the product (a price divides it), how it changed: 2 for twice.
Factor = tuple[str, int, float]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a period.

    Attributes:
        spend: In one currency.
        visits: Clicks or sessions that it brought.
        conversions: Theirs.
        revenue: Theirs, in the same currency.
    """

    spend: float
    visits: float
    conversions: float
    revenue: float


@dataclass(frozen=True, slots=True)
class Part:
    """One factor's part in a change of revenue.

    Attributes:
        name: Of the factor.
        change: Of the factor itself, 0.18 for 18 % up.
        share: Of the change of revenue in logarithms; negative: against it. NaN: there
            is no change, or none of half a percent.
        amount: Of revenue, in its currency; the parts add up to the change.
    """

    name: str
    change: float
    share: float
    amount: float


def decompose(before: Totals, after: Totals) -> tuple[Part, ...] | None:
    """Part of each factor, the largest first; None where a total is 0: it has no ratio."""
    known = (*_all(before), *_all(after))
    if min(known) <= 0:
        return None
    factors = (
        ("spend", 1, after.spend / before.spend),
        ("CPC", -1, _ratio(after.spend, after.visits, before.spend, before.visits)),
        ("CVR", 1, _ratio(after.conversions, after.visits, before.conversions, before.visits)),
        ("AOV", 1, _ratio(after.revenue, after.conversions, before.revenue, before.conversions)),
    )
    return split_change(before.revenue, after.revenue, factors)


def split_change(before: float, after: float, factors: Sequence[Factor]) -> tuple[Part, ...]:
    """Part of each factor in the change of a product, the largest first.

    Args:
        before: Product of the factors, above 0.
        after: Likewise.
        factors: Their changes multiply to that of the product.
    """
    total = math.log(after / before)
    mean = (after - before) / total if total else before
    parts = [
        Part(
            name,
            ratio - 1,
            power * math.log(ratio) / total if abs(total) >= _STILL else math.nan,
            power * math.log(ratio) * mean,
        )
        for name, power, ratio in factors
    ]
    return tuple(sorted(parts, key=lambda part: -abs(part.amount)))


def in_words(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """One sentence for each part that matters: `CPC up 18 % explains 60 % of it`."""
    return tuple(
        f"{part.name} {_direction(part.change)} {_percent(part.change)} "
        + (
            f"explains {_percent(part.share)} of it"
            if part.share > 0
            else f"works against it by {_percent(part.share)}"
        )
        for part in parts
        if abs(part.share) >= _SPOKEN_OF
    )


def _all(totals: Totals) -> tuple[float, ...]:
    return totals.spend, totals.visits, totals.conversions, totals.revenue


def _ratio(above: float, below: float, above_before: float, below_before: float) -> float:
    return (above / below) / (above_before / below_before)


def _direction(change: float) -> str:
    return "up" if change > 0 else "down"


def _percent(share: float) -> str:
    return f"{abs(share) * 100:.0f} %"
