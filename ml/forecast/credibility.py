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

from ml.panel import Floats

__all__ = ["Spread", "credibility", "spread_of"]


@dataclass(frozen=True, slots=True)
class Spread:
    """Structure of a family.

    Attributes:
        within: Variance of a ratio over time, at exposure 1.
        between: Variance of the true ratios of the family; never negative.
        mean: Ratio of the family, by credibility weights.
    """

    within: float
    between: float
    mean: float


def spread_of(ratios: Floats, exposures: Floats) -> Spread:
    """Estimate the structure of a family from blocks of time.

    Args:
        ratios: Shape (members, blocks); where the exposure is 0 it may be anything, NaN too.
        exposures: Same shape; not negative.

    Returns:
        Zero variances where fewer than two blocks or two members have exposure; mean NaN where
        none has.
    """
    seen = exposures > 0
    weights = np.where(seen, exposures, 0.0)
    known = np.where(seen, ratios, 0.0)
    own_weight = weights.sum(axis=1)
    is_member = own_weight > 0
    weights, known, seen = weights[is_member], known[is_member], seen[is_member]
    own_weight = own_weight[is_member]
    if not own_weight.size:
        return Spread(0.0, 0.0, float("nan"))
    own = (weights * known).sum(axis=1) / own_weight
    freedom = float((seen.sum(axis=1) - 1).sum())
    scatter = float((weights * (known - own[:, None]) ** 2).sum())
    within = scatter / freedom if freedom > 0 else 0.0
    between = _between(own, own_weight, within)
    if between == 0.0:
        return Spread(within, 0.0, float((own_weight * own).sum() / own_weight.sum()))
    trust = own_weight / (own_weight + within / between)
    return Spread(within, between, float((trust * own).sum() / trust.sum()))


def credibility(exposures: Floats, spread: Spread) -> Floats:
    """Z of each member: 1 believes it wholly, 0 not at all; same shape as `exposures`."""
    if spread.between == 0.0:
        return np.zeros_like(exposures)
    total = exposures + spread.within / spread.between
    return np.divide(exposures, total, out=np.zeros_like(exposures), where=exposures > 0)


def _between(own: Floats, own_weight: Floats, within: float) -> float:
    total = float(own_weight.sum())
    base = total - float((own_weight**2).sum()) / total
    if base <= 0:
        return 0.0
    mean = float((own_weight * own).sum()) / total
    scatter = float((own_weight * (own - mean) ** 2).sum())
    return max((scatter - (len(own) - 1) * within) / base, 0.0)
