"""Additive measures, and how they are split to the last unit.

Facts + weights -> parts whose sum is exactly the facts
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Facts", "split_facts"]


class Facts(NamedTuple):
    """Additive measures.

    Money is in micros of the account's currency; conversions are in thousandths and their value in
    hundredths of the currency. `eligible` counts auctions that could have shown the ad.
    """

    impressions: int = 0
    clicks: int = 0
    cost_micros: int = 0
    conversions_milli: int = 0
    value_cents: int = 0
    eligible: int = 0


def split_facts(facts: Facts, weights: Sequence[int]) -> list[Facts]:
    """Split `facts` by `weights` into parts whose sum is exactly `facts`."""
    total = sum(weights)
    edges = [0]
    for weight in weights:
        edges.append(edges[-1] + weight)
    return [
        Facts(*(measure * high // total - measure * low // total for measure in facts))
        for low, high in pairwise(edges)
    ]
