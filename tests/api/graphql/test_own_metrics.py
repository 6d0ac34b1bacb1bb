"""An agency's own metrics: defined, queried, retired."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from tenancy.session import Database, DatabaseConfig
from tenancy.tables import AuditEntry, MetricDefinition
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

DEFINE = """mutation D($yaml: String!) { defineMetric(input: {definition: $yaml}) {
  ... on MetricDefined { revision metric { name field unit additivity owner definition } }
  ... on DefineMetricError { code message hint } } }"""
RETIRE = """mutation R($name: String!) { retireMetric(name: $name) {
  ... on MetricRetired { name } ... on RetireMetricError { code message hint } } }"""
MARGIN = """
metric: contribution_margin
label: Contribution margin
is: revenue * (1 - cogs_rate) - spend
let: {cogs_rate: 0.4}
"""
ASK = """{ metrics(period: {month: "2026-03"}) { totals { contributionMargin { amount } } } }"""


@pytest.fixture
async def writer(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "metrics:read", "metrics:write")


async def define(edge: Edge, token: str, yaml: str) -> Any:
    return (await edge.data(DEFINE, token, yaml=yaml))["defineMetric"]


async def retire(edge: Edge, token: str, name: str) -> Any:
    return (await edge.data(RETIRE, token, name=name))["retireMetric"]


async def test_a_metric_is_a_typed_field_at_once(edge: Edge, writer: str) -> None:
    error = await edge.error(ASK, writer)
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert await define(edge, writer, MARGIN) == {
        "revision": 1,
        "metric": {
            "name": "contribution_margin",
            "field": "contributionMargin",
            "unit": "MONEY",
            "additivity": "FULL",
            "owner": "AGENCY",
            "definition": "metric: contribution_margin\n"
            "label: Contribution margin\n"
            "description: Contribution margin, defined by the agency.\n"
            "is: revenue * (1 - cogs_rate) - spend\n"
            "let: {cogs_rate: 0.4}\n"
            "owner: agency\n",
        },
    }
    # 14 days: revenue 840, spend 14 * 14.75 + 1.00
    assert await edge.data(ASK, writer) == {
        "metrics": {"totals": {"contributionMargin": {"amount": "296.50"}}}
    }


async def test_the_deed_is_audited(edge: Edge, northwind: Agency, writer: str) -> None:
    await define(edge, writer, MARGIN)
    await retire(edge, writer, "contribution_margin")
    async with edge.database.session(northwind.tenant_id) as session:
        entries = list(await session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
    told = [(entry.action, entry.object_kind, entry.object_id, entry.details) for entry in entries]
    assert told == [
        ("metric.defined", "metric", "contribution_margin", {"revision": 1}),
        ("metric.retired", "metric", "contribution_margin", {}),
    ]
    assert all(entry.actor.startswith("client:app_") for entry in entries)


async def test_a_new_revision_replaces_the_old_one(edge: Edge, writer: str) -> None:
    await define(edge, writer, MARGIN)
    changed = await define(edge, writer, MARGIN.replace("0.4", "0.5"))
    assert changed["revision"] == 2
    data = await edge.data(ASK, writer)
    assert data["metrics"]["totals"]["contributionMargin"] == {"amount": "212.50"}


@pytest.mark.parametrize(
    ("yaml", "code", "message"),
    [
        (
            "metric: spend\nis: revenue",
            "INVALID_NAME",
            "'spend' is already a metric of every agency",
        ),
        ("metric: m\nis: revenue + clicks", "INVALID_METRIC", ""),
        ("metric: m\nis: revenu", "INVALID_METRIC", ""),
        ("metric: m\nis: m", "INVALID_METRIC", ""),
        ("metric: m", "INVALID_METRIC", "line 1, field metric: m needs one of"),
        ("- a", "INVALID_METRIC", "line 1: a definition is a mapping of fields"),
    ],
)
async def test_a_bad_definition_changes_nothing(
    edge: Edge, northwind: Agency, writer: str, yaml: str, code: str, message: str
) -> None:
    refused = await define(edge, writer, yaml)
    assert refused["code"] == code
    assert refused["message"].startswith(message)
    async with edge.database.session(northwind.tenant_id) as session:
        assert list(await session.scalars(select(MetricDefinition))) == []
        assert list(await session.scalars(select(AuditEntry))) == []


async def test_a_metric_that_others_are_made_of_stays(edge: Edge, writer: str) -> None:
    await define(edge, writer, MARGIN)
    await define(edge, writer, "metric: margin_rate\nis: contribution_margin / revenue")
    refused = await retire(edge, writer, "contribution_margin")
    assert refused["code"] == "CONFLICT"
    assert refused["message"].startswith("another metric is made of 'contribution_margin': ")
    assert await retire(edge, writer, "margin_rate") == {"name": "margin_rate"}
    assert await retire(edge, writer, "contribution_margin") == {"name": "contribution_margin"}
    error = await edge.error(ASK, writer)
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_core_metrics_are_not_retired(edge: Edge, writer: str) -> None:
    assert await retire(edge, writer, "spend") == {
        "code": "NOT_FOUND",
        "message": "'spend' is not a metric of this agency",
        "hint": "it has none of its own, and core metrics cannot be retired",
    }


async def test_another_process_sees_it_within_half_a_second(
    edge: Edge, northwind: Agency, writer: str, database_url: str
) -> None:
    await edge.error(ASK, writer)  # the state is known now
    other = Database(DatabaseConfig(database_url))
    async with other.session(northwind.tenant_id) as session:
        session.add(
            MetricDefinition(
                id=edge.ids(),
                name="contribution_margin",
                definition={"yaml": MARGIN},
                revision=1,
                created_at=edge.clock(),
                retired_at=None,
            )
        )
    await other.close()
    edge.clock.advance(seconds=0.49)
    await edge.error(ASK, writer)
    edge.clock.advance(seconds=0.01)
    await edge.data(ASK, writer)


async def test_a_definition_that_no_longer_fits_does_not_take_the_others_away(
    edge: Edge, northwind: Agency, writer: str
) -> None:
    async with edge.database.session(northwind.tenant_id) as session:
        for name, yaml in (
            ("spend", "metric: spend\nis: revenue"),
            ("on_spend", "metric: on_broken\nis: broken * 2"),
            ("broken", "metric: broken\nis: gone"),
            ("unreadable", ":"),
            ("contribution_margin", MARGIN),
        ):
            session.add(
                MetricDefinition(
                    id=edge.ids(),
                    name=name,
                    definition={"yaml": yaml},
                    revision=1,
                    created_at=edge.clock(),
                    retired_at=None,
                )
            )
    await edge.data(ASK, writer)
    data = await edge.data("{ metricDefinitions { name owner } }", writer)
    own = [one["name"] for one in data["metricDefinitions"] if one["owner"] == "AGENCY"]
    assert own == ["contribution_margin"]


async def test_two_definitions_at_once_cannot_collide(edge: Edge, writer: str) -> None:
    first, second = await asyncio.gather(
        define(edge, writer, "metric: own_one\nis: spend * 2"),
        define(edge, writer, "metric: own_one\nis: spend * 3"),
    )
    assert sorted([first["revision"], second["revision"]]) == [1, 2]
