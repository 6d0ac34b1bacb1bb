"""The GraphQL gateway over HTTP against the same SQL in bare DuckDB.

    GraphQL text -> HTTP -> product in its own process, answers not cached
    the product's SQL and parameters -> DuckDB in this process -> orjson

Both read 20,000,000 rows of 200 agencies, each from a copy of one file. The client is a blocking
socket; what it costs by itself is a line of the table.
"""

import datetime as dt
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import duckdb
import httpx
import orjson

from api.embedded.layout import make_private
from api.graphql.schema_factory import build_schema
from bench.gateway_server import AGENCIES
from bench.harness import Figure, Run, figure, sample_pair, time_pair
from bench.http_client import CannedServer, KeepAlive, post_json
from bench.mart import BENCH_STATE, LAST_DAY, large_mart, tenant_id
from domain.ids import TenantId
from domain.metrics.catalogue import build_catalogue
from domain.ports import Parameter, TenantScope
from domain.query.answer import prepare
from domain.query.plan import PlanCache
from domain.query.request import MetricRequest
from domain.time_window import DateRange, Grain
from tenancy.sql_guard import SqlDialect
from tenancy.warehouse.dialect import duckdb_sql
from tenancy.warehouse.guarding import GuardedStatements, bound

__all__ = ["main"]

_BIG_ROWS: Final = 10_000
_BIG_DAYS: Final = 230  # of 9 channels x 5 devices: a little more than that
_SIZE_TOLERANCE: Final = 0.08  # amounts by hand keep their nine decimals
_QUERIES_A_ROUND: Final = 160
_AGENCY: Final = AGENCIES - 1
_CATALOGUE: Final = build_catalogue()
_DUCKDB: Final = "DuckDB + orjson"
_DUCKDB_ROWS: Final = "DuckDB + to_pylist + orjson"

_DASHBOARD_TEXT: Final = """
query ($period: Period!) { metrics(period: $period) { rows {
  date(grain: DAY) channel spend { amount } impressions clicks ctr cpc { amount } conversions
} } }
"""
_FLAT_TEXT: Final = """
query ($period: Period!) { metrics(period: $period, first: 10000) { rows {
  date(grain: DAY) channel device source attribution currency impressions clicks ctr conversions
} } }
"""
_AMOUNTS_TEXT: Final = """
query ($period: Period!) { metrics(period: $period, first: 10000) { rows {
  date(grain: DAY) channel device source attribution impressions clicks spend { amount }
  ctr cpc { amount }
} } }
"""


@dataclass(frozen=True, slots=True)
class _Question:
    """The same question in both languages."""

    graphql: str
    request: MetricRequest

    def over_http(self, token: str) -> bytes:
        period = self.request.period
        variables = {"period": {"from": f"{period.start}", "to": f"{period.end}"}}
        return post_json("/graphql", {"query": self.graphql, "variables": variables}, token)


@dataclass(frozen=True, slots=True)
class _Server:
    """The product's process."""

    url: str
    tokens: tuple[str, ...]
    process: subprocess.Popen[str]

    def tell(self, command: str) -> Any:
        """Send a command and read the answer."""
        if self.process.stdin is None or self.process.stdout is None:
            raise ConnectionError("the server has no pipes")
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    @contextmanager
    def asking(self, question: _Question) -> Iterator[Run]:
        """A connection of its own: the server closes those that are idle for five seconds."""
        request = question.over_http(self.tokens[_AGENCY])
        with KeepAlive(self.url) as http:
            yield _as_run(lambda: http.send(request))


def _days(count: int, *, until: dt.date = LAST_DAY) -> DateRange:
    return DateRange(until - dt.timedelta(days=count - 1), until)


_COLUMNS: Final = ("spend", "impressions", "clicks", "ctr", "cpc", "conversions")
_HALF_A_YEAR_AGO: Final = LAST_DAY - dt.timedelta(days=180)
_DASHBOARD: Final = _Question(
    _DASHBOARD_TEXT, MetricRequest(_COLUMNS, _days(30), ("channel",), Grain.DAY)
)
_OLD: Final = _Question(
    _DASHBOARD_TEXT,
    MetricRequest(_COLUMNS, _days(30, until=_HALF_A_YEAR_AGO), ("channel",), Grain.DAY),
)
_FLAT: Final = _Question(
    _FLAT_TEXT,
    MetricRequest(
        ("impressions", "clicks", "ctr", "conversions"),
        _days(_BIG_DAYS),
        ("channel", "device", "source", "attribution", "currency"),
        Grain.DAY,
        limit=_BIG_ROWS,
    ),
)
_AMOUNTS: Final = _Question(
    _AMOUNTS_TEXT,
    MetricRequest(
        ("impressions", "clicks", "spend", "ctr", "cpc"),
        _days(_BIG_DAYS),
        ("channel", "device", "source", "attribution"),
        Grain.DAY,
        limit=_BIG_ROWS,
    ),
)


