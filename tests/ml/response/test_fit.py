"""Curves against clients whose truth is known, and against what a lift test measured."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from domain.errors import InvalidInputError
from ml.panel import DAILY, Floats
from ml.response.curves import Evidence, ExtrapolationError
from ml.response.fit import Response, fit_response
from ml.response.observed import LiftTest, Observed
from ml.response.priors import ATTRIBUTED, CLIENT_OUTCOME
from ml.response.season import calendar
from tests.ml.response.known_truth import Truth, client


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def steady(observed: Observed, truth: Truth, share: float = 1.0) -> Floats:
    spend = observed.spend.mean(axis=1) * share
    return np.array([truth.effect(item, np.full(2, one))[-1] for item, one in enumerate(spend)])


def test_bands_of_attributed_campaigns_hold_the_truth() -> None:
    held = []
    for seed in range(4):
        observed, truth = client(seed)
        curves = fit_response(observed, ATTRIBUTED, rng()).curves
        low, high = np.quantile(curves.outcome(observed.spend.mean(axis=1)), [0.1, 0.9], axis=0)
        held.append((low < steady(observed, truth)) & (steady(observed, truth) < high))
    assert np.mean(held) >= 0.75  # of nominal 0.8, in 32 campaigns


def test_contributions_of_attributed_campaigns_are_found_within_a_fifth() -> None:
    observed, truth = client(11)
    found = fit_response(observed, ATTRIBUTED, rng()).contributions.sum(axis=1)
    true = [truth.effect(item, row).sum() for item, row in enumerate(observed.spend)]
    assert found == pytest.approx(true, rel=0.2)


def test_the_same_seed_draws_the_same_curves() -> None:
    observed, _ = client(3, items=3, steps=120)
    first, second = (fit_response(observed, ATTRIBUTED, rng()).curves for _ in range(2))
    assert first.shape.level.tolist() == second.shape.level.tolist()


def test_the_order_of_the_items_does_not_matter() -> None:
    observed, _ = client(5, items=4, steps=150)
    order = np.array([2, 0, 3, 1])
    moved = dataclasses.replace(
        observed,
        names=tuple(observed.names[one] for one in order),
        channels=tuple(observed.channels[one] for one in order),
        spend=observed.spend[order],
        outcomes=observed.outcomes[order],
    )
    plain = fit_response(observed, ATTRIBUTED, rng()).contributions
    assert fit_response(moved, ATTRIBUTED, rng()).contributions == pytest.approx(
        plain[order], rel=1e-3
    )


def test_a_campaign_with_little_history_is_drawn_to_its_channel() -> None:
    observed, _ = client(2, items=6, steps=200)
    outcomes = observed.outcomes * np.where(np.arange(6) % 2 == 0, 3.0, 1.0)[:, None]
    outcomes[0, :199] = (
        np.nan
    )  # one day is known; the other search campaigns are three times as good
    few = dataclasses.replace(observed, outcomes=outcomes)
    moved = dataclasses.replace(few, channels=("social", *few.channels[1:]))
    as_search, as_social = (
        float(np.median(fit_response(one, ATTRIBUTED, rng()).curves.shape.level[:, 0]))
        for one in (few, moved)
    )
    assert as_search > 1.1 * as_social


WINDOW = slice(200, 228)


def lift(share: float) -> tuple[Response, Response, float, Floats]:
    """Without and with a test of item 0; what it said; spend of the item with and without it."""
    observed, truth = client(1, items=3, is_pooled=True)
    change = 0.3 * observed.spend[0, WINDOW].mean()
    less = observed.spend[0].copy()
    less[WINDOW] = np.maximum(less[WINDOW] - change, 0)
    true = float((truth.effect(0, observed.spend[0]) - truth.effect(0, less))[WINDOW].sum())
    test = LiftTest(0, WINDOW.start, WINDOW.stop, change, true * share, 0.05 * true)
    plain = fit_response(observed, CLIENT_OUTCOME, rng())
    told = fit_response(observed, CLIENT_OUTCOME, rng(), tests=[test])
    return plain, told, test.effect, np.stack([observed.spend[0], less])


def believed_lift(response: Response, paths: Floats) -> Floats:
    """Draws of the effect of item 0, by the finite sum of the paper instead of the recursion."""
    curves = response.curves
    shape = curves.shape
    found = []
    for draw in range(curves.draws):
        half = shape.half[draw, :1] * curves.reference[0]
        amplitude = shape.level[draw, :1] * (1 + shape.half[draw, :1] ** shape.slope[draw, :1])
        truth = Truth(amplitude, shape.retention[draw, :1], half, shape.slope[draw, :1])
        found.append((truth.effect(0, paths[0]) - truth.effect(0, paths[1]))[WINDOW].sum())
    return np.array(found)


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_a_lift_test_moves_the_curve_towards_it_and_narrows_it(share: float) -> None:
    plain, tested, measured, paths = lift(share)
    told, before = believed_lift(tested, paths), believed_lift(plain, paths)
    assert abs(np.median(told) - measured) < 0.5 * abs(np.median(before) - measured)
    assert told.std() / told.mean() < 0.5 * before.std() / before.mean()


def test_only_a_tested_item_is_not_observational() -> None:
    _, tested, _, _ = lift(1.0)
    assert [one.evidence is Evidence.EXPERIMENT for one in tested.curves.support] == [
        True,
        False,
        False,
    ]
    assert [one.is_observational for one in tested.curves.support] == [False, True, True]
    doubt = np.log(tested.curves.shape.level).std(axis=0)
    assert doubt[0] < 0.3
    assert (doubt[1:] > 0.38).all()


def test_spend_that_hardly_moved_is_said_to_tell_nothing() -> None:
    observed, _ = client(4, items=2, steps=200)
    still = observed.spend.copy()
    still[1] = still[1].mean() * (1 + 0.02 * np.sin(np.arange(200)))
    support = fit_response(
        dataclasses.replace(observed, spend=still), ATTRIBUTED, rng()
    ).curves.support
    assert support[0].evidence is Evidence.OBSERVED
    assert support[1].evidence is Evidence.PRIOR
    assert (
        support[1].reason
        == "spend moved by 1% only, so its effect cannot be told from the baseline"
    )


def test_a_spend_far_from_all_that_was_seen_is_refused() -> None:
    observed, _ = client(4, items=2, steps=60)
    curves = fit_response(observed, ATTRIBUTED, rng()).curves
    limit = 1.3 * np.percentile(observed.spend, 95, axis=1)
    assert curves.limit == pytest.approx(limit)
    assert curves.outcome(limit).shape == (400, 2)
    with pytest.raises(ExtrapolationError, match="'campaign 1' would spend"):
        curves.marginal(limit * [1, 1.01])


def test_more_spend_never_brings_less_in_any_draw() -> None:
    observed, _ = client(9, items=5, is_pooled=True)
    curves = fit_response(observed, CLIENT_OUTCOME, rng()).curves
    grid = np.linspace(0, 1, 40)[:, None, None] * curves.limit
    assert (np.diff(curves.outcome(grid), axis=0) >= 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spend": np.full((2, 60), -1.0)}, "not negative"),
        ({"spend": np.vstack([np.ones(60), np.zeros(60)])}, "'campaign 1' never spent"),
        ({"outcomes": np.full((2, 60), np.nan)}, "not known on any step"),
        ({"controls": np.zeros((59, 0))}, "differ in length"),
        ({"names": ("only one",)}, "different items"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(change: dict[str, object], message: str) -> None:
    observed, _ = client(4, items=2, steps=60)
    with pytest.raises(InvalidInputError, match=message):
        dataclasses.replace(observed, **change)  # type: ignore[arg-type]


def test_a_short_history_and_a_test_outside_it_are_refused() -> None:
    observed, _ = client(4, items=2, steps=60)
    with pytest.raises(InvalidInputError, match="outside the history"):
        fit_response(observed, ATTRIBUTED, rng(), tests=[LiftTest(0, 50, 61, 1.0, 1.0, 1.0)])
    short = Observed(
        observed.names,
        observed.channels,
        observed.spend[:, :13],
        observed.outcomes[:, :13],
        observed.feeds,
        calendar(dt.date(2025, 1, 1), DAILY, 13),
        np.zeros((13, 0)),
    )
    with pytest.raises(InvalidInputError, match="13 steps are too few"):
        fit_response(short, ATTRIBUTED, rng())


def test_without_an_experiment_a_level_is_never_surer_than_forty_per_cent() -> None:
    observed, _ = client(11)
    level = fit_response(observed, ATTRIBUTED, rng(), draws=4_000).curves.shape.level
    assert (np.log(level).std(axis=0) > 0.38).all()
