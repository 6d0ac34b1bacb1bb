"""Budgets by command: a table that can be read, errors that teach, amounts that are kept."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.ids import ConnectionId
from tenancy.tables import Client, SpendPlan
from tenancy.unscoped import TenantProfile
from tests.e2e.platform import Platform, Told
from tests.feature_repo.ledger import Account, Ledger, day
from tests.ml.spending.world import CURVES, tell

pytestmark = pytest.mark.anyio

PLAN: dict[str, Any] = {
    "tenant": "northwind",
    "client": "acme-shoes",
    "total": "20000",
    "currency": None,
    "measure": "revenue",
    "level": "channel",
    "at_least": [],
    "at_most": [],
    "max_step": "0.5",
    "least_return": None,
    "most_cost": None,
    "save": False,
}
SCENARIO = {key: PLAN[key] for key in ("tenant", "client", "currency", "measure", "level")} | {
    "spends": ["display=1000.50"]
}


@pytest.fixture(scope="module")
async def period(platform: Platform, northwind: TenantProfile) -> dict[str, str]:
    """Four weeks from today on, of a client that has told 150 days until yesterday."""
    today = platform.runtime.clock().date()
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        client = (await session.scalars(select(Client))).one()
    account = Account(northwind.tenant_id, client.id, ConnectionId(uuid7()))
    ledger = Ledger(platform.runtime.warehouse)
    await tell(ledger, account, CURVES, (today - day(0)).days - 1)
    last = today + (day(27) - day(0))
    return {"first": today.isoformat(), "last": last.isoformat()}


def _error(told: Told) -> tuple[str, str, str]:
    (error,) = told.errors
    assert told.exit_code == 1
    return error.code, error.message, error.hint


async def test_a_plan_is_a_table_with_advice_and_is_kept_when_asked(
    platform: Platform, northwind: TenantProfile, period: dict[str, str]
) -> None:
    told = await platform.command("budget.plan", **PLAN, **period)
    assert [row[0] for row in told.table] == ["display", "paid_search", "paid_social"]
    planned = [Decimal(row[3].replace(",", "")) for row in told.table]
    assert sum(planned) == Decimal(20000)
    assert {row[8] for row in told.table} == {"observed"}
    assert told.lines[0].startswith("move: it beats the current split with a probability of")
    assert "expected revenue in EUR: " in told.lines[1]
    assert any(line.startswith("binds: the total leaves 20,000.00 EUR") for line in told.lines)
    assert any(line.startswith("observational: ") for line in told.lines)
    assert told.lines[-1].endswith("lift tests: none")
    kept = await platform.command("budget.plan", **PLAN | {"save": True}, **period)
    assert kept.lines[-1].startswith("saved as planned spend: spl_")
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        rows = (await session.scalars(select(SpendPlan).order_by(SpendPlan.channel))).all()
    assert [(row.channel, row.amount) for row in rows] == [
        (row[0], amount) for row, amount in zip(kept.table, planned, strict=True)
    ]


async def test_a_scenario_is_a_table_with_what_it_brings(
    platform: Platform, period: dict[str, str]
) -> None:
    told = await platform.command("budget.scenario", **SCENARIO, **period)
    display, *rest = told.table
    assert display[3] == "1,000.50"
    assert all(row[2] == row[3] for row in rest)
    assert any(line.startswith("against going on: -") for line in told.lines)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"total": "lots"}, "TOTAL is 'lots': that is no number"),
        ({"max_step": "x"}, "--max-step is 'x': that is no number"),
        ({"level": "ad"}, "--by is 'ad'"),
        ({"measure": "sales"}, "--for is 'sales'"),
        ({"at_least": ["display"]}, "'display' names no amount"),
        ({"at_least": ["display=1", "display=2"]}, "--at-least names display twice"),
        ({"at_most": ["display=x"]}, "--at-most of display is 'x': that is no number"),
        ({"first": "today"}, "--from is 'today': that is not a day"),
    ],
)
async def test_what_cannot_be_meant_so_is_told(
    platform: Platform, period: dict[str, str], more: dict[str, Any], error: str
) -> None:
    told = await platform.command("budget.plan", **{**PLAN, **period, **more})
    code, message, hint = _error(told)
    assert (code, message) == ("INVALID_INPUT", error)
    assert hint


async def test_limits_that_contradict_are_named(platform: Platform, period: dict[str, str]) -> None:
    asked = PLAN | {"at_least": ["paid_search=15000", "paid_social=9000"], "max_step": "10"}
    code, message, _ = _error(await platform.command("budget.plan", **asked, **period))
    assert code == "BUDGET_IMPOSSIBLE"
    assert "'paid_search' gets at least 15,000.00 EUR more (4,000.00 EUR less would do)" in message
