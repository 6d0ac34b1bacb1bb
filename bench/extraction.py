"""Extraction by the product's extractor against parsing the same bytes with orjson alone.

    simulator (own process) -> extractor, live, recording -> replay server (own process)
    replayed: HTTP -> extractor -> typed Arrow pages [-> Parquet]; baseline: orjson.loads of bodies

Each way reads the same answers: Google Ads `searchStream` of 100 days, and a shop's orders.
"""

import asyncio
import datetime as dt
import gc
import json
import random
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from bench.harness import Figure, figure, time_pair
from bench.mart import BENCH_STATE
from bench.replay_server import request_key
from domain.ids import ClientId, ConnectionId, ObjectId, SyncId, TenantId
from domain.ports import BudgetBucket
from domain.time_window import DateRange
from ingestion.connector.answer import AnswerReader
from ingestion.connector.extract import Extractor
from ingestion.connector.job import Account, CursorWindow, ExtractionJob, ExtractProgress
from ingestion.connector.source_file import load_source
from ingestion.landing.parquet import Lineage, write_object
from ingestion.simulator.config import DEMO_AGENCIES

__all__ = ["main"]

_NOW: Final = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
_DAYS: Final = 100
_CAMPAIGNS: Final = 300
_RUNS: Final = 7
_ORJSON: Final = "orjson.loads alone"
_LINEAGE: Final = Lineage(
    TenantId(uuid.UUID(int=1)),
    ClientId(uuid.UUID(int=2)),
    ConnectionId(uuid.UUID(int=3)),
    SyncId(uuid.UUID(int=4)),
    ObjectId(uuid.UUID(int=5)),
    "EUR",
    "Europe/Berlin",
)


class _Unlimited:
    """A `CallBudget` that grants everything: the bench measures no quota."""

    async def acquire(
        self,
        bucket: BudgetBucket,  # noqa: ARG002
        cost: float = 1.0,  # noqa: ARG002
        *,
        waited: bool = False,  # noqa: ARG002
    ) -> float:
        return 0.0

    async def hold(self, bucket: BudgetBucket, seconds: float) -> None:
        """Forget it: replayed answers run out of nothing."""


@dataclass(slots=True)
class _Recorder(httpx.AsyncBaseTransport):
    """Passes requests on and writes down what they were answered."""

    folder: Path
    inner: httpx.AsyncHTTPTransport = field(default_factory=httpx.AsyncHTTPTransport)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        response = await self.inner.handle_async_request(request)
        content = await response.aread()
        target = request.url.raw_path.decode()
        kind = response.headers["content-type"]
        head = (
            f"HTTP/1.1 {response.status_code} Recorded\r\ncontent-type: {kind}\r\n"
            f"content-length: {len(content)}\r\n\r\n"
        )
        path = self.folder / f"{request_key(request.method, target, body)}.http"
        if response.is_success:
            path.write_bytes(head.encode() + content)
        return response

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(frozen=True, slots=True)
class _Read:
    """What an extraction brought."""

    batches: tuple[pa.RecordBatch, ...]
    received: int

    @property
    def rows(self) -> int:
        return sum(batch.num_rows for batch in self.batches)


async def main() -> list[Figure]:
    """Run the bench."""
    folder = BENCH_STATE / "recorded"
    figures: list[Figure] = []
    for name, job in (("Google Ads", _google_ads()), ("Shopify orders", _shopify())):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        simulator = ["ingestion.simulator", "--campaigns", str(_CAMPAIGNS), "--now", str(_NOW)]
        with _process(*simulator) as url:
            begun = time.perf_counter()
            async with _extractor(url, _Recorder(folder), asyncio.sleep) as extractor:
                live = await _read(extractor, job)
            seconds = time.perf_counter() - begun
        with _process("bench.replay_server", str(folder)) as url:
            async with _extractor(url, None, _no_wait) as extractor:
                figures += await _measure(name, extractor, job, _bodies(folder))
        what = f"{name}: live from the simulator, with its own work and its throttling"
        figures.append(figure(what, "rows/s", live.rows / seconds))
    return figures


