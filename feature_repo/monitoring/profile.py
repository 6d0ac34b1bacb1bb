"""What the values of one feature look like on one day, over all entities of an agency.

values -> how many, how many unknown -> range, mean, quantiles, histogram

A profile holds figures about many entities and names none of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from feature_repo.packing import Value

__all__ = ["QUANTILES", "Profile", "compute_profile", "known_numbers", "known_texts"]

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# Enough to see two humps or a spike; a row a day and feature stays below a kilobyte.
_BINS: Final = 10
_TEXTS: Final = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """One feature on one day.

    Attributes:
        count: Entities that are served.
        nulls: Of these, those whose value is not known.
        minimum: Of the numbers; None: there are none.
        maximum: Likewise.
        mean: Likewise.
        quantiles: At `QUANTILES`; empty: there are no numbers.
        histogram: Numbers: `edges` of bins of one width between the first and the last quantile,
            and `counts`; what lies beyond is in the outermost bins. Texts: `counts` by text, the
            ten most frequent, and how many `others`.
    """

    count: int
    nulls: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Mapping[str, Any] = field(default_factory=dict)

    @property
    def null_rate(self) -> float | None:
        """From 0 to 1; None: nothing is served."""
        return self.nulls / self.count if self.count else None


def known_numbers(values: Sequence[Value]) -> NDArray[np.float64]:
    """The numbers among the values of a feature."""
    return np.array([one for one in values if one is not None and not isinstance(one, str)], float)


def known_texts(values: Sequence[Value]) -> list[str]:
    """The texts among the values of a feature."""
    return [one for one in values if isinstance(one, str)]


def compute_profile(values: Sequence[Value]) -> Profile:
    """Describe the values of one feature, one for each entity that is served.

    Args:
        values: All numbers or all texts, in the feature's own unit; None: not known.
    """
    count, nulls = len(values), sum(one is None for one in values)
    if texts := known_texts(values):
        most = Counter(texts).most_common(_TEXTS)
        others = len(texts) - sum(number for _, number in most)
        return Profile(count, nulls, histogram={"counts": dict(most), "others": others})
    numbers = known_numbers(values)
    if not numbers.size:
        return Profile(count, nulls)
    quantiles = np.quantile(numbers, QUANTILES)
    return Profile(
        count,
        nulls,
        float(numbers.min()),
        float(numbers.max()),
        float(numbers.mean()),
        tuple(map(float, quantiles)),
        _histogram(numbers, float(quantiles[0]), float(quantiles[-1])),
    )


def _histogram(numbers: NDArray[np.float64], low: float, high: float) -> dict[str, list[float]]:
    """Bins of one width; one alone where all but the outermost numbers are equal."""
    if high <= low:
        return {"edges": [low, high], "counts": [numbers.size]}
    edges = np.linspace(low, high, _BINS + 1)
    counts, _ = np.histogram(np.clip(numbers, low, high), edges)
    return {"edges": edges.tolist(), "counts": counts.tolist()}
