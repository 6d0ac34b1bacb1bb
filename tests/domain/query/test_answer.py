import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa
import pytest

from domain.ids import ClientId, TenantId
from domain.metrics.catalogue import build_catalogue
from domain.ports import Parameter, Statement, TenantScope
from domain.query.answer import Answer, MixedCurrencyError, answer
from domain.query.notices import Notice, NoticeCode
from domain.query.plan import PlanCache
from domain.query.request import CompareTo, Comparison, MetricRequest
from domain.time_window import DateRange, Grain

MARCH = DateRange(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
TENANT = TenantId(uuid.UUID(int=1))
SCOPE = TenantScope(TENANT)
REQUEST = MetricRequest(("spend", "clicks"), MARCH, ("channel",), Grain.DAY, totals=True)


@dataclass
class FakeWarehouse:
    """Gives back prepared tables and counts how often it is asked."""

    tables: list[pa.Table]
    runs: list[Mapping[str, Parameter]] = field(default_factory=list)

    async def run(
        self, scope: TenantScope, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        assert scope.tenant_id == TENANT
        assert statement.tables == {"marts.ads_daily"}
        self.runs.append(parameters)
        return self.tables[(len(self.runs) - 1) % len(self.tables)]


@dataclass
class FakeAnswerCache:
    """Keeps answers in a dictionary."""

    entries: dict[str, bytes] = field(default_factory=dict)

    async def get(self, scope: TenantScope, key: str) -> bytes | None:
        assert scope.tenant_id == TENANT
        return self.entries.get(key)

    async def put(self, scope: TenantScope, key: str, value: bytes) -> None:
        assert scope.tenant_id == TENANT
        self.entries[key] = value


def rows(count: int = 2, currencies: tuple[str | None, str | None] = ("EUR", "EUR")) -> pa.Table:
    return pa.table(
        {
            "date": pa.array([dt.date(2026, 3, 1)] * count, pa.date32()),
            "channel": pa.array([f"c{n}" for n in range(count)]),
            "spend": pa.array([Decimal("1.5")] * count, pa.decimal128(38, 9)),
            "clicks": pa.array([3] * count, pa.int32()),
            "currency__min": pa.array([currencies[0]] * count, pa.string()),
            "currency__max": pa.array([currencies[1]] * count, pa.string()),
        }
    )


def totals(currencies: tuple[str | None, str | None] = ("EUR", "EUR")) -> pa.Table:
    return rows(1, currencies).drop_columns(["date", "channel"])


async def ask(
    warehouse: FakeWarehouse,
    request: MetricRequest = REQUEST,
    cache: FakeAnswerCache | None = None,
    scope: TenantScope = SCOPE,
    data_version: str = "v1",
) -> Answer:
    return await answer(
        request,
        scope=scope,
        catalogue=build_catalogue(),
        warehouse=warehouse,
        plans=PlanCache(),
        reporting_currency="CHF",
        cache=cache,
        data_version=data_version,
    )


@pytest.mark.anyio
async def test_columns_have_the_types_of_their_units() -> None:
    found = await ask(FakeWarehouse([rows(), totals()]))
    assert found.rows.schema == pa.schema(
        {
            "date": pa.date32(),
            "channel": pa.string(),
            "spend": pa.decimal128(38, 9),
            "clicks": pa.int64(),
        }
    )
    assert found.totals is not None
    assert found.totals.to_pylist() == [{"spend": Decimal("1.5"), "clicks": 3}]
    assert found.statement.tables == {"marts.ads_daily"}


@pytest.mark.anyio
async def test_one_row_more_than_asked_means_another_page() -> None:
    request = MetricRequest(("spend", "clicks"), MARCH, ("channel",), Grain.DAY, limit=2)
    found = await ask(FakeWarehouse([rows(3)]), request)
    assert (found.rows.num_rows, found.has_next) == (2, True)
    found = await ask(FakeWarehouse([rows(2)]), request)
    assert (found.rows.num_rows, found.has_next) == (2, False)
    assert found.totals is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tables", "currency"),
    [
        ([rows(), totals()], "EUR"),
        ([rows(0), totals((None, None))], "CHF"),
        ([rows(0), totals(("USD", "USD"))], "USD"),
        ([rows(2, (None, None)), totals((None, None))], "CHF"),
    ],
)
async def test_names_the_currency(tables: list[pa.Table], currency: str) -> None:
    assert (await ask(FakeWarehouse(tables))).currency == currency


@pytest.mark.anyio
@pytest.mark.parametrize(
    "tables",
    [[rows(1, ("EUR", "USD")), totals(("EUR", "USD"))], [rows(0), totals(("EUR", "USD"))]],
)
async def test_refuses_mixed_currencies(tables: list[pa.Table]) -> None:
    cache = FakeAnswerCache()
    with pytest.raises(MixedCurrencyError) as raised:
        await ask(FakeWarehouse(tables), cache=cache)
    assert str(raised.value) == (
        "the amounts are in EUR and USD, which cannot be added "
        "(filter by currency, or by clients that share one)"
    )
    assert cache.entries == {}


@pytest.mark.anyio
async def test_counts_have_no_currency_columns() -> None:
    table = pa.table({"clicks": pa.array([3])})
    found = await ask(FakeWarehouse([table]), MetricRequest(("clicks",), MARCH, totals=True))
    assert found.currency == "CHF"
    assert found.totals is not None
    assert found.totals.to_pylist() == found.rows.to_pylist() == [{"clicks": 3}]


@pytest.mark.anyio
async def test_a_kept_answer_is_the_same_answer() -> None:
    cache = FakeAnswerCache()
    warehouse = FakeWarehouse([rows(3), totals()])
    first = await ask(warehouse, cache=cache)
    second = await ask(warehouse, cache=cache)
    assert len(warehouse.runs) == 2  # rows and totals, once
    assert second.rows.equals(first.rows)
    assert second.totals is not None
    assert second.totals.equals(first.totals)
    assert (second.currency, second.has_next) == (first.currency, first.has_next)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("change", "scope"),
    [
        ({"data_version": "v2"}, SCOPE),
        ({}, TenantScope(TENANT, frozenset())),
        ({}, TenantScope(TENANT, frozenset({ClientId(uuid.UUID(int=2))}))),
    ],
)
async def test_a_kept_answer_serves_nothing_else(
    change: dict[str, str], scope: TenantScope
) -> None:
    cache = FakeAnswerCache()
    warehouse = FakeWarehouse([rows(), totals()])
    await ask(warehouse, cache=cache)
    await ask(warehouse, cache=cache, scope=scope, data_version=change.get("data_version", "v1"))
    assert len(warehouse.runs) == 4
    assert len(cache.entries) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    "other",
    [
        MetricRequest(("spend", "clicks"), MARCH.shifted(1), ("channel",), Grain.DAY, totals=True),
        MetricRequest(("spend", "clicks"), MARCH, ("channel",), Grain.DAY, limit=5, totals=True),
        MetricRequest(("spend", "clicks"), MARCH, ("channel",), Grain.DAY),
    ],
)
async def test_another_question_has_another_answer(other: MetricRequest) -> None:
    cache = FakeAnswerCache()
    warehouse = FakeWarehouse([rows(), totals()])
    await ask(warehouse, cache=cache)
    await ask(warehouse, other, cache=cache)
    assert len(cache.entries) == 2


