"""The ledger over real PostgreSQL: kept once, scored when mature, and each agency's own."""

import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from domain.errors import InternalError
from domain.ids import ClientId, TenantId
from ml.forecast.forecast import Forecast
from ml.ledger.accuracy import Accuracy, AgainstBaseline, Group
from ml.ledger.entry import Entry, Maker, entries_of, key_of, level_of
from ml.ledger.ledger import AccuracyLedger
from ml.ledger.paired import errors_of
from ml.panel import DAILY, Measure, Panel, Series
from tenancy.session import Database
from tenancy.tables import ForecastLevel, ForecastRole, MadeForecast
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

START = dt.date(2026, 1, 1)
ORIGIN = dt.date(2026, 2, 2)  # after 32 days
CHAMPION, CHALLENGER = uuid.UUID(int=70), uuid.UUID(int=71)
NAN = float("nan")


@dataclass(slots=True)
class Book:
    """A ledger, and its two agencies with a client each."""

    database: Database
    tenants: tuple[TenantId, TenantId]
    clients: tuple[ClientId, ClientId]
    now: dt.datetime = dt.datetime(2026, 2, 2, 5, tzinfo=dt.UTC)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def ledger(self) -> AccuracyLedger:
        return AccuracyLedger(
            self.database,
            lambda: self.now,
            lambda: uuid.UUID(int=0x0193 << 112 | next(self.numbers)),
        )

    def panel(self, *rows: Any, agency: int = 0, measure: Measure = Measure.SPEND) -> Panel:
        """Daily figures since `START`: of the client as a whole, and of one of its channels."""
        client = str(self.clients[agency])
        series = (Series(client, currency="EUR"), Series(client, "paid_search", currency="EUR"))
        return Panel(DAILY, START, series, {measure: np.array(rows, float)})

    async def keep(self, *medians: Any, agency: int = 0, **options: Any) -> int:
        return await self.ledger.keep(
            self.tenants[agency], self.entries(*medians, agency=agency, **options)
        )

    def entries(
        self,
        *medians: Any,
        agency: int = 0,
        maker: Maker = Maker(CHAMPION),  # noqa: B008  # frozen
        baseline: float = 10.0,
    ) -> list[Entry]:
        """Forecasts of 7 and 14 days of both series; bands of ten around each median."""
        known = self.panel(np.ones(32), np.ones(32), agency=agency)
        forecast = _forecast(np.array(medians, float), "pooled")
        plain = _forecast(np.full((2, 2), baseline), "naive")
        no_plan = np.zeros(len(known.series), dtype=np.bool_)
        return [*entries_of(known, forecast, {"naive": plain}, maker, no_plan).values()]

    async def rows(self, agency: int = 0) -> list[MadeForecast]:
        """All but the one that every table is filled with."""
        query = select(MadeForecast).where(MadeForecast.origin == ORIGIN)
        async with self.database.session(self.tenants[agency]) as session:
            return list(await session.scalars(query.order_by(MadeForecast.id)))

    async def accuracy(self, agency: int = 0) -> list[Accuracy]:
        return list(await self.ledger.accuracy(self.tenants[agency], ORIGIN, ORIGIN))


def _forecast(medians: Any, method: str) -> Forecast:
    totals = medians[:, :, None] + np.array([-20.0, -10.0, 0.0, 10.0, 20.0])
    return Forecast(Measure.SPEND, (7, 14), np.zeros((2, 14, 5)), totals, (method, method))


@pytest.fixture
def book(database: Database, two_tenants: tuple[FilledTenant, FilledTenant]) -> Book:
    first, second = two_tenants
    clients = (ClientId(one.rows["clients"]["id"]) for one in two_tenants)
    return Book(database, (first.tenant_id, second.tenant_id), tuple(clients))  # type: ignore[arg-type]


