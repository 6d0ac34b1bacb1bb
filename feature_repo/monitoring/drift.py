"""Have the values of a feature moved? Two measures against a reference, and a rule for many.

    values then, values now -> bins of the values then -> PSI
                            -> distance of the two distributions -> KS, its p-value
    p-values of all features of an agency -> Benjamini and Hochberg -> which to believe

PSI says how far, the p-value whether that could be chance: a feature has drifted when both say so.
PSI alone cries wolf on small samples: where nothing has moved it is about
`(bins - 1) * (1/n + 1/m)`, which is 0.36 for ten bins and twice fifty values. So there are as many
bins as the samples can bear, and below `MINIMUM` values the answer is that they are too few.

Both samples hold mostly the same entities. That makes two distributions more alike than those of
strangers, so the p-value of KS errs on the quiet side.

Sources: Siddiqi, "Credit Risk Scorecards" (2006), for 0.1 and 0.2; Yurdakul, "Statistical
properties of the population stability index" (2018), for its distribution; Benjamini and Hochberg,
"Controlling the false discovery rate" (1995).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from feature_repo.monitoring.profile import known_numbers, known_texts
from feature_repo.packing import Value

__all__ = [
    "DRIFTED",
    "MINIMUM",
    "Drift",
    "choose_bins",
    "compute_edges",
    "compute_psi",
    "count_bins",
    "find_discoveries",
    "measure_drift",
]

DRIFTED: Final = 0.2  # a PSI above it is a major shift
MINIMUM: Final = 50  # values on each side; fewer tell nothing
_MOST_BINS: Final = 10
_NOISE: Final = 0.1  # PSI that chance may bring at most on average: half of what counts


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the values of a feature have moved.

    Attributes:
        reference: Known values then.
        count: Known values now.
        psi: Population stability index; 0: not at all.
        distance: Of Kolmogorov and Smirnov, from 0 to 1; None: the values are texts.
        p_value: Chance of at least such a difference between two samples of the same.
    """

    reference: int
    count: int
    psi: float
    distance: float | None
    p_value: float


def measure_drift(then: Sequence[Value], now: Sequence[Value]) -> Drift | None:
    """Compare the values of one feature with those of a reference.

    Args:
        then: One for each entity of the reference, all numbers or all texts; None: not known.
        now: Likewise, at present.

    Returns:
        None: fewer than `MINIMUM` are known on one of the two sides.
    """
    if known_texts(then) or known_texts(now):
        return _of_texts(known_texts(then), known_texts(now))
    return _of_numbers(known_numbers(then), known_numbers(now))


def choose_bins(reference: int, count: int) -> int:
    """As many bins as keep the PSI of two samples of the same below `_NOISE` on average."""
    return min(_MOST_BINS, 1 + int(_NOISE / (1 / reference + 1 / count)))


def compute_edges(reference: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Upper ends, included, of all bins but the last: quantiles of the reference, each once.

    Where all values are the same there are three bins: below, equal, above.
    """
    edges = np.unique(np.quantile(reference, np.arange(1, bins) / bins, method="inverted_cdf"))
    if reference.min() == reference.max():
        return np.array([np.nextafter(edges[0], -np.inf), edges[0]])
    return edges


def count_bins(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many values lie in each bin."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=edges.size + 1)


def compute_psi(then: ArrayLike, now: ArrayLike) -> float:
    """Population stability index of two rows of counts, bin by bin.

    An empty bin counts as half a value, so that it says more where there are more values; a bin
    that is empty on both sides says nothing.
    """
    counts = np.array([then, now], float)
    counts = counts[:, counts.any(axis=0)]
    shares = np.where(counts == 0, 0.5, counts) / counts.sum(axis=1, keepdims=True)
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def find_discoveries(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which of many findings to believe.

    Args:
        p_values: One for each.
        rate: Of those believed, this share is expected to be chance at most.

    Returns:
        In the order given.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    believed = 0
    for rank, place in enumerate(order, start=1):
        if p_values[place] <= rate * rank / len(p_values):
            believed = rank
    chosen = set(order[:believed])
    return [place in chosen for place in range(len(p_values))]


def _of_numbers(then: NDArray[np.float64], now: NDArray[np.float64]) -> Drift | None:
    from scipy.stats import ks_2samp  # noqa: PLC0415  # a second that most processes save

    if min(then.size, now.size) < MINIMUM:
        return None
    edges = compute_edges(then, choose_bins(then.size, now.size))
    psi = compute_psi(count_bins(then, edges), count_bins(now, edges))
    test = ks_2samp(then, now, method="asymp")
    return Drift(then.size, now.size, psi, float(test.statistic), float(test.pvalue))


def _of_texts(then: list[str], now: list[str]) -> Drift | None:
    from scipy.stats import chi2_contingency  # noqa: PLC0415  # as above

    if min(len(then), len(now)) < MINIMUM:
        return None
    before, after = Counter(then), Counter(now)
    texts = sorted(before.keys() | after.keys())
    table = [[before[text] for text in texts], [after[text] for text in texts]]
    p_value = 1.0 if len(texts) == 1 else float(chi2_contingency(table).pvalue)
    return Drift(len(then), len(now), compute_psi(*table), None, p_value)
