"""Noise is a series' own as far as it has a record, and groups are thirds of it."""

import numpy as np
import pytest

from ml.forecast.features import NAMES, Features
from ml.forecast.noise import Noise, kind_of, learn_noise, nearest_known

KIND = kind_of("revenue", is_planned=True, horizon=0, detail=2)


def rows(noise: list[float], trials: float = 8.0) -> Features:
    features = np.zeros((len(noise), len(NAMES)), np.float32)
    features[:, NAMES.index("noise")] = noise
    features[:, NAMES.index("trials")] = trials
    return features


def test_own_residuals_are_mixed_with_three_usual_ones() -> None:
    noise = Noise({KIND: 0.2}, {KIND: (0.1, 0.3)})
    assert noise.of(rows([0.4], trials=5.0), KIND) == pytest.approx(
        [np.sqrt((5 * 0.4**2 + 3 * 0.2**2) / 8)]
    )


def test_a_series_without_a_record_counts_as_wild() -> None:
    noise = Noise({KIND: 0.2}, {KIND: (0.1, 0.3)})
    assert noise.of(rows([np.nan], trials=0.0), KIND) == pytest.approx([0.3])
    assert noise.groups(rows([np.nan], trials=0.0), KIND) == ["new"]


def test_thirds_are_calm_usual_and_wild() -> None:
    features = rows([0.1] * 20 + [0.2] * 20 + [0.9] * 20)
    learnt = learn_noise({KIND: features})
    assert learnt.usual[KIND] == pytest.approx(0.2)
    assert learnt.groups(rows([0.01, 0.2, 2.0]), KIND) == ["calm", "usual", "wild"]


def test_a_kind_of_few_rows_is_taken_for_the_wider_one() -> None:
    rare = kind_of("revenue", is_planned=True, horizon=0, detail=0)
    learnt = learn_noise({KIND: rows([0.2] * 60), rare: rows([5.0] * 3)})
    assert rare not in learnt.usual
    assert nearest_known(learnt.usual, rare, 1.0) == pytest.approx(0.2)


def test_an_unheard_of_measure_gets_the_default() -> None:
    assert (
        nearest_known({KIND: 0.2}, kind_of("spend", is_planned=False, horizon=0, detail=2), 1.0)
        == 1.0
    )
