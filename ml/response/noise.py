"""Noise of an outcome, and the baseline taken out of whatever is compared with it.

    residuals -> spread by size, outliers down-weighted, memory of a step -> Filter
    rows -> weighted, memory taken out -> what the baseline cannot explain

The baseline is linear, so it needs no search: its best coefficients are put in for every trial of
the curves (variable projection, Golub and Pereyra 1973), with their prior. Counts spread with the
root of their size; days on which a site broke down must not bend a curve (Student-t weights); and
a residual that remembers the step before is worth less than one that does not (Cochrane-Orcutt).
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from ml.panel import Floats

__all__ = ["Filter", "Noise"]

# Degrees of freedom of the noise: heavy tails, still with a variance.
_TAILS: Final = 5.0

# A memory of 0.9 and more cannot be told from a trend, and would difference the data away.
_LONGEST_MEMORY: Final = 0.85

# Of the mean outcome: a variance may not vanish where nothing is expected.
_LEAST_SIZE: Final = 0.05

# Of the mean outcome: even a perfect fit is not believed more exactly.
_LEAST_SPREAD: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Of one outcome.

    Attributes:
        weight: Inverse standard deviation on each step; 0 where the outcome is not known.
        memory: Correlation of neighbouring residuals.
    """

    weight: Floats
    memory: float

    @classmethod
    def of(cls, residual: Floats, fitted: Floats, size: float) -> Self:
        """Estimated from residuals (NaN: not known) around a fit.

        Args:
            residual: Outcome less fit.
            fitted: Expected outcome.
            size: Mean outcome.
        """
        known = np.isfinite(residual)
        relative = np.sqrt(np.maximum(np.maximum(fitted, 0) / size, _LEAST_SIZE))
        standard = np.where(known, residual, 0) / relative
        count = max(int(known.sum()), 1)
        spread = max(float(np.sqrt(np.square(standard).sum() / count)), _LEAST_SPREAD * size)
        trust = np.ones(len(residual))
        for _ in range(5):  # its fixed point is reached within a per cent
            trust = (_TAILS + 1) / (_TAILS + np.square(standard / spread))
            spread = float(np.sqrt((trust * np.square(standard)).sum() / count))
            spread = max(spread, _LEAST_SPREAD * size)
        weight = np.where(known, np.sqrt(trust) / (spread * relative), 0)
        whole = weight * np.where(known, residual, 0)
        memory = float(whole[1:] @ whole[:-1] / max(whole @ whole, 1e-12))
        return cls(weight, float(np.clip(memory, 0, _LONGEST_MEMORY)))

    def whiten(self, rows: Floats) -> Floats:
        """Weighted, and memory taken out; steps on the first axis."""
        weighted = (rows.T * self.weight).T
        whole = weighted.copy()
        whole[1:] = (weighted[1:] - self.memory * weighted[:-1]) / np.sqrt(1 - self.memory**2)
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """Rows of one outcome as the fit sees them.

    Attributes:
        noise: Of the outcome.
        basis: Whitened baseline, shape (steps, columns).
        gain: Precision of its coefficients times `basis`, inverted, shape (columns, steps).
    """

    noise: Noise
    basis: Floats
    gain: Floats

    @classmethod
    def of(cls, noise: Noise, base: Floats, spread: Floats) -> Self:
        """For a baseline (steps, columns) whose coefficients are N(0, spread)."""
        basis = noise.whiten(base)
        precision = basis.T @ basis + np.diag(1 / np.square(spread))
        return cls(noise, basis, np.linalg.inv(precision).astype(np.float64) @ basis.T)

    def coefficients(self, residual: Floats) -> Floats:
        """Of the baseline that explains a residual best."""
        return self.gain @ self.noise.whiten(residual)

    def unexplained(self, whole: Floats) -> Floats:
        """`M` times whitened rows, where `rows' M rows` is what is left after the baseline."""
        return whole - self.basis @ (self.gain @ whole)
