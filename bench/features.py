"""Features online and as of the past, against stock Feast and against redis-py alone.

    the same fifty features of each campaign, in our layout and in Feast's, on one Redis
    -> read in process | read through GraphQL over HTTP, the product in its own process | written
    facts -> training sets (`bench.training_sets`)

Ours checks tenant, client and age of each entity; stock Feast does none of it.

Raw is redis-py with hiredis, blocking, keys and fields made beforehand, in three ways. HMGET in one
pipeline fetches Feast's fields, a value each: what is left of Feast's time without Feast; the same
decoded to Python values by Feast's own protobuf. MGET fetches ours, one value an entity: the floor
under our own way. Ours is faster than a raw HMGET because a Redis that keeps one packed value of an
entity answers a hundredth of the replies.
"""

import datetime as dt
import gc
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
import pandas as pd
import pyarrow as pa
from feast import FeatureStore

from bench.harness import Figure, Run, figure, sample_pair, time_pair
from bench.http_client import KeepAlive, post_json
from bench.stock_feast import RawHmget, RawMget, open_stock_feast
from bench.training_sets import measure_training_sets
from bench.wide_view import WIDE as VIEW
from bench.wide_view import WIDE_SERVICE, declare_wide_view, wide_table
from domain.ids import ClientId, ConnectionId, TenantId, public_id
from domain.metrics.naming import camel_case
from domain.ports import TenantScope
from feature_repo.catalogue import Catalogues, none_registered
from feature_repo.feature import Unit
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from feature_repo.statements import CLIENT_ID, MOMENT
from tenancy.feature_values import TenantFeatures
from tenancy.redis_server import RedisServer

__all__ = ["main"]

_WRITTEN: Final = 20_000
_STOCK: Final = "stock Feast get_online_features"
_RAW: Final = "raw redis-py HMGET pipeline"
_RAW_DECODED: Final = "raw redis-py HMGET pipeline, decoded"
_RAW_OURS: Final = "raw redis-py MGET of our values, not decoded"
_ASKED: Final = f"x {len(VIEW.features)} features"


@dataclass(frozen=True, slots=True)
class _World:
    """What all ask: the product's process, our reader and stock Feast on one Redis."""

    url: str
    redis_url: str
    token: str
    scope: TenantScope
    ids: Sequence[str]
    keys: Sequence[str]
    online: OnlineFeatures
    reader: FeatureReader
    stock: FeatureStore

    def stock_question(self, count: int) -> tuple[list[str], list[dict[str, str]]]:
        """References and rows for `get_online_features`."""
        refs = [f"{VIEW.name}:{name}" for name in VIEW.feature_names]
        return refs, [{VIEW.entity.join_key: one} for one in self.ids[:count]]


