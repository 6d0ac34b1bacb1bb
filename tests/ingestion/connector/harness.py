"""Runs the extractor against a server, with a clock that only sleeping moves."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from domain.ports import CallBudget, Clock
from domain.time_window import DateRange
from ingestion.connector.extract import Extractor
from ingestion.connector.job import Account, CursorWindow, ExtractionJob, ExtractProgress, Page
from ingestion.connector.source_file import read_source
from ingestion.connector.spec import SourceSpec
from ingestion.connector.transport import RetryPolicy
from tests.fakes.fake_call_budget import FakeCallBudget

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
DAYS = DateRange(dt.date(2026, 11, 1), dt.date(2026, 11, 4))
INSTANTS = CursorWindow(NOW - dt.timedelta(hours=1), NOW)
ACCOUNT = Account("1234567890", {}, "EUR", "Europe/Berlin")
CREDENTIALS = {"access_token": "secret-access-token", "refresh_token": "secret-refresh-token"}
CUSTOM_APP = {"access_token": "secret-access-token"}  # of a shop: it has no end
APP = {
    "client_id": "app-id",
    "client_secret": "secret-of-the-app",
    "developer_token": "secret-developer-token",
}


def platform(name: str) -> SourceSpec:
    """A source file of the tests."""
    path = Path(__file__).parent / "sources" / f"{name}.yaml"
    return read_source(path.read_text(), path.name)


@dataclass
class Harness:
    """One extractor and everything it is given."""

    extractor: Extractor
    budget: FakeCallBudget
    waits: list[float]
    rotated: list[Mapping[str, str]]
    now: list[dt.datetime]
    progress: list[ExtractProgress] = field(default_factory=list)

    async def read(
        self,
        source: SourceSpec,
        stream: str,
        window: DateRange | CursorWindow = DAYS,
        checkpoint: Mapping[str, Any] | None = None,
        account: Account = ACCOUNT,
        credentials: Mapping[str, str] | None = None,
        app: Mapping[str, str] = APP,
    ) -> list[Page]:
        given = credentials or (CUSTOM_APP if source.name == "shopify" else CREDENTIALS)
        job = ExtractionJob(source, source.streams[stream], account, given, window, app)
        return [
            page async for page in self.extractor.extract(job, checkpoint, self.progress.append)
        ]


@asynccontextmanager
async def harness(
    base_urls: Mapping[str, str],
    policy: RetryPolicy | None = None,
    http: httpx.AsyncClient | None = None,
    share: Callable[[Clock], CallBudget] | None = None,
    slept: Callable[[float], None] = lambda _: None,
) -> AsyncIterator[Harness]:
    """Make an extractor.

    Args:
        base_urls: Of the sources.
        policy: When to try again.
        http: Client in place of a plain one.
        share: Makes, by its clock, the budget in place of the fake one.
        slept: Told of time that has passed.
    """
    waits: list[float] = []
    rotated: list[Mapping[str, str]] = []
    now = [NOW]

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += dt.timedelta(seconds=seconds)
        slept(seconds)

    async def keep(_: object, credentials: Mapping[str, str]) -> None:
        rotated.append(credentials)

    budget = FakeCallBudget(lambda: now[0])
    async with httpx.AsyncClient(timeout=5, trust_env=False) as plain:
        extractor = Extractor(
            http or plain,
            budget if share is None else share(lambda: now[0]),
            lambda: now[0],
            sleep,
            base_urls,
            jitter=lambda: 0.5,
            policy=policy,
            rotated=keep,
        )
        yield Harness(extractor, budget, waits, rotated, now)


def rows(pages: list[Page], *columns: str) -> list[tuple[Any, ...]]:
    """The good rows of all pages, as tuples of these columns."""
    return [
        tuple(row[column] for column in columns) for page in pages for row in page.batch.to_pylist()
    ]