async def main() -> list[Figure]:
    """Run the bench. The first run builds the mart: some minutes."""
    mart = await large_mart()
    bare = _Bare(mart)
    with _running(_state_with(mart)) as server:
        _check(server, bare)
        figures = await _dashboard(server, bare)
        figures += await _throughput(server, bare)
        figures += await _large(server, bare)
        figures.append(await _stall(server))
        figures += _floor(server)
    return [*figures, *_cold()]


def _check(server: _Server, bare: "_Bare") -> None:
    with KeepAlive(server.url) as http:
        for question, expected in (
            (_DASHBOARD, bare.with_amounts(_DASHBOARD.request)),
            (_FLAT, bare.flat(_FLAT.request)),
            (_AMOUNTS, bare.with_amounts(_AMOUNTS.request)),
        ):
            _check_same(http.send(question.over_http(server.tokens[_AGENCY])), expected())


async def _dashboard(server: _Server, bare: "_Bare") -> list[Figure]:
    what = "dashboard query, 30 days x 9 channels x 6 metrics"
    with server.asking(_DASHBOARD) as ask:
        baseline = _as_run(bare.tuples(_DASHBOARD.request))
        samples = await sample_pair(ask, baseline, runs=120, warmup=10)
    p50 = [statistics.median(times) for times in samples]
    p95 = [statistics.quantiles(times, n=20)[-1] for times in samples]
    with server.asking(_OLD) as ask:
        old = await time_pair(ask, _as_run(bare.tuples(_OLD.request)), runs=60)
    return [
        figure(f"{what}, p50 vs {_DUCKDB}", "ms", *p50),
        figure(f"{what}, p95 vs {_DUCKDB}", "ms", *p95),
        figure(f"the same of half a year ago, p50 vs {_DUCKDB}", "ms", *old),
    ]


async def _throughput(server: _Server, bare: "_Bare") -> list[Figure]:
    requests = [_DASHBOARD.over_http(token) for token in server.tokens]
    each = _QUERIES_A_ROUND // len(requests)
    tuples = bare.tuples(_DASHBOARD.request)

    def ask_all(request: bytes) -> None:
        with KeepAlive(server.url) as http:
            for _ in range(each):
                http.send(request)

    with ThreadPoolExecutor(len(requests)) as threads:
        at_once = _as_run(lambda: list(threads.map(ask_all, requests)))
        in_a_row = _as_run(lambda: [tuples() for _ in range(_QUERIES_A_ROUND)])
        times = await time_pair(at_once, in_a_row, runs=5, warmup=1)
    rates = [_QUERIES_A_ROUND / milliseconds * 1000 for milliseconds in times]
    what = f"dashboard queries of {len(requests)} agencies at once"
    return [figure(f"{what} vs {_DUCKDB} in a row", "1/s", *rates)]


async def _large(server: _Server, bare: "_Bare") -> list[Figure]:
    with server.asking(_FLAT) as ask:
        flat = await time_pair(ask, _as_run(bare.flat(_FLAT.request)), runs=25)
    with server.asking(_AMOUNTS) as ask:
        amounts = await time_pair(ask, _as_run(bare.with_amounts(_AMOUNTS.request)), runs=25)
    return [
        figure(f"10,000 x 10 answer, p50 vs {_DUCKDB_ROWS}", "ms", *flat),
        figure(f"10,000 x 10 answer with 2 amounts, p50 vs {_DUCKDB_ROWS}", "ms", *amounts),
    ]


async def _stall(server: _Server) -> Figure:
    server.tell("watch")
    with server.asking(_FLAT) as ask:
        for _ in range(20):
            await ask()
    longest = server.tell("stall")["longest_ms"]
    return figure("longest stall of the event loop, 20 answers of 10,000 rows", "ms", longest)


def _floor(server: _Server) -> list[Figure]:
    """What HTTP costs without the product, and with as little of it as there is."""
    with KeepAlive(server.url) as http:
        answer = http.send(_DASHBOARD.over_http(server.tokens[_AGENCY]))
        request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
        health = _median_ms(lambda: http.send(request), 300)
    with KeepAlive(CannedServer(answer).url) as canned:
        client = _median_ms(lambda: canned.send(request), 300)
    return [
        figure(f"client and loopback alone, {len(answer):,} bytes", "ms", client),
        figure("GET /healthz", "ms", health),
    ]