async def test_keeps_a_forecast_as_it_was_made(book: Book) -> None:
    assert await book.keep([70, 140], [NAN, 60]) == 2
    whole, channel = await book.rows()
    assert (whole.level, whole.series, whole.currency) == (
        ForecastLevel.CLIENT,
        "currency=EUR",
        "EUR",
    )
    assert (channel.level, channel.series) == (
        ForecastLevel.CHANNEL,
        "channel=paid_search currency=EUR",
    )
    assert (whole.origin, whole.made_at, whole.role) == (ORIGIN, book.now, ForecastRole.SERVED)
    assert (whole.measure, whole.method, whole.version_id) == ("spend", "pooled", CHAMPION)
    assert whole.horizons == [7, 14]
    assert whole.quantiles == [50.0, 60.0, 70.0, 80.0, 90.0, 120.0, 130.0, 140.0, 150.0, 160.0]
    assert whole.baselines == {"naive": [10.0, 10.0]}
    assert (whole.actuals, whole.scored_at) == (None, None)
    assert np.isnan(channel.quantiles[:5]).all()


async def test_what_was_forecast_is_never_rewritten(book: Book) -> None:
    await book.keep([70, 140], [35, 60])
    book.now += dt.timedelta(hours=1)
    assert await book.keep([99, 199], [99, 199]) == 0
    assert (await book.rows())[0].quantiles[2] == 70.0
    assert await book.keep([99, 199], [99, 199], maker=Maker(CHALLENGER, ForecastRole.SHADOW)) == 2
    assert await book.keep([9, 9], [9, 9], maker=Maker(None)) == 2
    assert await book.keep([8, 8], [8, 8], maker=Maker(None)) == 0
    assert await book.ledger.keep(book.tenants[0], []) == 0


async def test_nothing_forecast_is_nothing_kept(book: Book) -> None:
    assert await book.keep([NAN, NAN], [1, 2]) == 1


async def test_scores_what_is_mature_and_once(book: Book) -> None:
    await book.keep([70, 140], [35, 60])
    known = book.panel([1.0] * 32 + [10.0] * 20, [1.0] * 32 + [4.0] * 20)
    book.now = dt.datetime(2026, 2, 10, 5, tzinfo=dt.UTC)  # 7 days end on the 8th: 2 days old
    assert await book.ledger.score(book.tenants[0], known) == 0
    book.now += dt.timedelta(days=1)
    assert await book.ledger.score(book.tenants[0], known) == 2
    scored_at = book.now
    whole, channel = await book.rows()
    assert (whole.actuals or [])[0] == 70.0
    assert np.isnan((whole.actuals or [])[1])
    assert (channel.actuals or [])[0] == 28.0
    book.now += dt.timedelta(days=1)
    assert await book.ledger.score(book.tenants[0], known) == 0
    assert [one.scored_at for one in await book.rows()] == [scored_at, scored_at]


async def test_a_restatement_scores_anew(book: Book) -> None:
    await book.keep([70, 140], [35, 60])
    book.now = dt.datetime(2026, 3, 10, 5, tzinfo=dt.UTC)
    rows = [[1.0] * 32 + [10.0] * 14, [1.0] * 32 + [4.0] * 14]
    await book.ledger.score(book.tenants[0], book.panel(*rows))
    rows[0][35] = 13.0
    book.now += dt.timedelta(days=1)
    assert await book.ledger.score(book.tenants[0], book.panel(*rows)) == 1
    assert [one.actuals for one in await book.rows()] == [[73.0, 143.0], [28.0, 56.0]]
    unknown = book.panel([NAN] * 46, [NAN] * 46)
    assert await book.ledger.score(book.tenants[0], unknown) == 0
    assert await book.ledger.score(book.tenants[0], book.panel(*rows, measure=Measure.REVENUE)) == 0


async def test_accuracy_by_hand(book: Book) -> None:
    """Client, 7 days: forecast 70 and came 80, naive 10. Channel: forecast 35, came 28."""
    await book.keep([70, 140], [35, 60])
    await book.keep([0, 0], [0, 0], maker=Maker(CHALLENGER, ForecastRole.SHADOW))
    assert await book.accuracy() == []
    book.now = dt.datetime(2026, 2, 11, 5, tzinfo=dt.UTC)
    known = book.panel([0.0] * 32 + [80 / 7] * 7, [0.0] * 32 + [4.0] * 7)
    await book.ledger.score(book.tenants[0], known)
    group = Group(
        *(book.clients[0], Measure.SPEND, "EUR"),
        *(ForecastLevel.CHANNEL, 7, dt.date(2026, 2, 1)),
    )
    channel, whole = await book.accuracy()
    assert channel == Accuracy(
        *(group, 1, 7 / 28, 7 / 28, 1.0),
        {"naive": AgainstBaseline(18 / 28, 7 / 28, 1, 0)},
    )
    assert whole.group == group._replace(level=ForecastLevel.CLIENT)
    assert (whole.forecasts, whole.coverage) == (1, 1.0)
    assert whole.wmape == pytest.approx(10 / 80)
    assert whole.bias == pytest.approx(-10 / 80)
    assert whole.baselines["naive"].wmape == pytest.approx(70 / 80)


