"""Forecasts of a history: who serves, who is in the shadow, and how wide bands are."""

import dataclasses
import uuid

import numpy as np
import pytest

from ml.forecast.calendar import NO_CALENDAR
from ml.forecast.conformal import Adaptation
from ml.forecast.forecast import HORIZONS
from ml.forecast.pooled import PooledModel
from ml.forecast.train import train
from ml.ledger.entry import Entry, Maker
from ml.panel import History, Measure
from ml.runs.made import Known, Made, make
from tenancy.tables import ForecastRole
from tests.ml.forecast.histories import advertiser

SERVES = Maker(uuid.UUID(int=1))
SHADOW = Maker(uuid.UUID(int=2), ForecastRole.SHADOW)
WIDER = Adaptation(
    {
        ((what, Measure.REVENUE.value, "open", str(place)), nominal): nominal / 4
        for what in ("total", "step")
        for place in range(len(HORIZONS))
        for nominal in (0.2, 0.05)
    }
)


@pytest.fixture(scope="module")
def model() -> PooledModel:
    return train([advertiser(seed) for seed in range(2)], seed=1, threads=1)


@pytest.fixture
def history() -> History:
    """Of a client that has an id, as all of ours have."""
    plain = advertiser(9)
    client = str(uuid.UUID(int=9))
    series = tuple(dataclasses.replace(one, client=client) for one in plain.series)
    return dataclasses.replace(plain, series=series)


def known(adaptation: Adaptation = Adaptation()) -> Known:  # noqa: B008  # frozen
    return Known(NO_CALENDAR, [], adaptation)


def revenue(made: Made) -> list[Entry]:
    return [entry for entry, _ in made.served if entry.measure is Measure.REVENUE]


def test_the_baseline_serves_where_no_model_does(history: History, model: PooledModel) -> None:
    made = make(history, [(SHADOW, model)], known())
    assert {entry.maker for entry, _ in made.served} == {Maker(None)}
    assert {entry.maker for entry in made.shadow} == {SHADOW}
    assert len(made.served) == len(made.shadow) == 2 * len(history.series)
    assert {entry.method for entry in revenue(made)} == {"mean of 28"}
    assert {reasons.drivers for _, reasons in made.served} == {None}


def test_a_champion_serves_with_days_and_reasons(history: History, model: PooledModel) -> None:
    made = make(history, [(SERVES, model)], known())
    assert {entry.maker for entry, _ in made.served} == {SERVES}
    assert not made.shadow
    for entry, reasons in made.served:
        assert entry.days.shape == (90, 5)
        assert np.isfinite(entry.days).all()
        assert (reasons.note is None) == (reasons.drivers is not None)
        assert reasons.missing_days == (0, 0, 0, 0)


def test_bands_are_as_wide_as_earlier_ones_had_to_be(history: History, model: PooledModel) -> None:
    plain = revenue(make(history, [(SERVES, model)], known()))
    wider = revenue(make(history, [(SERVES, model)], known(WIDER)))
    for before, after in zip(plain, wider, strict=True):
        for one, other in ((before.quantiles, after.quantiles), (before.days, after.days)):
            assert ((other[:, 3] - other[:, 1]) > (one[:, 3] - one[:, 1])).mean() > 0.9
            np.testing.assert_allclose(other[:, 2], one[:, 2])
