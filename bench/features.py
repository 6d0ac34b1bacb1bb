"""Reading features online, in process, against stock Feast and against redis-py alone.

    the same values, in our layout and in Feast's, on one Redis -> 1, 100 or 1,000 campaigns

Ours checks tenant, client and age of each entity; stock Feast does none of it. The raw pipeline
fetches Feast's fields and decodes nothing: what is left of Feast's time without Feast.
"""

import datetime as dt
import gc
import random
import shutil
import statistics
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
from feast import FeatureStore

from api.embedded.servers import launch_servers
from bench.harness import Figure, Run, figure, sample_pair
from bench.stock_feast import open_stock_feast, raw_pipeline
from domain.ids import ClientId, TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import Catalogues, none_registered
from feature_repo.compute import micros_of
from feature_repo.feature import Feature, Unit
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE as VIEW
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from feature_repo.statements import CLIENT_ID, ENTITY, MOMENT
from tenancy.redis_server import RedisServer
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["main"]

_ENTITIES: Final = 1_000
_STOCK: Final = "stock Feast get_online_features"
_RAW: Final = "raw redis-py HMGET pipeline"
_NOW: Final = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
_TENANT: Final = TenantId(uuid.UUID(int=1))
_CLIENT: Final = ClientId(uuid.UUID(int=2))
_ACCOUNT: Final = uuid.UUID(int=3)
_IDS: Final = [f"{_ACCOUNT}:{number}" for number in range(_ENTITIES)]


async def main() -> list[Figure]:
    """Run the bench."""
    with _servers() as (folder, url):
        redis = RedisServer(url)
        table = _table()
        online = OnlineFeatures(redis, lambda: _NOW)
        await online.write(_TENANT, VIEW, table)
        stock = open_stock_feast(folder, url, VIEW, _frame(table))
        reader = FeatureReader(online, Catalogues(none_registered, lambda: _NOW))
        await _check(reader, stock, table)
        gc.freeze()  # what Feast's import has left would be looked through while the clock runs
        figures: list[Figure] = []
        for count, runs in ((1, 1_000), (100, 400), (1_000, 60)):
            figures += await _measure(reader, stock, url, _IDS[:count], runs)
        await redis.close()
    return figures


@contextmanager
def _servers() -> Iterator[tuple[Path, str]]:
    """A folder for the run, and the URL of a Redis in it."""
    folder = Path(tempfile.mkdtemp(prefix="bosco-bench-"))
    folder.chmod(0o711)  # root runs the servers as another user, who has to enter
    servers = launch_servers(folder / "state", durable=False)
    try:
        yield folder, servers.wait_ready()["redis_url"]
    finally:
        servers.stop()
        shutil.rmtree(folder)


async def _measure(
    reader: FeatureReader, stock: FeatureStore, url: str, ids: Sequence[str], runs: int
) -> list[Figure]:
    scope = TenantScope(_TENANT, frozenset({_CLIENT}))
    refs, rows = _question(ids)
    raw = raw_pipeline(url, VIEW, ids)

    async def read() -> object:
        return await reader.read(scope, VIEW.name, ids)

    async def read_stock() -> object:
        return stock.get_online_features(refs, rows)

    async def read_raw() -> object:
        return raw()

    what = f"{len(ids):,} campaign{'s' * (len(ids) > 1)} x {len(VIEW.features)} features"
    return [
        *await _percentiles(what, _STOCK, read, read_stock, runs),
        *await _percentiles(what, _RAW, read, read_raw, runs),
    ]


async def _percentiles(
    what: str, than: str, subject: Run, baseline: Run, runs: int
) -> list[Figure]:
    samples = await sample_pair(subject, baseline, runs=runs, warmup=10)
    p50 = [statistics.median(times) for times in samples]
    p99 = [statistics.quantiles(times, n=100)[-1] for times in samples]
    return [
        figure(f"{what}, p50 vs {than}", "ms", *p50),
        figure(f"{what}, p99 vs {than}", "ms", *p99),
    ]


async def _check(reader: FeatureReader, stock: FeatureStore, table: pa.Table) -> None:
    """Both serve what was written."""
    rows = await reader.read(TenantScope(_TENANT), VIEW.name, _IDS)
    answer = stock.get_online_features(*_question(_IDS)).to_dict()
    for name in VIEW.feature_names:
        written = table.column(name).to_pylist()
        served = [None if row is None else row.values[name] for row in rows]  # noqa: PD011  # no pandas
        if not served == answer[name] == written:
            raise ValueError(f"{name} is not served as it was written")


def _question(ids: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    refs = [f"{VIEW.name}:{name}" for name in VIEW.feature_names]
    return refs, [{VIEW.entity.join_key: one} for one in ids]


def _table() -> pa.Table:
    chance = random.Random(7)  # noqa: S311  # the same numbers in each run
    columns = {
        ENTITY: pa.array(_IDS),
        MOMENT: pa.array([micros_of(_NOW)] * _ENTITIES),
        CLIENT_ID: pa.array([str(_CLIENT)] * _ENTITIES),
    }
    for feature in VIEW.features:
        values = [_value(feature, chance) for _ in _IDS]
        columns[feature.name] = pa.array(values, ARROW_TYPES[feature.type])
    return pa.table(columns)


def _value(feature: Feature, chance: random.Random) -> float | int | str:
    match feature.unit:
        case Unit.CODE:
            return "EUR"
        case Unit.COUNT | Unit.DAYS:
            return chance.randrange(100_000)
        case _:
            return chance.randrange(10_000_000) / 100


def _frame(table: pa.Table) -> pd.DataFrame:
    frame = table.drop_columns([MOMENT, CLIENT_ID]).to_pandas()
    frame = frame.rename(columns={ENTITY: VIEW.entity.join_key})
    return frame.assign(event_timestamp=pd.Timestamp(_NOW))
