"""Budgets of simulated clients whose true response is known: regret, rank, coverage, honesty.

    agency -> client at day 366 -> curves (ours, log-log, ridge) -> plan of 28 days
           -> the true response of each plan, 26 days after its end included -> regret

Figures of the last 30 days are not final and are left out of what curves are learned from.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np
from scipy.stats import spearmanr

from bench.budgets.rivals import log_log, ridge
from bench.budgets.splits import equal, proportional_to_return, random_feasible, slsqp
from ingestion.simulator.market.agency import Agency, draw_agency
from ingestion.simulator.market.response import Response as TrueResponse
from ml.budget.plan import Plan, plan_budget
from ml.budget.request import Item, Request
from ml.budget.returns import PlannedReturns, Returns
from ml.panel import DAILY, Floats
from ml.response.fit import fit_response
from ml.response.observed import Observed
from ml.response.priors import ATTRIBUTED
from ml.response.season import calendar

__all__ = ["Score", "run_market"]

_TODAY: Final = 366
_DAYS: Final = 28
_AFTER: Final = 26
_NOT_FINAL: Final = 30
_FEWEST_DAYS: Final = 90
_FEWEST_CAMPAIGNS: Final = 4
_STEP: Final = 0.5
_DRAWS: Final = 400


@dataclass(frozen=True, slots=True, eq=False)
class TrueReturns:
    """Of the simulator: revenue beyond spending nothing on those days."""

    names: tuple[str, ...]
    start: dt.date
    response: TrueResponse
    spend: Floats
    rows: np.ndarray
    highest_amounts: Floats

    @property
    def draws(self) -> int:
        return 1

    def highest(self, item: int) -> int:
        return int(self.highest_amounts[item])

    def outcome(self, item: int, amounts: Floats) -> Floats:
        paths = np.zeros((1 + len(amounts), _TODAY + _DAYS + _AFTER))
        paths[:, :_TODAY] = self.spend[item, :_TODAY]
        paths[1:, _TODAY : _TODAY + _DAYS] = amounts[:, None] / 100 / _DAYS
        rows = np.full(len(paths), self.rows[item])
        response = TrueResponse(
            **{one.name: getattr(self.response, one.name)[rows] for one in fields(TrueResponse)}
        )
        values: Floats = response.revenue(paths)[:, _TODAY:].sum(axis=1)
        beyond: Floats = (values[1:] - values[0])[None]
        return beyond


@dataclass(slots=True)
class Score:
    """Of all clients.

    Attributes:
        regret: By method, share of the achievable gain that was missed.
        rank: By curves, rank correlation of marginal revenue with the truth.
        error: By curves, symmetric percentage error of what all spend of an item brings.
        covered: Whether the 80 % band of a marginal revenue held the truth.
        surety: Told probability of beating the current split, and whether it did.
        falls: Steps of the curves that fell, of all draws.
        held: Clients that were told to hold.
    """

    regret: dict[str, list[float]] = field(default_factory=dict)
    rank: dict[str, list[float]] = field(default_factory=dict)
    error: dict[str, list[float]] = field(default_factory=dict)
    covered: list[bool] = field(default_factory=list)
    surety: list[tuple[float, bool]] = field(default_factory=list)
    falls: int = 0
    held: int = 0


def run_market(agencies: int) -> Score:
    """Plan for every client of the first agencies with at least four campaigns."""
    score = Score()
    for number in range(agencies):
        for observed, truth, current, worth in _clients(draw_agency(number)):
            _score(score, observed, truth, current, worth)
    return score


def _clients(agency: Agency) -> Iterator[tuple[Observed, TrueReturns, Floats, Floats]]:
    spend = np.nan_to_num(agency.final["spend"])
    conversions, revenue = agency.final["conversions"], agency.final["revenue"]
    for client in dict.fromkeys(one.client for one in agency.series):
        rows = np.array(
            [
                row
                for row, one in enumerate(agency.series)
                if one.client == client
                and one.campaign is not None
                and (spend[row, :_TODAY] > 0).sum() >= _FEWEST_DAYS
                and (spend[row, _TODAY - _DAYS : _TODAY] > 0).sum() >= _DAYS // 2
            ]
        )
        if len(rows) < _FEWEST_CAMPAIGNS:
            continue
        known = conversions[rows, :_TODAY].copy()
        known[:, -_NOT_FINAL:] = np.nan
        names = tuple(str(agency.series[row].campaign) for row in rows)
        observed = Observed(
            names=names,
            channels=tuple(agency.series[row].channel for row in rows),
            spend=spend[rows, :_TODAY],
            outcomes=known,
            feeds=np.arange(len(rows)),
            calendar=calendar(agency.start, DAILY, _TODAY),
            controls=np.zeros((_TODAY, 0)),
        )
        final = slice(0, _TODAY - _NOT_FINAL)
        worth = np.nansum(revenue[rows, final], axis=1) / np.maximum(
            np.nansum(conversions[rows, final], axis=1), 1
        )
        current = np.round(100 * spend[rows, _TODAY - _DAYS : _TODAY].sum(axis=1))
        limit = np.array([_limit(row) for row in observed.spend]) * _DAYS * 100
        yield (
            observed,
            TrueReturns(names, agency.start, agency.response, spend[rows], rows, limit),
            current,
            worth,
        )


def _limit(row: Floats) -> float:
    return float(1.3 * np.percentile(row[row > 0], 95))


def _score(
    score: Score, observed: Observed, truth: TrueReturns, current: Floats, worth: Floats
) -> None:
    fitted = fit_response(observed, ATTRIBUTED, np.random.default_rng(1), draws=_DRAWS)
    ahead = calendar(truth.start, DAILY, _TODAY + _DAYS).returning[_TODAY:]
    steps = fitted.demand_on(ahead)
    rivals: dict[str, Returns] = {
        "ours": PlannedReturns(fitted.curves, steps),
        "log-log OLS": log_log(observed, _DAYS),
        "ridge + fixed adstock": PlannedReturns(ridge(observed)[0], steps),
    }
    ours = rivals["ours"]
    high = np.minimum(np.floor(current * (1 + _STEP)), truth.highest_amounts)
    low = np.minimum(np.ceil(current * (1 - _STEP)), high)
    total = int(min(current.sum(), high.sum()))
    plans = {name: _plan(one, low, high, current, worth, total) for name, one in rivals.items()}
    best = _plan(truth, low, high, current, np.ones(len(worth)), total).amounts
    held = plans["ours"].held.astype(np.float64)
    floats = (float(total), low, high)
    splits = {name: plan.amounts.astype(np.float64) for name, plan in plans.items()}
    splits["current split"] = held
    splits["ours, hold or move"] = plans["ours"].advised.astype(np.float64)
    splits["equal split"] = equal(*floats)
    splits["proportional to ROAS"] = proportional_to_return(ours, worth, current, *floats)
    splits["random feasible"] = random_feasible(np.random.default_rng(len(worth)), *floats)
    mean = PlannedReturns(fitted.curves, steps)
    splits["scipy SLSQP single start"] = slsqp(mean, worth, np.clip(held, low, high), *floats)
    _compare(score, truth, splits, best.astype(np.float64), held)
    _honesty(score, plans["ours"], truth, held)
    _curves(score, rivals, truth, current, worth)


def _plan(
    returns: Returns, low: Floats, high: Floats, current: Floats, worth: Floats, total: int
) -> Plan:
    rows = zip(current, low, np.maximum(high, low), worth, strict=True)
    items = tuple(
        Item(int(now), least=int(down), most=int(up), worth=float(one))
        for now, down, up, one in rows
    )
    return plan_budget(Request(total, items), returns)


def _true_value(truth: TrueReturns, split: Floats) -> float:
    return float(
        sum(truth.outcome(item, np.array([float(one)]))[0, 0] for item, one in enumerate(split))
    )


def _compare(
    score: Score, truth: TrueReturns, splits: dict[str, Floats], best: Floats, held: Floats
) -> None:
    top, base = _true_value(truth, best), _true_value(truth, held)
    if top <= base * 1.001:
        return
    for name, split in splits.items():
        missed = (top - _true_value(truth, split)) / (top - base)
        score.regret.setdefault(name, []).append(missed)


def _honesty(score: Score, plan: Plan, truth: TrueReturns, held: Floats) -> None:
    is_better = _true_value(truth, plan.amounts.astype(np.float64)) > _true_value(truth, held)
    score.surety.append((plan.is_better, is_better))
    score.held += plan.hold is not None


def _curves(
    score: Score, rivals: dict[str, Returns], truth: TrueReturns, current: Floats, worth: Floats
) -> None:
    count = len(current)
    true = np.array([_rise(truth, item, current[item])[0] for item in range(count)])
    level = np.array([truth.outcome(item, current[item : item + 1])[0, 0] for item in range(count)])
    for name, returns in rivals.items():
        rises = np.array(
            [worth[item] * _rise(returns, item, current[item]) for item in range(count)]
        )
        rank = float(spearmanr(rises.mean(axis=1), true).statistic)
        score.rank.setdefault(name, []).append(rank)
        levels = np.array(
            [
                worth[item] * returns.outcome(item, current[item : item + 1]).mean()
                for item in range(count)
            ]
        )
        errors = 200 * np.abs(levels - level) / np.maximum(np.abs(levels) + np.abs(level), 1e-9)
        score.error.setdefault(name, []).extend(errors.tolist())
        if name == "ours":
            low, high = np.quantile(rises, [0.1, 0.9], axis=1)
            score.covered.extend(((low <= true) & (true <= high)).tolist())
            for item in range(count):
                grid = np.linspace(0, returns.highest(item), 40)
                score.falls += int((np.diff(returns.outcome(item, grid), axis=1) < 0).sum())


def _rise(returns: Returns, item: int, amount: float) -> Floats:
    """Of one more unit of currency, by a fiftieth of the amount to each side."""
    sides = returns.outcome(item, np.array([0.98, 1.02]) * amount)
    rise: Floats = (sides[:, 1] - sides[:, 0]) / (0.04 * amount / 100)
    return rise
