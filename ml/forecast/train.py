"""Learning from the past of all agencies, one at a time.

    histories -> rows as of past origins -> noise, trees, scores -> PooledModel

Memory holds one agency's history and a bounded sample of rows of each. The scores behind the
intervals come from the latest origins, under trees that were fitted to what had ended before them;
the trees that serve are then fitted to all rows.
"""

import itertools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from domain.errors import InvalidInputError
from ml.forecast.calendar import NO_CALENDAR, Calendar
from ml.forecast.completion import Completion, learn_completion, mean_completion
from ml.forecast.conformal import Scores
from ml.forecast.correction import correct, fit_correction
from ml.forecast.forecast import HORIZONS
from ml.forecast.noise import Kind, Noise, kind_of, learn_noise
from ml.forecast.pooled import PooledModel, score_group
from ml.forecast.rows import Rows, joined, rows_of
from ml.forecast.snapshots import Snapshots
from ml.panel import History, Measure

__all__ = ["train"]

_MEASURES: Final = tuple(Measure)
_HELD_BACK: Final = 0.35  # latest share of the origins, for calibration


def train(
    histories: Iterable[History],
    *,
    seed: int,
    threads: int,
    calendar: Calendar = NO_CALENDAR,
    horizons: tuple[int, ...] = HORIZONS,
    most_rows: int = 6_000,
) -> PooledModel:
    """Learn from the histories of all agencies, one at a time.

    Args:
        histories: One of each agency; read once.
        seed: Of all that is drawn.
        threads: Of reading and of XGBoost; does not change what is learnt.
        calendar: Holidays and events of all clients.
        horizons: Ascending.
        most_rows: Kept of each agency: bounds memory, and no agency outweighs the others.

    Raises:
        InvalidInputError: None of them is long enough to learn from (caller).
    """
    blocks, learnt = [], []
    read = partial(_read, horizons=horizons, calendar=calendar, most_rows=most_rows, seed=seed)
    numbered = enumerate(histories)
    with ThreadPoolExecutor(threads) as pool:
        # As many histories as threads are held at a time.
        while some := list(itertools.islice(numbered, threads)):
            for rows, completion in pool.map(read, some):
                if rows is not None and len(rows):
                    blocks.append(rows)
                    learnt.append(completion)
    if not blocks:
        raise InvalidInputError(
            "no agency has enough past to learn from", hint="wait until one has some weeks"
        )
    model = PooledModel(horizons, mean_completion(learnt), _noise(blocks), Scores({}), booster=None)
    return _calibrated(model, blocks, seed, threads)


def _read(
    numbered: tuple[int, History],
    *,
    horizons: tuple[int, ...],
    calendar: Calendar,
    most_rows: int,
    seed: int,
) -> tuple[Rows | None, Completion]:
    number, history = numbered
    snapshots = Snapshots.of(history)
    # Each agency draws for itself, so the order in which threads end changes nothing.
    chance = np.random.default_rng((seed, number))
    rows = rows_of(snapshots, horizons, calendar, most_rows, chance)
    return rows, learn_completion(snapshots, history.steps)


def _calibrated(model: PooledModel, blocks: list[Rows], seed: int, threads: int) -> PooledModel:
    """Scores of the latest origins under trees that have seen what ended before them only."""
    moments = np.concatenate([rows.moment for rows in blocks])
    cut = float(np.quantile(moments, 1 - _HELD_BACK))
    early = [part for rows in blocks if len(part := rows.taken(rows.ended <= cut))]
    late = joined([rows.taken(rows.moment >= cut) for rows in blocks])
    booster = fit_correction(early, seed=seed, threads=threads) if early else None
    scores = _scores(model, late, booster)
    return replace(model, scores=scores, booster=fit_correction(blocks, seed=seed, threads=threads))


def _scores(model: PooledModel, rows: Rows, booster: xgb.Booster | None) -> Scores:
    correction = np.zeros(len(rows)) if booster is None else correct(booster, rows.features)
    groups, scores = [], []
    for kind, places in _by_kind(rows).items():
        part = rows.taken(places)
        noise = model.noise.of(part.features, kind)
        names = model.noise.groups(part.features, kind)
        for what, residual in (("total", part.residual), ("step", part.step_residual)):
            groups += [score_group(what, kind, name) for name in names]
            scores.append((residual - correction[places]) / noise)
    return Scores.of(groups, np.concatenate(scores))


def _noise(blocks: list[Rows]) -> Noise:
    rows = joined(blocks)
    return learn_noise({kind: rows.features[places] for kind, places in _by_kind(rows).items()})


def _by_kind(rows: Rows) -> dict[Kind, npt.NDArray[np.intp]]:
    number = (rows.measure * 2 + rows.is_planned) * 100 + rows.horizon
    return {
        kind_of(
            _MEASURES[one // 200].value, is_planned=bool(one // 100 % 2), horizon=int(one % 100)
        ): np.flatnonzero(number == one)
        for one in np.unique(number)
    }