def claims(least: str | None, greatest: str | None) -> pa.Table:
    bounds = {"claim__0__min": [least], "claim__0__max": [greatest]}
    return pa.table({"conversions": pa.array([None], pa.decimal128(38, 9)), **bounds})


@pytest.mark.anyio
async def test_a_kept_answer_keeps_its_notices() -> None:
    cache = FakeAnswerCache()
    warehouse = FakeWarehouse([claims("google_ads:30d", "meta_ads:7d")])
    request = MetricRequest(("conversions",), MARCH)
    first = await ask(warehouse, request, cache=cache)
    second = await ask(warehouse, request, cache=cache)
    assert len(warehouse.runs) == 1
    assert first.rows.column_names == ["conversions"]
    assert second.notices == first.notices
    assert first.notices == (
        Notice(
            NoticeCode.MIXED_ATTRIBUTION,
            ("conversions",),
            "conversions is empty where claims of different attribution meet, google_ads:30d and "
            "meta_ads:7d among them: they may tell of the same sale",
            "split or filter by attribution, source or connection",
        ),
    )


@pytest.mark.anyio
async def test_no_notice_where_nothing_is_mixed() -> None:
    strings = pa.schema({"conversions": pa.decimal128(38, 9)} | _STRINGS)
    warehouse = FakeWarehouse([claims(None, None).cast(strings)])
    assert (await ask(warehouse, MetricRequest(("conversions",), MARCH))).notices == ()


_STRINGS = dict.fromkeys(("claim__0__min", "claim__0__max"), pa.string())


@pytest.mark.anyio
async def test_a_comparison_has_base_columns() -> None:
    table = totals().append_column("spend__base", totals().column("spend"))
    request = MetricRequest(("spend",), MARCH, comparison=Comparison(CompareTo.PREVIOUS_PERIOD))
    found = await ask(FakeWarehouse([table]), request)
    assert found.rows.column_names == ["spend", "spend__base"]
