"""Carry-over and saturation: what a path of spend brings on each step.

    spend -> adstock (geometric, weights sum to 1) -> Hill, 1 at the reference spend -> effect

An effect is written as `level * hill(a) / hill(reference)`, so that `level` is what the reference
spend brings: data tell that, while amplitude and half-saturation alone are hardly told apart. It
rises with spend for any parameters; it is concave for slopes up to 1 and S-shaped above.

Sources: Jin et al. 2017, Bayesian Methods for Media Mix Modeling with Carryover and Shape Effects,
equations 1 and 4; here the window of the carry-over has no end, which makes it a recursion.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from ml.panel import Floats

__all__ = ["LEAST_LEVEL", "PARAMETERS", "Shape", "adstock", "effect_slopes", "effects", "hill"]

# Of a row of unconstrained parameters, in this order.
PARAMETERS: Final = ("log level", "logit retention", "log half-saturation", "log slope")

# A share of the reference spend: slopes below 1 have an infinite derivative at nothing.
LEAST_LEVEL: Final = 1e-4

# Far tails of a normal approximation would overflow, and say nothing a human believes.
_WIDEST: Final = np.array([[12.0], [4.6], [2.5], [0.9]])


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Parameters in their own units; all arrays broadcast against each other.

    Attributes:
        level: Outcome per step at the reference spend, when it goes on for ever.
        retention: Share of the carry-over that is left after a step, in (0, 1).
        half: Half-saturation as a multiple of the reference spend.
        slope: Exponent of the Hill curve.
    """

    level: Floats
    retention: Floats
    half: Floats
    slope: Floats

    @classmethod
    def of(cls, free: Floats, centre: Floats) -> Self:
        """Of unconstrained parameters.

        Args:
            free: Shape (..., items, 4), in the order of `PARAMETERS`.
            centre: Shape (items, 4); what lies further from it than is believable is cut.
        """
        rows = np.moveaxis(free - centre, -1, 0)
        widest = _WIDEST.reshape((4,) + (1,) * (rows.ndim - 1))
        log_level, logit, log_half, log_slope = np.clip(rows, -widest, widest) + np.moveaxis(
            np.broadcast_to(centre, free.shape), -1, 0
        )
        return cls(np.exp(log_level), 1 / (1 + np.exp(-logit)), np.exp(log_half), np.exp(log_slope))


def adstock(spend: Floats, retention: Floats, carried: Floats) -> Floats:
    """Spend that works on each step: `a = retention * a_before + (1 - retention) * spend`.

    Args:
        spend: Shape (items, steps).
        retention: Shape (items,).
        carried: Level before the first step, shape (items,).
    """
    worked, level = np.empty_like(spend), carried
    for step in range(spend.shape[1]):
        level = retention * level + (1 - retention) * spend[:, step]
        worked[:, step] = level
    return worked


def hill(level: Floats, half: Floats, slope: Floats) -> Floats:
    """Share of the saturated effect: 0 at nothing, 1/2 at `half`, towards 1."""
    raised = np.power(level, slope)
    share: Floats = raised / (raised + np.power(half, slope))
    return share


def effects(relative: Floats, shape: Shape) -> Floats:
    """Outcome per step of an adstocked spend, given as a multiple of the reference spend."""
    return shape.level * hill(relative, shape.half, shape.slope) * (1 + shape.half**shape.slope)


def effect_slopes(relative: Floats, shape: Shape) -> tuple[Floats, Floats, Floats, Floats]:
    """Effect, and its derivatives by adstocked spend, log half-saturation and log slope.

    The derivative by log level is the effect itself.
    """
    floor = np.maximum(relative, LEAST_LEVEL)
    raised, bend = floor**shape.slope, shape.half**shape.slope
    both = raised + bend
    value = shape.level * raised * (1 + bend) / both
    exact = np.where(relative < floor, effects(relative, shape), value)
    by_spend = value * shape.slope * bend / (floor * both)
    by_half = value * shape.slope * bend * (1 / (1 + bend) - 1 / both)
    log_floor, log_half = np.log(floor), np.log(shape.half)
    turn = log_floor + bend * log_half / (1 + bend) - (raised * log_floor + bend * log_half) / both
    return exact, by_spend, by_half, value * shape.slope * turn
