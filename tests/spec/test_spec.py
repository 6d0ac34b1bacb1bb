"""Every specification on every engine."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import UserError
from domain.facts import FACTS
from domain.ids import TenantId
from domain.metrics.catalogue import build_catalogue
from domain.metrics.definition import Unit
from domain.ports import TenantScope
from domain.query.answer import Answer, answer
from domain.query.plan import PlanCache
from tests.spec.engines import DuckDbEngine
from tests.spec.reference import MixedCurrency, ReferenceAnswer, evaluate
from tests.spec.spec_file import Case, read_cases

CASES = read_cases(Path(__file__).parent)
PLANS = PlanCache()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def all_facts() -> dict[str, list[dict[str, Any]]]:
    """The tables of all cases, each under its own tenant."""
    return {
        fact: [
            {**row, "tenant_id": str(case.tenant_id)}
            for case in CASES
            for row in case.facts.get(fact, [])
        ]
        for fact in FACTS
    }


@pytest.fixture(scope="module")
def duckdb_engine() -> DuckDbEngine:
    return DuckDbEngine(all_facts())


async def ask(case: Case, engine: DuckDbEngine) -> Answer:
    assert case.request is not None
    return await answer(
        case.request,
        scope=TenantScope(TenantId(case.tenant_id)),
        catalogue=build_catalogue(case.metrics),
        warehouse=engine,
        plans=PLANS,
        reporting_currency="CHF",
    )


def expected(case: Case, cells: dict[str, str | None]) -> dict[str, Any]:
    """The cells of an expected row in the types of an answer."""
    catalogue = build_catalogue(case.metrics)
    types: dict[Unit, Any] = {Unit.COUNT: int, Unit.RATIO: float}
    row: dict[str, Any] = {}
    for name, cell in cells.items():
        info = catalogue.metrics.get(name.removesuffix("__base"))
        convert = str if info is None else types.get(info.unit, Decimal)
        row[name] = None if cell is None else convert(cell)
    return row


def shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if name == "date" else value for name, value in row.items()}


@pytest.mark.anyio
@each_case
async def test_duckdb(case: Case, duckdb_engine: DuckDbEngine) -> None:
    await check(case, duckdb_engine)


async def check(case: Case, engine: DuckDbEngine) -> None:
    if case.refusal:
        with pytest.raises(UserError) as raised:
            await ask(case, engine)
        assert raised.value.code == case.refusal
        assert str(raised.value) == case.message
        return
    found = await ask(case, engine)
    assert found.totals is not None
    assert case.rows is not None
    rows = [shown(row) for row in found.rows.to_pylist()]
    assert rows == [expected(case, row) for row in case.rows]
    if rows:
        assert found.rows.column_names == list(case.rows[0])
    assert found.has_next is case.has_next
    if case.totals is not None:
        assert shown(found.totals.to_pylist()[0]) == expected(case, case.totals)
    if case.currency:
        assert found.currency == case.currency


@each_case
def test_reference(case: Case) -> None:
    assert case.request is not None
    if case.refusal and case.refusal != "MIXED_CURRENCIES":
        return  # a matter of names, which the reference does not look at
    metrics = {name: info.metric for name, info in build_catalogue(case.metrics).metrics.items()}
    if case.refusal:
        with pytest.raises(MixedCurrency):
            evaluate(case.request, metrics, case.facts)
        return
    found: ReferenceAnswer = evaluate(case.request, metrics, case.facts)
    assert case.rows is not None
    assert [shown(row) for row in found.rows] == [expected(case, row) for row in case.rows]
    assert found.has_next is case.has_next
    if case.totals is not None:
        assert shown(found.totals) == expected(case, case.totals)
    if case.currency:
        assert (found.currency or "CHF") == case.currency


def test_covers_every_part_of_a_question() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
