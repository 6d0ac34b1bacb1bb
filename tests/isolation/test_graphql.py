"""Another agency's ids, and clients that a token does not show, through the gateway."""

import pytest

from domain.ids import public_id
from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, northwind, southwind

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

pytestmark = pytest.mark.anyio

BY_CLIENT = """query Q($client: ID!) {
  metrics(period: {month: "2026-03"}, where: {client: {in: [$client]}}) { totals { clicks } } }"""
BY_CONNECTION = """query Q($connection: ID!) {
  metrics(period: {month: "2026-03"}, where: {connection: {in: [$connection]}}) {
    totals { clicks } } }"""


async def test_a_foreign_client_is_as_unknown_as_a_random_one(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    foreign, random = southwind.client("zeta"), public_id("cli", edge.ids())
    refused = await edge.error(BY_CLIENT, token, client=foreign)
    unknown = await edge.error(BY_CLIENT, token, client=random)
    assert refused == {
        "message": f"'{foreign}' is not a client of this agency",
        "path": ["metrics"],
        "extensions": {"code": "NOT_FOUND", "hint": "clients lists them"},
    }
    assert {**unknown, "message": ""} == {**refused, "message": ""}
    assert unknown["message"] == refused["message"].replace(foreign, random)


async def test_a_foreign_connection_is_as_unknown_as_a_random_one(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    foreign, random = southwind.connection("zeta"), public_id("con", edge.ids())
    refused = await edge.error(BY_CONNECTION, token, connection=foreign)
    unknown = await edge.error(BY_CONNECTION, token, connection=random)
    assert refused["extensions"] == {"code": "NOT_FOUND", "hint": "connections lists them"}
    assert unknown["message"] == refused["message"].replace(foreign, random)


async def test_a_foreign_connection_has_no_syncs(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    token = await edge.token(northwind, "ingestion:read")
    query = "query Q($id: ID!) { syncs(connection: $id) { nodes { id } } }"
    data = await edge.data(query, token, id=southwind.connection("zeta"))
    assert data == {"syncs": {"nodes": []}}


async def test_a_foreign_campaign_filter_finds_nothing(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    query = """query Q($id: ID!) { metrics(period: {month: "2026-03"},
      where: {campaign: {in: [$id]}}) { totals { clicks } } }"""
    data = await edge.data(query, token, id=f"{southwind.connection('zeta')}:z1")
    assert data == {"metrics": {"totals": {"clicks": None}}}


async def test_a_limited_token_shows_its_clients_only(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read", "ingestion:read", clients=("bolt",))
    data = await edge.data(
        """{ clients { slug } connections { label } syncs { nodes { id } }
             quarantine { nodes { id } } freshness { client { slug } coveredTo }
             metrics(period: {month: "2026-03"}) { rows { client { name } clicks }
                                                   totals { clicks } }
             me { isLimitedToClients } }""",
        token,
    )
    freshness = data.pop("freshness")
    assert {(one["client"]["slug"], one["coveredTo"]) for one in freshness} == {("bolt", None)}
    assert data == {
        "clients": [{"slug": "bolt"}],
        "connections": [{"label": "canarynorthwind ads of bolt"}],
        "syncs": {"nodes": []},
        "quarantine": {"nodes": []},
        "metrics": {
            "rows": [{"client": {"name": "canarynorthwind bolt"}, "clicks": 7}],
            "totals": {"clicks": 7},
        },
        "me": {"isLimitedToClients": True},
    }


async def test_a_limited_token_does_not_know_other_clients(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read", clients=("bolt",))
    error = await edge.error(BY_CLIENT, token, client=northwind.client("acme"))
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_own_metrics_of_another_agency_are_no_fields(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    writer = await edge.token(northwind, "metrics:read", "metrics:write")
    reader = await edge.token(southwind, "metrics:read")
    define = 'mutation { defineMetric(input: {definition: "metric: secret_margin\\nis: spend * 2"})'
    await edge.data(define + " { __typename } }", writer)
    query = '{ metrics(period: {month: "2026-03"}) { totals { secretMargin { amount } } } }'
    assert (await edge.data(query, writer))["metrics"] is not None
    error = await edge.error(query, reader)
    assert error["message"] == "Cannot query field 'secretMargin' on type 'MetricsTotals'."
    reply = await edge.ask("{ metricDefinitions { name } }", reader)
    assert "secret" not in reply.text
