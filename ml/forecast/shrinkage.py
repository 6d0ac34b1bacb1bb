"""Ratios of campaigns drawn to their channel's, and those to their client's, as far as uncertain.

    sums of figures and of exposure -> ratio of the family, itself drawn to the tier above
    -> Z x own + (1 - Z) x family

A row without any exposure gets its family's ratio: that is the cold start of a campaign.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.forecast.credibility import credibility, spread_of
from ml.panel import Floats, Series

__all__ = ["Tiers", "shrunk_ratios", "tiers_of"]

Numbers = npt.NDArray[np.int64]

_BLOCKS: Final = 12  # of the family's spread: a quarter of weeks
_BLOCK_STEPS: Final = 7

# Relative variance by which members differ at least: an estimate of 0 from a few of them would
# make them all the same.
_LEAST_SPREAD: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Tiers:
    """Who is drawn to whom.

    Attributes:
        family: Number of each row's family; -1: none.
        above: Number of each family's own family in the tier above; -1: none.
    """

    family: Numbers
    above: Numbers


def tiers_of(series: tuple[Series, ...]) -> Tiers:
    """Campaigns belong to a channel of a client, channels to the client; clients stand alone."""
    numbers: dict[tuple[str, ...], int] = {}
    clients: dict[tuple[str, ...], int] = {}
    family = np.full(len(series), -1, dtype=np.int64)
    above: list[int] = []
    for row, one in enumerate(series):
        if one.channel is None:
            continue
        whose = (one.client, one.currency or "")
        key = (*whose, one.channel) if one.campaign else whose
        if key not in numbers:
            numbers[key] = len(numbers)
            above.append(clients.setdefault(whose, len(clients)) if one.campaign else -1)
        family[row] = numbers[key]
    return Tiers(family, np.array(above, dtype=np.int64))


def shrunk_ratios(figures: Floats, exposure: Floats, weights: Floats, tiers: Tiers) -> Floats:
    """Weighted sums of figures over those of exposure, drawn to the family's.

    Args:
        figures: Shape (rows, steps); 0 where not known.
        exposure: Same shape; 0 where not known.
        weights: Shape (steps, memories).
        tiers: Families of the rows.

    Returns:
        Shape (rows, memories); NaN where neither the row nor its families have any exposure.
    """
    own = _ratio(figures, exposure, weights)
    if not tiers.above.size:
        return own
    belongs = tiers.family == np.arange(len(tiers.above))[:, None]
    higher = Tiers(tiers.above, np.full(tiers.above.max() + 1, -1, dtype=np.int64))
    targets = shrunk_ratios(belongs @ figures, belongs @ exposure, weights, higher)
    rows = np.flatnonzero(tiers.family >= 0)
    trust = _trust(figures[rows], exposure[rows], weights, tiers.family[rows])
    target, mine = targets[tiers.family[rows]], np.nan_to_num(own[rows])
    drawn = own.copy()
    drawn[rows] = np.where(np.isfinite(target), trust * mine + (1 - trust) * target, own[rows])
    return drawn


def _ratio(figures: Floats, exposure: Floats, weights: Floats) -> Floats:
    below = exposure @ weights
    return np.divide(figures @ weights, below, out=np.full_like(below, np.nan), where=below > 0)


def _trust(figures: Floats, exposure: Floats, weights: Floats, family: Numbers) -> Floats:
    """Credibility of each row at each memory: shape (rows, memories)."""
    steps = min(_BLOCKS, figures.shape[1] // _BLOCK_STEPS) * _BLOCK_STEPS
    blocks = (len(figures), steps // _BLOCK_STEPS, _BLOCK_STEPS)
    begin = figures.shape[1] - steps
    above = figures[:, begin:].reshape(blocks).sum(axis=2)
    below = exposure[:, begin:].reshape(blocks).sum(axis=2)
    ratios = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    spread = spread_of(ratios, below, family)
    between = np.maximum(spread.between, _LEAST_SPREAD * np.nan_to_num(spread.mean) ** 2)
    # As much exposure with equal weights would leave the same variance.
    weighted = exposure @ weights
    effective = np.divide(
        weighted**2, exposure @ weights**2, out=np.zeros_like(weighted), where=weighted > 0
    )
    return credibility(effective, spread.within[family, None], between[family, None])
