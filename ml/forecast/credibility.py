"""How far the ratio of one series is to be believed, and how far that of its family.

    ratios and exposures in blocks -> variance within, variance between -> k -> Z = m / (m + k)

A campaign with three conversions has a ratio, but not one to plan with. The credibility estimate
Z x own + (1 - Z) x family is the best linear one; both variances come from the data themselves, so
families that are alike are pooled and families that are not are left alone.

Sources: Buehlmann, H. and Straub, E. (1970); Buehlmann, H. and Gisler, A. (2005), A Course in
Credibility Theory, section 4.8 (unbiased estimators).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.panel import Floats

__all__ = ["Spread", "credibility", "spread_of"]

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Structure of some families, one entry each.

    Attributes:
        within: Variance of a ratio over time, at exposure 1.
        between: Variance of the true ratios of the family; never negative.
        mean: Ratio of the family, by credibility weights; NaN: nobody has exposure.
    """

    within: Floats
    between: Floats
    mean: Floats


def spread_of(ratios: Floats, exposures: Floats, family: Numbers) -> Spread:
    """Estimate the structure of families from blocks of time.

    Args:
        ratios: Shape (members, blocks); where the exposure is 0 it may be anything, NaN too.
        exposures: Same shape; not negative.
        family: Number of each member's family, shape (members,); each number has a member.

    Returns:
        Zero variances where fewer than two blocks or two members have exposure.
    """
    seen = exposures > 0
    known = np.where(seen, ratios, 0.0)
    weight = exposures.sum(axis=1)
    own = _over((exposures * known).sum(axis=1), weight)
    scatter = (exposures * (known - own[:, None]) ** 2).sum(axis=1)
    freedom = np.maximum(seen.sum(axis=1) - 1.0, 0.0)
    within = _over(_sums(scatter, family), _sums(freedom, family))
    between = _between(own, weight, within, family)
    trust = credibility(weight, within[family], between[family])
    # Where members are alike, each counts by its exposure.
    says = np.where(between[family] > 0, trust, weight)
    mean = _over(_sums(says * own, family), _sums(says, family), otherwise=np.nan)
    return Spread(within, between, mean)


def credibility(exposures: Floats, within: Floats, between: Floats) -> Floats:
    """Z of each member: 1 believes it wholly, 0 not at all; all three broadcast."""
    signal = exposures * between
    return _over(signal, signal + within)


def _sums(cells: Floats, family: Numbers) -> Floats:
    return np.bincount(family, cells).astype(np.float64)


def _between(own: Floats, weight: Floats, within: Floats, family: Numbers) -> Floats:
    total = _sums(weight, family)
    members = _sums((weight > 0).astype(np.float64), family)
    base = total - _over(_sums(weight**2, family), total)
    mean = _over(_sums(weight * own, family), total)
    scatter = _sums(weight * (own - mean[family]) ** 2, family)
    return np.maximum(_over(scatter - (members - 1) * within, np.where(members > 1, base, 0.0)), 0)


def _over(above: Floats, below: Floats, otherwise: float = 0.0) -> Floats:
    above, below = np.broadcast_arrays(above, below)
    ratio: Floats = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return ratio
