"""Clients whose true response is known, by a formula written apart from the model's.

    seed -> spend, true parameters, outcomes with the noise of counts

Adstock as the finite sum of Jin et al. 2017 (equation 1) and Hill as in their equation 4.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from ml.panel import DAILY, Floats
from ml.response.observed import Observed
from ml.response.season import calendar

START = dt.date(2025, 1, 1)
WINDOW = 60


@dataclass(frozen=True, slots=True)
class Truth:
    """Of one client: a row for each item."""

    amplitude: Floats
    retention: Floats
    half: Floats
    slope: Floats

    def effect(self, item: int, spend: Floats) -> Floats:
        """Expected outcome of a path of spend that began long ago with its first step."""
        weights = self.retention[item] ** np.arange(WINDOW)
        path = np.concatenate([np.full(WINDOW - 1, spend[0]), spend])
        worked = np.convolve(path, weights / weights.sum(), mode="valid")
        ratio = (self.half[item] / np.maximum(worked, 1e-12)) ** self.slope[item]
        effect: Floats = self.amplitude[item] / (1 + ratio)
        return effect


def client(
    seed: int, *, items: int = 8, steps: int = 300, is_pooled: bool = False
) -> tuple[Observed, Truth]:
    """Campaigns of two channels: one outcome for all, or one each as a platform would claim it."""
    rng = np.random.default_rng(seed)
    typical = np.exp(rng.normal(5, 0.6, items))
    drift = np.cumsum(rng.normal(0, 0.12, (items, steps)), axis=1)
    drift -= drift.mean(axis=1, keepdims=True)
    spend = typical[:, None] * np.exp(
        drift / max(1.0, drift.std()) * 0.5 + rng.normal(0, 0.2, (items, steps))
    )
    amplitude = typical * np.exp(rng.normal(-1.5, 0.3, items))
    truth = Truth(
        amplitude,
        rng.uniform(0.3, 0.7, items),
        typical * rng.uniform(0.6, 2.0, items),
        rng.uniform(0.8, 1.3, items),
    )
    effects = np.array([truth.effect(item, spend[item]) for item in range(items)])
    season = 1 + 0.1 * np.sin(2 * np.pi * np.arange(steps) / 7)
    claimed = rng.uniform(0, 0.25, items) * effects.mean(axis=1)
    expected = (effects + claimed[:, None]) * season
    if is_pooled:
        base = 1.5 * effects.sum() / steps
        expected = (effects.sum(axis=0, keepdims=True) + base) * season
    outcomes = rng.negative_binomial(20, 20 / (20 + expected)).astype(np.float64)
    channels = tuple("search" if item % 2 == 0 else "social" for item in range(items))
    feeds = np.zeros(items, np.intp) if is_pooled else np.arange(items)
    names = tuple(f"campaign {item}" for item in range(items))
    days = calendar(START, DAILY, steps)
    return Observed(names, channels, spend, outcomes, feeds, days, np.zeros((steps, 0))), truth
