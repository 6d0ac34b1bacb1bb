"""Response curves and budgets against truth: curves, regret, honesty, stability, limits kept.

    public data with known effects -> contributions, marginal return, with and without lift tests
    simulated clients              -> regret against the true optimum, rank, coverage, honesty
    random problems                -> limits kept, proven gaps, what people do without a plan
    public data, month by month    -> how far a plan moves

Real and simulated figures are apart. On the simulator the truth is smooth and of the family that
the model fits: it shows that the code does what it says, not what an agency will gain. PyMC and
its sampler are not installed here, so there is no figure against them. Regret: 0 is the true
optimum, 1 the current split.
"""

import datetime as dt
import statistics
import time
from typing import Final

import numpy as np

from bench.budgets import public_data
from bench.budgets.market import Score, run_market
from bench.budgets.problems import BASELINES, run_problems
from bench.budgets.public_data import Known
from bench.budgets.rivals import log_log, ridge
from bench.budgets.stability import moved_by_a_month
from bench.datasets.folder import MISSING, find_folder
from bench.harness import Figure, figure
from ml.budget.plan import plan_budget
from ml.budget.request import Item, Request
from ml.budget.returns import PlannedReturns
from ml.panel import DAILY, Floats
from ml.response.fit import Response, fit_response
from ml.response.observed import LiftTest, Observed
from ml.response.priors import ATTRIBUTED, CLIENT_OUTCOME
from ml.response.season import calendar

__all__ = ["main"]

_AGENCIES: Final = 12
_PROBLEMS: Final = 700
_SEED: Final = 20_261_201
_START: Final = dt.date(2025, 1, 1)
_LIFT_WEEKS: Final = slice(60, 66)
_LIFT_CHANGE: Final = 0.3
_LIFT_ERROR: Final = 0.1


async def main() -> list[Figure]:
    """Run the bench."""
    figures: list[Figure] = []
    data = find_folder()
    if data is None:
        print(MISSING)
    else:
        figures += _contributions("pymc roas", public_data.roas(data, has_confounder=False))
        figures += _contributions(
            "pymc roas, demand shown", public_data.roas(data, has_confounder=True)
        )
        figures += _contributions("pymc time-varying media", public_data.time_varying(data))
        for name, observed in (
            ("mmm_stan (real)", public_data.mmm_stan(data)),
            ("meridian national", public_data.meridian(data)),
            ("robyn weekly", public_data.robyn(data)),
        ):
            figures += _stability(name, observed)
    figures += _market(run_market(_AGENCIES))
    figures += _problems()
    return figures + _speed()


def _contributions(name: str, known: Known) -> list[Figure]:
    """Symmetric error of weekly contributions, items pooled; marginal return where it is told."""
    response = _fit(known.observed)
    rival = ridge(known.observed)[1]
    elastic = log_log(known.observed, 1)
    powers = np.array(
        [elastic.per_step(item, row) for item, row in enumerate(known.observed.spend)]
    )
    ours = _smape(response.contributions, known.contributions)
    case = f"{name}: sMAPE of contributions vs"
    figures = [
        figure(f"{case} ridge + fixed adstock", "%", ours, _smape(rival, known.contributions)),
        figure(f"{case} log-log OLS", "%", ours, _smape(powers, known.contributions)),
    ]
    if known.worked is None:
        return figures
    tests = [_lift(known, item) for item in range(len(known.observed.names))]
    tested = _fit(known.observed, tests)
    lifted = _smape(tested.contributions, known.contributions)
    figures.append(figure(f"{name}: sMAPE with two lift tests vs none", "%", lifted, ours))
    for label, one in (("no lift test", response), ("two lift tests", tested)):
        held, missed = _marginal(known, one)
        figures.append(figure(f"{name}: marginal return off, {label}", "%", 100 * missed))
        figures.append(figure(f"{name}: marginal returns in the 80 % band, {label}", "of 2", held))
    return figures


def _fit(observed: Observed, tests: list[LiftTest] | None = None) -> Response:
    rng = np.random.default_rng(_SEED)
    return fit_response(observed, CLIENT_OUTCOME, rng, tests=tests or [])


def _smape(found: Floats, true: Floats) -> float:
    return float(200 * np.abs(found - true).sum() / (np.abs(found) + np.abs(true)).sum())


def _true_curve(known: Known, item: int, spend: Floats) -> Floats:
    """The truth as a function of adstocked spend, by the points of the data themselves."""
    if known.worked is None:
        raise ValueError("the truth tells no adstock")
    order = np.argsort(known.worked[item])
    line = np.polynomial.Polynomial.fit(
        known.worked[item][order], known.contributions[item][order], 4
    )
    curve: Floats = line(spend)
    return curve


def _marginal(known: Known, response: Response) -> tuple[int, float]:
    """How many 80 % bands hold the true marginal return, and the mean miss of the median."""
    spend = known.observed.spend.mean(axis=1)
    draws = response.curves.marginal(spend)
    low, middle, high = np.quantile(draws, [0.1, 0.5, 0.9], axis=0)
    true = np.array(
        [
            np.diff(_true_curve(known, item, one * np.array([0.98, 1.02])))[0] / (0.04 * one)
            for item, one in enumerate(spend)
        ]
    )
    return int(((low <= true) & (true <= high)).sum()), float(np.abs(middle / true - 1).mean())


