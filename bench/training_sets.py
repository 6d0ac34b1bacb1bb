"""A training set as of many instants: ours against Feast's own DuckDB offline store.

    facts, each day told four times -> our stores -> get_historical_features
    the same features, ready-made at each landing -> Parquet -> stock Feast -> the same rows

Both answer the same call with the same data frame, and every value is compared. Stock Feast only
joins: its rows are made beforehand, one for each campaign and landing (`bench.ready_made`), and
again after each landing. Ours reads the facts and computes. So there are two comparisons. From the
facts: ours against making the rows and joining them. The join alone: ours, computing and all,
against rows that are ready. How long that takes stock Feast depends on the view's ttl above all: it
looks at every row within it. It is asked without one, as it comes, and with that of ours.

It is asked with `filter_by_created_timestamp`: without, it takes values that became known after the
instant, and how often is a line of the table.

Feast's DuckDB store needs `ibis-framework[duckdb]`, which nothing else here does (`make bench`
installs it): without it, ours is measured alone, and the table says so.
"""

import asyncio
import datetime as dt
import importlib.util
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
from feast import FeatureStore

from api.bootstrap import open_runtime
from api.runtime import Runtime
from api.settings import load_settings
from bench.agencies import BenchAgency, create_agency
from bench.harness import Figure, figure
from bench.ready_made import THREADS, write_ready_made
from bench.restated_facts import CAMPAIGNS, DAYS, FIRST_DAY, load_restated_facts
from bench.stock_feast import open_stock_history
from domain.ports import TenantScope
from feature_repo.entities import TENANT_KEY
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE as VIEW
from feature_repo.stores.acting import acting
from ingestion.connector.source_file import load_source

__all__ = ["measure_training_sets"]

_ASKED: Final = 50_000
_RUNS: Final = 3
_STREAM: Final = load_source("google_ads").streams["campaign_day"]
_KEY: Final = VIEW.entity.join_key
_REFS: Final = [f"{VIEW.name}:{name}" for name in VIEW.feature_names]
_BASELINE: Final = "Feast's DuckDB store"
_MADE: Final = f"rows made by plain DuckDB and joined by {_BASELINE}"

_Ask = Callable[[], Awaitable[pa.Table]]


@dataclass(frozen=True, slots=True)
class _Ours:
    """Feast's API on our stores, as one agency sees it."""

    store: FeatureStore
    scope: TenantScope

    async def ask(self, frame: pd.DataFrame) -> pa.Table:
        """A training set."""
        keyed = frame.assign(**{TENANT_KEY: str(self.scope.tenant_id)})
        with acting(self.scope):
            job = await asyncio.to_thread(self.store.get_historical_features, keyed, _REFS)
        return await asyncio.to_thread(job.to_arrow)


async def measure_training_sets(folder: Path) -> list[Figure]:
    """Load facts, ask both, compare every value; what is needed for it goes into the folder."""
    state = str(folder / "history")
    settings = load_settings({"BOSCO_STATE_DIR": state, "BOSCO_LOG_LEVEL": "WARNING"})
    async with open_runtime(settings) as runtime:
        agency = await create_agency(runtime, "bench", _STREAM)
        return await _measure(runtime, agency, folder)


async def _measure(runtime: Runtime, agency: BenchAgency, folder: Path) -> list[Figure]:
    rows = await load_restated_facts(runtime.warehouse, agency)
    ours = _Ours(await runtime.features.registry.open_store(), TenantScope(agency.tenant_id))
    frame = _questions(agency)
    what = f"training set, {_ASKED:,} x {len(_REFS)} of {rows:,} restated rows"
    if importlib.util.find_spec("ibis") is None:
        seconds, _ = await _seconds(lambda: ours.ask(frame))
        return [figure(f"{what} ({_BASELINE} is left out: no ibis-framework)", "s", seconds)]
    path = folder / "history.parquet"
    kept, making = await asyncio.to_thread(write_ready_made, agency, path)
    own = await ours.ask(frame)
    stocks = {
        words: open_stock_history(folder / f"ttl-{ttl}", replace(VIEW, ttl_seconds=ttl), path)
        for words, ttl in (("no ttl", 0), ("ttl of 3 days", VIEW.ttl_seconds))
    }
    figures = []
    for words, stock in stocks.items():
        mine, theirs = await _in_turn(
            lambda: ours.ask(frame), partial(_ask_stock, stock, frame), own
        )
        figures += [
            figure(f"{what}, from the facts vs {_MADE}, {words}", "s", mine, making + theirs),
            figure(f"{what} vs {_BASELINE} over {kept:,} rows ready, {words}", "s", mine, theirs),
        ]
    leaking = await _ask_stock(stocks["no ttl"], frame, known_only=False)
    wrong = _count_differing(own, leaking)
    return [
        *figures,
        figure(f"making the {kept:,} rows by plain DuckDB, {THREADS} threads", "s", making),
        figure(f"rows of {_ASKED:,} filled from the future by default: stock Feast", "rows", wrong),
    ]


async def _in_turn(ours: _Ask, theirs: _Ask, expected: pa.Table) -> tuple[float, float]:
    """The median seconds of both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_RUNS):
        for samples, ask in zip(times, (ours, theirs), strict=True):
            seconds, answer = await _seconds(ask)
            _check_same(answer, expected)
            samples.append(seconds)
    return statistics.median(times[0]), statistics.median(times[1])


async def _seconds(ask: _Ask) -> tuple[float, pa.Table]:
    begun = time.perf_counter()
    answer = await ask()
    return time.perf_counter() - begun, answer


def _questions(agency: BenchAgency) -> pd.DataFrame:
    """Campaigns and instants between the first landing of a day and its evening."""
    chance = random.Random(7)  # noqa: S311  # the same in each run
    first = dt.datetime.combine(FIRST_DAY, dt.time(6), dt.UTC)
    campaigns = [f"{agency.connection_id}:{chance.randrange(CAMPAIGNS)}" for _ in range(_ASKED)]
    instants = [
        first + dt.timedelta(days=chance.randint(1, DAYS), seconds=chance.randrange(15 * 3_600))
        for _ in range(_ASKED)
    ]
    return pd.DataFrame({_KEY: campaigns, "event_timestamp": pd.to_datetime(instants, utc=True)})


async def _ask_stock(
    stock: FeatureStore, frame: pd.DataFrame, *, known_only: bool = True
) -> pa.Table:
    def ask() -> pa.Table:
        job = stock.get_historical_features(frame, _REFS, filter_by_created_timestamp=known_only)
        return job.to_arrow()

    return await asyncio.to_thread(ask)


def _by_question(table: pa.Table) -> pa.Table:
    ordered = table.sort_by([(_KEY, "ascending"), ("event_timestamp", "ascending")])
    return ordered.select(VIEW.feature_names).combine_chunks()


def _check_same(one: pa.Table, other: pa.Table) -> None:
    """Compare every value.

    Raises:
        ValueError: They differ.
    """
    if differing := _count_differing(one, other):
        raise ValueError(f"{differing} of {one.num_rows} rows differ")


def _count_differing(one: pa.Table, other: pa.Table) -> int:
    first, second = _by_question(one).to_pylist(), _by_question(other).to_pylist()
    return sum(a != b for a, b in zip(first, second, strict=True))
