"""Which of many p-values are discoveries: at most a share of them is false.

    p-values of all figures that an agency is shown today -> Benjamini-Hochberg -> discoveries

On a day without incidents every discovery is a false one, so the rate is the probability of a
false alarm on such a day: two days of thirty are what an agency bears. The condition on size takes
most of those away, and drifts that no exchangeability covers put some back: `bench/anomalies.py`
tells what is left. At three times the rate it was above two on half of the public series.

Why Benjamini-Hochberg and neither Benjamini-Yekutieli nor an online rule such as LORD: figures of
a campaign, its channel and its client rise and fall together, and conformal p-values share their
past. Both are positive dependence, under which BH holds; BY would pay a factor ln(m) (5.9 for
200 figures) against a dependence that is not there. LORD earns its level by discoveries, so after a
quiet year it would hardly alarm any more, just when an alarm is right; the promise to an agency is
per month, and a level per day keeps it.

Sources: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", JRSS B 57(1), 1995;
Y. Benjamini and D. Yekutieli, Annals of Statistics 29(4), 2001, theorem 1.2; S. Bates et al.,
Annals of Statistics 51(1), 2023, theorem 2 (conformal p-values are PRDS); A. Javanmard and
A. Montanari, "Online rules for control of false discovery rate", Annals 46(2), 2018.
"""

from typing import Final

import numpy as np

from ml.panel import Floats

__all__ = ["RATE", "find_discoveries"]

RATE: Final = 2 / 30


def find_discoveries(
    p_values: Floats, rate: float = RATE
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell which hypotheses are rejected.

    Args:
        p_values: Shape (hypotheses,); NaN: was not tested and does not count.
        rate: False-discovery rate, a fraction.
    """
    is_tested = np.isfinite(p_values)
    ordered = np.sort(p_values[is_tested])
    ranks = np.arange(1, len(ordered) + 1)
    below = np.flatnonzero(ordered <= rate * ranks / max(len(ordered), 1))
    threshold = ordered[below[-1]] if len(below) else -np.inf
    is_discovery: np.ndarray[tuple[int], np.dtype[np.bool_]] = is_tested & (p_values <= threshold)
    return is_discovery