def _lift(known: Known, item: int) -> LiftTest:
    """Six weeks of 30 % less, carry-over left aside, measured with an error of 10 %."""
    if known.worked is None:
        raise ValueError("the truth tells no adstock")
    change = _LIFT_CHANGE * known.observed.spend[item, _LIFT_WEEKS].mean()
    worked = known.worked[item, _LIFT_WEEKS]
    less = np.maximum(worked - change, 0)
    effect = float((_true_curve(known, item, worked) - _true_curve(known, item, less)).sum())
    start, stop = _LIFT_WEEKS.start, _LIFT_WEEKS.stop
    return LiftTest(item, start, stop, change, effect, _LIFT_ERROR * effect)


def _stability(name: str, observed: Observed) -> list[Figure]:
    moved = moved_by_a_month(observed)
    case = f"{name}: budget moved by a further month vs"
    return [
        figure(f"{case} {rival}", "%", 100 * moved["ours"], max(100 * moved[rival], 1e-9))
        for rival in moved
        if rival != "ours"
    ]


def _market(score: Score) -> list[Figure]:
    ours = statistics.median(score.regret["ours"])
    clients = len(score.surety)
    case = f"simulator, {clients} clients: median regret vs"
    figures = [
        figure(f"{case} {name}", "of the gain", ours, statistics.median(values))
        for name, values in score.regret.items()
        if name != "ours"
    ]
    mean = statistics.mean(score.regret["ours"])
    figures.append(figure("simulator: mean regret", "of the gain", mean))
    for name, values in score.rank.items():
        rank = float(np.nanmean(values))
        figures.append(figure(f"simulator: rank correlation of marginal revenue, {name}", "", rank))
    for name, errors in score.error.items():
        error = statistics.median(errors)
        figures.append(figure(f"simulator: median sMAPE of what spend brings, {name}", "%", error))
    told = [told for told, _ in score.surety]
    came = [came for _, came in score.surety]
    covered = 100 * float(np.mean(score.covered))
    return [
        *figures,
        figure("simulator: true marginal revenue in the 80 % band", "%", covered),
        figure(
            "simulator: told probability of beating the current split",
            "%",
            100 * statistics.mean(told),
        ),
        figure("simulator: plans that did beat it", "%", 100 * float(np.mean(came))),
        figure("simulator: clients told to hold", "clients", score.held),
        figure("simulator: draws of curves that fell anywhere", "draws", score.falls),
    ]


def _problems() -> list[Figure]:
    figures = []
    for kind, tally in run_problems(_PROBLEMS, _SEED).items():
        case = f"{tally.solved:,} random problems, {kind}"
        figures += [
            figure(f"{case}: limits broken", "limits", tally.violations),
            figure(f"{case}: largest proven gap", "% of the value", 100 * tally.largest_gap),
        ]
        if tally.refused:
            figures.append(figure(f"{kind}: impossible, with reasons", "problems", tally.refused))
        if not tally.shares[BASELINES[0]]:
            continue
        figures.append(figure(f"{case}: beaten by a baseline", "problems", tally.beaten))
        figures += [
            figure(f"{case}: share of the gain vs {name}", "", 1.0, statistics.median(shares))
            for name, shares in tally.shares.items()
            if name != BASELINES[0]
        ]
    return figures


def _speed() -> list[Figure]:
    """A client of 200 campaigns and 400 days, and a plan for 50 of them on 400 draws."""
    rng = np.random.default_rng(_SEED)
    spend = np.exp(
        rng.normal(5, 0.6, (200, 1)) + np.cumsum(rng.normal(0, 0.05, (200, 400)), axis=1)
    )
    outcomes = rng.poisson(spend**0.7 * rng.uniform(0.1, 0.4, (200, 1))).astype(np.float64)
    begun = time.perf_counter()
    curves = fit_response(_daily(spend, outcomes), ATTRIBUTED, rng, draws=400).curves
    fitted = time.perf_counter() - begun
    few = fit_response(_daily(spend[:50], outcomes[:50]), ATTRIBUTED, rng, draws=400).curves
    current = np.round(100 * 30 * spend[:50, -28:].mean(axis=1))
    items = tuple(Item(int(one)) for one in current)
    begun = time.perf_counter()
    plan_budget(Request(int(current.sum()), items, step=0.3), PlannedReturns(few, np.ones(30)))
    planned = time.perf_counter() - begun
    return [
        figure(f"fit of {len(curves.names)} campaigns, 400 days", "s", fitted),
        figure("plan of 50 campaigns, 30 days, 400 draws", "s", planned),
    ]


def _daily(spend: Floats, outcomes: Floats) -> Observed:
    count, steps = spend.shape
    return Observed(
        names=tuple(f"campaign {number}" for number in range(count)),
        channels=tuple(f"channel {number % 5}" for number in range(count)),
        spend=spend,
        outcomes=outcomes,
        feeds=np.arange(count),
        calendar=calendar(_START, DAILY, steps),
        controls=np.zeros((steps, 0)),
    )