def _cold() -> list[Figure]:
    plan = _median_ms(lambda: _duckdb_question(_DASHBOARD.request), 20)
    schema = _median_ms(lambda: build_schema(_CATALOGUE), 10)
    return [
        figure("plan, SQL and guard of a new question", "ms", plan),
        figure("schema of a new catalogue", "ms", schema),
    ]


def _duckdb_question(request: MetricRequest) -> tuple[str, dict[str, Parameter]]:
    """The text that the product runs and its parameters, made with empty caches."""
    prepared, _ = prepare(request, _CATALOGUE, PlanCache())
    scope = TenantScope(TenantId(tenant_id(_AGENCY)), None)
    guarded = GuardedStatements(SqlDialect("duckdb", duckdb_sql))
    sql = guarded.question(prepared.plan.statement, scope)
    return sql.text, bound(sql, scope, prepared.parameters)


class _Bare:
    """DuckDB by hand: the product's text and parameters, rows to JSON."""

    def __init__(self, path: Path) -> None:
        # Only reading, otherwise set as the product's adapter sets it.
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": 2,
            "memory_limit": "1024MiB",
        }
        self._db = duckdb.connect(str(path), read_only=True, config=config)
        self._db.execute("SET TimeZone = 'UTC'")

    def _select(self, request: MetricRequest) -> Callable[[], duckdb.DuckDBPyConnection]:
        text, values = _duckdb_question(request)
        return lambda: self._db.execute(text, values)

    def tuples(self, request: MetricRequest) -> Callable[[], bytes]:
        """Rows as DuckDB gives them, amounts as text."""
        select = self._select(request)
        return lambda: orjson.dumps(select().fetchall(), default=str)

    def flat(self, request: MetricRequest) -> Callable[[], bytes]:
        """Rows with the keys of the GraphQL answer."""
        select = self._select(request)
        return lambda: orjson.dumps(_rows(select(), request), default=float)

    def with_amounts(self, request: MetricRequest) -> Callable[[], bytes]:
        """As `flat`, amounts as objects."""
        select = self._select(request)

        def run() -> bytes:
            rows = _rows(select(), request)
            for row in rows:
                for name in ("spend", "cpc"):
                    row[name] = None if row[name] is None else {"amount": str(row[name])}
            return orjson.dumps(rows, default=float)

        return run


def _rows(answer: duckdb.DuckDBPyConnection, request: MetricRequest) -> list[dict[str, Any]]:
    names = ["date", *request.dimensions, *request.metrics]
    table = answer.to_arrow_table().slice(0, request.limit).select(names)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _check_same(answer: bytes, expected: bytes) -> None:
    """Compare what both sides say.

    Raises:
        ValueError: They differ, or one of them is much larger.
    """
    rows = orjson.loads(answer)["data"]["metrics"]["rows"]
    if [_plain(row) for row in rows] != [_plain(row) for row in orjson.loads(expected)]:
        raise ValueError("the gateway and DuckDB answer differently")
    if len(rows) == _BIG_ROWS and abs(len(expected) / len(answer) - 1) > _SIZE_TOLERANCE:
        raise ValueError(f"the bodies have {len(answer):,} and {len(expected):,} bytes")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with amounts as numbers and canonical values in lower case."""
    plain: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            plain[key] = Decimal(value["amount"])
        elif isinstance(value, str):
            plain[key] = value.lower()
        else:
            plain[key] = value
    return plain


def _state_with(mart: Path) -> Path:
    """A state folder whose warehouse is a copy of the mart."""
    state = BENCH_STATE / "gateway"
    warehouse = state / "warehouse.duckdb"
    if not warehouse.exists() or warehouse.stat().st_mtime < mart.stat().st_mtime:
        make_private(state)
        shutil.copyfile(mart, warehouse)
    return state


@contextmanager
def _running(state: Path) -> Iterator[_Server]:
    command = [sys.executable, "-m", "bench.gateway_server", str(state)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise ConnectionError("the server has no pipes")
        hello = json.loads(process.stdout.readline())
        tokens = tuple(_token(hello["url"], *app) for app in hello["apps"])
        try:
            yield _Server(hello["url"], tokens, process)
        finally:
            process.stdin.close()
            process.wait()


def _token(url: str, client_id: str, secret: str) -> str:
    form = {"grant_type": "client_credentials"}
    answer = httpx.post(f"{url}/oauth/token", data=form, auth=(client_id, secret))
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def _as_run(work: Callable[[], object]) -> Run:
    async def run() -> object:
        return work()

    return run


def _median_ms(work: Callable[[], object], runs: int) -> float:
    work()
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)