async def _measure(
    name: str, extractor: Extractor, job: ExtractionJob, bodies: list[bytes]
) -> list[Figure]:
    read = await _read(extractor, job)
    size = sum(map(len, bodies))

    def rate(milliseconds: float, amount: float = read.rows) -> float:
        return amount / milliseconds * 1000

    async def extract() -> None:
        await _read(extractor, job)

    async def extract_and_land() -> None:
        write_object(job.stream.raw_table, _LINEAGE, (await _read(extractor, job)).batches)

    async def parse() -> None:
        # As the extractor does: Python's collector would walk all that orjson has just made.
        gc.disable()
        for body in bodies:
            orjson.loads(body)
        gc.enable()

    async def decode_and_type() -> None:
        _type(job, bodies)

    async def land() -> None:
        write_object(job.stream.raw_table, _LINEAGE, read.batches)

    async def write_plain() -> None:
        pq.write_table(
            pa.Table.from_batches(read.batches), pa.BufferOutputStream(), compression="zstd"
        )

    extracted = await time_pair(extract, parse, runs=_RUNS)
    typed = await time_pair(decode_and_type, parse, runs=_RUNS)
    whole = await time_pair(extract_and_land, parse, runs=_RUNS)
    landed = await time_pair(land, write_plain, runs=_RUNS)
    what = f"{name}, {read.rows:,} rows, {size / 1e6:.1f} MB"
    return [
        figure(f"{what}: extract over HTTP vs {_ORJSON}", "rows/s", *map(rate, extracted)),
        figure(
            f"{name}: extract over HTTP vs {_ORJSON}",
            "MB/s",
            *(rate(milliseconds, size / 1e6) for milliseconds in extracted),
        ),
        figure(f"{name}: decode and type vs {_ORJSON}", "rows/s", *map(rate, typed)),
        figure(f"{name}: extract and land as Parquet vs {_ORJSON}", "rows/s", *map(rate, whole)),
        figure(
            f"{name}: land as Parquet, with lineage vs pyarrow write_table without",
            "rows/s",
            *map(rate, landed),
        ),
    ]


def _type(job: ExtractionJob, bodies: list[bytes]) -> None:
    reader = AnswerReader(job.stream, job.account)
    first_row = 1
    for body in bodies:
        if body[:1] == b"[":
            typed = reader.read_body(body, first_row, lambda part: part)
        else:
            typed, _ = reader.read_document(body, first_row, lambda part: part)
        first_row += typed.records


async def _read(extractor: Extractor, job: ExtractionJob) -> _Read:
    batches, received = [], 0
    async for page in extractor.extract(job, None, _tell_nobody):
        batches.append(page.batch)
        received += page.bytes_received
    return _Read(tuple(batches), received)


def _tell_nobody(_: ExtractProgress) -> None:
    """Nobody watches."""


async def _no_wait(_: float) -> None:
    """Replayed answers tell of buckets that were empty once."""


@asynccontextmanager
async def _extractor(
    url: str,
    transport: httpx.AsyncBaseTransport | None,
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[Extractor]:
    places = {
        "google_ads": f"{url}/google_ads/{{version}}",
        "google_ads.token": f"{url}/google_ads/oauth2/v3/token",
        "shopify": f"{url}/shopify/shops/{{account}}/admin/api/{{version}}",
    }
    async with httpx.AsyncClient(transport=transport, timeout=120) as http:
        yield Extractor(http, _Unlimited(), _clock, sleep, places, jitter=random.random)


def _clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _bodies(folder: Path) -> list[bytes]:
    """The recorded bodies that hold records."""
    bodies = [path.read_bytes().partition(b"\r\n\r\n")[2] for path in sorted(folder.iterdir())]
    return [body for body in bodies if b"access_token" not in body]


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[str]:
    """A server of ours that prints where it listens; ended with the block."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None:
            raise ConnectionError("the server has no pipes")
        url: str = json.loads(process.stdout.readline())["url"]
        try:
            yield url
        finally:
            process.terminate()


def _google_ads() -> ExtractionJob:
    agency = DEMO_AGENCIES[0]
    source = load_source("google_ads")
    settings: Mapping[str, str] = {"manager_id": agency.google_manager_id}
    last = _NOW.date() - dt.timedelta(days=1)
    return ExtractionJob(
        source,
        source.streams["campaign_day"],
        Account(agency.clients[0].google_customer_id, settings, agency.currency, agency.time_zone),
        {"refresh_token": agency.google_refresh_token},
        DateRange(last - dt.timedelta(days=_DAYS - 1), last),
        {
            "client_id": agency.google_client_id,
            "client_secret": agency.google_client_secret,
            "developer_token": agency.google_developer_token,
        },
    )


def _shopify() -> ExtractionJob:
    agency = DEMO_AGENCIES[0]
    source = load_source("shopify")
    client = agency.clients[0]
    return ExtractionJob(
        source,
        source.streams["orders"],
        Account(client.shop, {}, agency.currency, agency.time_zone),
        {"access_token": client.shopify_token},
        CursorWindow(_NOW - dt.timedelta(days=_DAYS), _NOW),
    )