async def main() -> list[Figure]:
    """Run the bench."""
    declare_wide_view()
    with _folder() as folder:
        with _product(folder) as hello:
            figures = await _online(folder, hello)
        return [*figures, *await measure_training_sets(folder)]


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bosco-bench-"))
    folder.chmod(0o711)  # root runs the servers as another user, who has to enter
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _product(folder: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "bench.features_server", str(folder / "state")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise ConnectionError("the server has no pipes")
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait()


async def _online(folder: Path, hello: dict[str, Any]) -> list[Figure]:
    now = dt.datetime.now(dt.UTC)
    redis = RedisServer(hello["redis_url"])
    online = OnlineFeatures(redis, lambda: now)
    tenant_id = TenantId(uuid.UUID(hello["tenant_id"]))
    client = ClientId(uuid.UUID(hello["client_id"]))
    frame = _frame(wide_table(hello["ids"], client, now), now)
    world = _World(
        url=hello["url"],
        redis_url=hello["redis_url"],
        token=_token(hello),
        scope=TenantScope(tenant_id, frozenset({client})),
        ids=hello["ids"],
        keys=TenantFeatures(redis, tenant_id).keys(VIEW.name, hello["ids"]),
        online=online,
        reader=FeatureReader(online, Catalogues(none_registered, lambda: now)),
        stock=open_stock_feast(folder, hello["redis_url"], VIEW, frame),
    )
    await _check(world, frame)
    gc.freeze()  # what Feast's import has left would be looked through while the clock runs
    figures: list[Figure] = []
    for count, runs in ((1, 1_000), (100, 400), (1_000, 40)):
        figures += await _in_process(world, count, runs)
    figures += await _over_http(world)
    figures.append(await _writes(world, client, now))
    await redis.close()
    return figures


async def _in_process(world: _World, count: int, runs: int) -> list[Figure]:
    ids, question = world.ids[:count], world.stock_question(count)
    raw = RawHmget(world.redis_url, VIEW, ids)
    raw_ours = RawMget(world.redis_url, world.keys[:count])

    async def read() -> object:
        return await world.reader.read(world.scope, VIEW.name, ids)

    async def read_stock() -> object:
        return world.stock.get_online_features(*question)

    async def read_raw() -> object:
        return raw.fetch()

    async def read_decoded() -> object:
        return raw.decode()

    async def read_ours() -> object:
        return raw_ours.fetch()

    what = f"{count:,} campaign{'s' * (count > 1)} {_ASKED}"
    return [
        *await _percentiles(what, _STOCK, read, read_stock, runs),
        *await _percentiles(what, _RAW, read, read_raw, runs),
        *await _percentiles(what, _RAW_DECODED, read, read_decoded, runs),
        *await _percentiles(what, _RAW_OURS, read, read_ours, runs),
    ]


async def _over_http(world: _World) -> list[Figure]:
    """GraphQL text to JSON bytes, by a blocking client; stock Feast is spared HTTP and JSON."""
    count = 100
    question = world.stock_question(count)
    raw = RawHmget(world.redis_url, VIEW, world.ids[:count])
    request = _request(world, count)
    with KeepAlive(world.url) as http:

        async def ask() -> object:
            return http.send(request)

        async def read_stock() -> object:
            return world.stock.get_online_features(*question)

        async def read_raw() -> object:
            return raw.fetch()

        what = f"GraphQL over HTTP, {count} campaigns {_ASKED}"
        return [
            *await _percentiles(what, _STOCK, ask, read_stock, 200),
            *await _percentiles(what, _RAW, ask, read_raw, 200),
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


async def _writes(world: _World, client: ClientId, now: dt.datetime) -> Figure:
    table = wide_table([f"{world.ids[0]}/{number}" for number in range(_WRITTEN)], client, now)
    frame = _frame(table, now)

    async def write() -> object:
        return await world.online.write(world.scope.tenant_id, VIEW, table)

    async def write_stock() -> object:
        world.stock.write_to_online_store(VIEW.name, frame)
        return None

    times = await time_pair(write, write_stock, runs=3, warmup=1)
    rates = [_WRITTEN / milliseconds * 1000 for milliseconds in times]
    return figure(
        f"writing {_WRITTEN:,} campaigns {_ASKED} vs stock Feast write_to_online_store",
        "rows/s",
        *rates,
    )


async def _check(world: _World, frame: pd.DataFrame) -> None:
    """All serve what was written.

    Raises:
        ValueError: One does not.
    """
    count = len(world.ids)
    rows = await world.reader.read(TenantScope(world.scope.tenant_id), VIEW.name, world.ids)
    answer = world.stock.get_online_features(*world.stock_question(count)).to_dict()
    decoded = RawHmget(world.redis_url, VIEW, world.ids).decode()
    if None in RawMget(world.redis_url, world.keys).fetch():
        raise ValueError("our own values have other keys")
    with KeepAlive(world.url) as http:
        nodes = orjson.loads(http.send(_request(world, 100)))["data"]["features"]["nodes"]
    for feature in VIEW.features:
        written = frame[feature.name].to_list()
        served = [None if row is None else row.values[feature.name] for row in rows]  # noqa: PD011
        shown = [node["values"][camel_case(feature.name)] for node in nodes]
        if feature.unit is Unit.MONEY:
            shown = [float(value["amount"]) for value in shown]
        raw = [row[feature.name] for row in decoded]
        if not served == answer[feature.name] == raw == written or shown != written[:100]:
            raise ValueError(f"{feature.name} is not served as it was written")


def _request(world: _World, count: int) -> bytes:
    amount = {Unit.MONEY: " { amount currency }"}
    fields = " ".join(camel_case(one.name) + amount.get(one.unit, "") for one in VIEW.features)
    query = f"""query ($ids: [ID!]!) {{
      features(service: "{WIDE_SERVICE.name}", entities: $ids, first: {count}) {{
        nodes {{ entity {{ id }} status asOf values {{ ... on WideV1 {{ {fields} }} }} }} }} }}"""
    variables = {"ids": [_public(one) for one in world.ids[:count]]}
    return post_json("/graphql", {"query": query, "variables": variables}, world.token)


def _public(entity_id: str) -> str:
    connection, _, campaign = entity_id.partition(":")
    return f"{public_id('con', ConnectionId(uuid.UUID(connection)))}:{campaign}"


def _token(hello: dict[str, Any]) -> str:
    form = {"grant_type": "client_credentials"}
    answer = httpx.post(
        f"{hello['url']}/oauth/token", data=form, auth=(hello["app"][0], hello["app"][1])
    )
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def _frame(table: pa.Table, now: dt.datetime) -> pd.DataFrame:
    frame = table.drop_columns([MOMENT, CLIENT_ID]).to_pandas()
    frame = frame.rename(columns={"entity": VIEW.entity.join_key})
    return frame.assign(event_timestamp=pd.Timestamp(now))
