"""Trees are believed as far as every month bears them out."""

import numpy as np
import pytest

from ml.forecast.correction import trust_in

CORRECTION = np.tile([0.1, -0.1], 20)
MAY, JUNE = np.full(40, 28.0 * 7), np.full(40, 28.0 * 8)
BOTH = np.concatenate([MAY, JUNE])


def twice(may: float, june: float) -> float:
    residual = np.concatenate([may * CORRECTION, june * CORRECTION])
    return trust_in(np.tile(CORRECTION, 2), residual, BOTH)


def test_the_worse_month_decides() -> None:
    assert twice(0.55, 0.99) == pytest.approx(0.5)
    assert twice(0.99, 0.55) == pytest.approx(0.5)


def test_what_one_month_contradicts_is_not_believed() -> None:
    assert twice(2.0, -0.1) == 0.0


def test_no_more_is_believed_than_is_said() -> None:
    assert twice(5.0, 3.0) == 1.0


def test_one_month_proves_nothing() -> None:
    assert trust_in(CORRECTION, CORRECTION, MAY) == 0.0


def test_a_month_of_few_rows_is_left_out() -> None:
    residual = np.concatenate([CORRECTION, CORRECTION, -CORRECTION[:19]])
    moments = np.concatenate([BOTH, np.full(19, 28.0 * 9)])
    correction = np.concatenate([CORRECTION, CORRECTION, CORRECTION[:19]])
    assert trust_in(correction, residual, moments) == pytest.approx(1 / 1.1)


def test_rows_without_a_residual_are_left_out() -> None:
    residual = np.concatenate([CORRECTION, CORRECTION])
    residual[::4] = np.nan
    assert trust_in(np.tile(CORRECTION, 2), residual, BOTH) == pytest.approx(1 / 1.1)


def test_trees_that_say_nothing_are_not_applied() -> None:
    assert trust_in(np.zeros(80), np.tile(CORRECTION, 2), BOTH) == 0.0
