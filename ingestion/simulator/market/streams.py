"""Streams of chance by name, and the recursion that most paths in time are made of.

    seed, names -> numbers -> generator          values, share kept -> accumulated values

A client draws from streams of its own name, so it is the same whatever else the agency has.
"""

import numpy as np
import numpy.typing as npt

from ingestion.simulator.chance import numbers

__all__ = ["Floats", "Stream", "accumulate", "autoregressive", "stream"]

Floats = npt.NDArray[np.float64]
Stream = np.random.Generator


def stream(seed: int, *names: object) -> Stream:
    """A generator that always draws the same for the same seed and names."""
    return np.random.Generator(np.random.PCG64(list(numbers(seed, "market", *names))))


def accumulate(values: Floats, kept: Floats) -> Floats:
    """Each step's value plus the kept share of the sum before it.

    Args:
        values: Shape (rows, steps).
        kept: Shape (rows,); fractions in [0, 1).
    """
    sums = np.empty_like(values)
    held = np.zeros(len(values))
    for step in range(values.shape[1]):
        held = values[:, step] + kept * held
        sums[:, step] = held
    return sums


def autoregressive(chance: Stream, shape: tuple[int, int], kept: float, spread: float) -> Floats:
    """Stationary first-order autoregressive noise.

    Args:
        chance: Drawn from.
        shape: (rows, steps).
        kept: Autocorrelation at one step.
        spread: Standard deviation of every value.
    """
    shocks = chance.normal(0.0, spread * np.sqrt(1 - kept**2), shape)
    shocks[:, 0] = chance.normal(0.0, spread, shape[0])
    return accumulate(shocks, np.full(shape[0], kept))