async def test_each_agency_has_its_own_ledger(book: Book) -> None:
    """The second agency's panel names the first one's client: nothing of it is scored or told."""
    await book.keep([70, 140], [35, 60])
    await book.keep([7, 14], [3, 6], agency=1)
    book.now = dt.datetime(2026, 3, 10, 5, tzinfo=dt.UTC)
    rows = [[1.0] * 32 + [10.0] * 14, [1.0] * 32 + [4.0] * 14]
    assert await book.ledger.score(book.tenants[1], book.panel(*rows)) == 0
    assert [one.actuals for one in await book.rows(0)] == [None, None]
    assert await book.accuracy(1) == []
    await book.ledger.score(book.tenants[0], book.panel(*rows))
    assert {one.group.client_id for one in await book.accuracy(0)} == {book.clients[0]}
    assert await book.accuracy(1) == []
    assert list(await book.ledger.paired(book.tenants[1], CHALLENGER, START)) == []


async def test_a_challenger_beside_what_was_served(book: Book) -> None:
    await book.keep([70, 140], [35, NAN])
    await book.keep([77, 150], [30, 60], maker=Maker(CHALLENGER, ForecastRole.SHADOW))
    book.now = dt.datetime(2026, 3, 10, 5, tzinfo=dt.UTC)
    known = book.panel([1.0] * 32 + [10.0] * 14, [1.0] * 32 + [4.0] * 14)
    await book.ledger.score(book.tenants[0], known)
    pairs = await book.ledger.paired(book.tenants[0], CHALLENGER, ORIGIN)
    told = [(one.horizon, one.actual, one.champion, one.challenger) for one in pairs]
    assert sorted(told) == [(7, 28.0, 35.0, 30.0), (7, 70.0, 70.0, 77.0), (14, 140.0, 140.0, 150.0)]
    errors = errors_of({"small": pairs, "large": []}, 7)
    assert sorted(zip(errors.champion.tolist(), errors.challenger.tolist(), strict=True)) == [
        (0.0, 0.1),
        (0.25, 2 / 28),
    ]
    assert errors.groups == ("small", "large")
    assert errors.group.tolist() == [0, 0]
    assert len(set(errors.series.tolist())) == 2
    assert errors.is_covered.tolist() == [True, True]
    assert list(await book.ledger.paired(book.tenants[0], CHAMPION, ORIGIN)) == []


async def test_a_baseline_is_of_the_same(book: Book) -> None:
    known = book.panel(np.ones(32), np.ones(32))
    ours = _forecast(np.ones((2, 2)), "pooled")
    other = Forecast(Measure.REVENUE, (7, 14), ours.steps, ours.totals, ours.methods)
    with pytest.raises(InternalError, match="baseline naive forecasts something else"):
        entries_of(known, ours, {"naive": other}, Maker(None), np.zeros(1, dtype=np.bool_))


@pytest.mark.parametrize(
    ("series", "key", "level"),
    [
        (Series("c"), "", ForecastLevel.CLIENT),
        (Series("c", connection="a"), "connection=a", ForecastLevel.ACCOUNT),
        (Series("c", "email"), "channel=email", ForecastLevel.CHANNEL),
        (
            Series("c", "email", "a:1", "EUR", "a"),
            "connection=a channel=email campaign=a:1 currency=EUR",
            ForecastLevel.CAMPAIGN,
        ),
    ],
)
def test_names_a_series(series: Series, key: str, level: ForecastLevel) -> None:
    assert (key_of(series), level_of(series)) == (key, level)
