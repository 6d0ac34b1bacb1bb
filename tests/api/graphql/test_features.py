"""`features` and `featureServices`: typed values, pages, and nothing that is not the caller's."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.ids import public_id
from feature_repo.catalogue import Catalogues, none_registered
from feature_repo.feature_services import SERVICES
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from tenancy.redis_server import RedisServer
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

PACING = """
query Q($entities: [ID!], $clients: [ID!], $first: Int! = 100, $after: String) {
  features(service: "campaign_pacing_v1", entities: $entities, clients: $clients,
           first: $first, after: $after) {
    nodes {
      entity { id client { id name } connection { id name } }
      status
      asOf
      values { ... on CampaignPacingV1 { currency spend7d { amount currency } spendTrend7d } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
IDS = """
query Q($service: String!, $first: Int! = 100, $after: String, $clients: [ID!]) {
  features(service: $service, first: $first, after: $after, clients: $clients) {
    nodes { entity { id } status } pageInfo { hasNextPage endCursor } } }
"""


def _ids(data: Any) -> list[str]:
    assert {node["status"] for node in data["features"]["nodes"]} <= {"PRESENT"}
    return [node["entity"]["id"] for node in data["features"]["nodes"]]


async def test_values_are_typed_and_amounts_have_a_currency(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    campaign = f"{northwind.connection('acme')}:c2"
    data = await edge.data(PACING, token, entities=[campaign])
    assert data["features"]["nodes"] == [
        {
            "entity": {
                "id": campaign,
                "client": {"id": northwind.client("acme"), "name": "canarynorthwind acme"},
                "connection": {
                    "id": northwind.connection("acme"),
                    "name": "canarynorthwind ads of acme",
                },
            },
            "status": "PRESENT",
            "asOf": "2026-03-15T09:30:00+00:00",
            "values": {
                "currency": "EUR",
                "spend7d": {"amount": "29.75", "currency": "EUR"},
                "spendTrend7d": None,
            },
        }
    ]


async def test_a_client_is_its_own_entity(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    query = """{ features(service: "client_funnel_v1") { nodes {
      entity { id client { name } connection { id } }
      values { __typename ... on ClientFunnelV1 { averageOrderValue28d { amount currency }
        sessions28d ordersPerSession28d } } } } }"""
    nodes = (await edge.data(query, token))["features"]["nodes"]
    assert [node["entity"] for node in nodes] == [
        {
            "id": northwind.client(slug),
            "client": {"name": f"canarynorthwind {slug}"},
            "connection": None,
        }
        for slug in ("acme", "bolt")
    ]
    assert nodes[0]["values"] == {
        "__typename": "ClientFunnelV1",
        "averageOrderValue28d": {"amount": "66.666666667", "currency": "EUR"},
        "sessions28d": None,
        "ordersPerSession28d": None,
    }


async def test_pages_follow_each_other(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    acme, bolt = northwind.connection("acme"), northwind.connection("bolt")
    expected = [f"{acme}:c1", f"{acme}:c2", f"{bolt}:b1"]
    assert _ids(await edge.data(IDS, token, service="campaign_pacing_v1")) == expected
    after, seen = None, []
    for more in (True, False):
        data = await edge.data(IDS, token, service="campaign_pacing_v1", first=2, after=after)
        seen += _ids(data)
        assert data["features"]["pageInfo"]["hasNextPage"] is more
        after = data["features"]["pageInfo"]["endCursor"]
    assert seen == expected
    past = await edge.data(IDS, token, service="campaign_pacing_v1", after=after)
    assert past["features"] == {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


async def test_asked_entities_come_in_their_order_page_by_page(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    acme = northwind.connection("acme")
    asked = [f"{acme}:c2", f"{acme}:nobody", f"{acme}:c1"]
    first = (await edge.data(PACING, token, entities=asked, first=2))["features"]
    assert [(node["entity"]["id"], node["status"]) for node in first["nodes"]] == [
        (asked[0], "PRESENT"),
        (asked[1], "NOT_FOUND"),
    ]
    assert first["nodes"][1] == {
        "entity": {"id": asked[1], "client": None, "connection": None},
        "status": "NOT_FOUND",
        "asOf": None,
        "values": None,
    }
    after = first["pageInfo"]["endCursor"]
    second = (await edge.data(PACING, token, entities=asked, first=2, after=after))["features"]
    assert [node["entity"]["id"] for node in second["nodes"]] == asked[2:]
    assert second["pageInfo"]["hasNextPage"] is False
    assert (await edge.data(PACING, token, entities=[]))["features"]["nodes"] == []


async def test_values_past_their_ttl_are_not_shown(edge: Edge, northwind: Agency) -> None:
    edge.clock.advance(days=3, seconds=1)
    token = await edge.token(northwind, "metrics:read")
    data = await edge.data(PACING, token, entities=[f"{northwind.connection('acme')}:c1"])
    [node] = data["features"]["nodes"]
    assert (node["status"], node["values"]) == ("NOT_FOUND", None)


async def test_only_some_clients(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    bolt = [northwind.client("bolt")]
    for service, expected in (
        ("campaign_pacing_v1", [f"{northwind.connection('bolt')}:b1"]),
        ("client_sales_v1", bolt),
    ):
        assert _ids(await edge.data(IDS, token, service=service, clients=bolt)) == expected
        assert _ids(await edge.data(IDS, token, service=service, clients=[])) == []
    campaign = f"{northwind.connection('acme')}:c1"
    data = await edge.data(PACING, token, entities=[campaign], clients=bolt)
    assert [node["status"] for node in data["features"]["nodes"]] == ["NOT_FOUND"]


async def test_a_limited_token_sees_its_clients_only(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read", clients=("bolt",))
    hidden = [f"{northwind.connection('acme')}:c1", f"{northwind.connection('bolt')}:b1"]
    data = await edge.data(PACING, token, entities=hidden)
    assert [node["status"] for node in data["features"]["nodes"]] == ["NOT_FOUND", "PRESENT"]
    assert _ids(await edge.data(IDS, token, service="campaign_pacing_v1")) == hidden[1:]
    assert _ids(await edge.data(IDS, token, service="client_sales_v1")) == [
        northwind.client("bolt")
    ]
    error = await edge.error(PACING, token, clients=[northwind.client("acme")])
    assert error["extensions"] == {"code": "NOT_FOUND", "hint": "clients lists them"}


async def test_a_foreign_entity_is_as_unknown_as_a_random_one(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    foreign = f"{southwind.connection('zeta')}:z1"
    random = f"{public_id('con', edge.ids())}:z1"
    there = await edge.data(PACING, await edge.token(southwind, "metrics:read"), entities=[foreign])
    assert [node["status"] for node in there["features"]["nodes"]] == ["PRESENT"]
    nodes = (await edge.data(PACING, token, entities=[foreign, random]))["features"]["nodes"]
    assert nodes[0]["status"] == "NOT_FOUND"
    nodes[1]["entity"]["id"] = foreign
    assert nodes[0] == nodes[1]
    refused = await edge.error(PACING, token, clients=[southwind.client("zeta")])
    unknown = public_id("cli", edge.ids())
    told = await edge.error(PACING, token, clients=[unknown])
    assert refused["extensions"] == told["extensions"]
    assert refused["message"].replace(southwind.client("zeta"), unknown) == told["message"]
    assert told["message"] == f"'{unknown}' is not a client of this agency"


@pytest.mark.parametrize(
    ("given", "code", "message", "hint"),
    [
        (
            {"service": "campaign_pacing"},
            "NOT_FOUND",
            "there is no feature service 'campaign_pacing'",
            "did you mean campaign_pacing_v1 or campaign_plan or campaign_response_v1?",
        ),
        (
            {"service": "weather"},
            "NOT_FOUND",
            "there is no feature service 'weather'",
            "featureServices lists them",
        ),
        (
            {"service": "client_sales_v1", "first": 501},
            "INVALID_INPUT",
            "first must be between 1 and 500, not 501",
            "follow pageInfo.endCursor for more",
        ),
        (
            {"service": "client_sales_v1", "clients": ["acme"]},
            "INVALID_INPUT",
            "'acme' is not an id of this kind",
            "ids of this kind look like cli_ and 26 letters or digits",
        ),
    ],
)
async def test_impossible_questions_are_explained(
    edge: Edge, northwind: Agency, given: dict[str, Any], code: str, message: str, hint: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    error = await edge.error(IDS, token, **given)
    assert error == {
        "message": message,
        "path": ["features"],
        "extensions": {"code": code, "hint": hint},
    }


@pytest.mark.parametrize("text", ["c1", "", ":c1", "con_x:c1", "cli_0000000000000000000000000a:c"])
async def test_what_is_no_id_is_told(edge: Edge, northwind: Agency, text: str) -> None:
    token = await edge.token(northwind, "metrics:read")
    error = await edge.error(PACING, token, entities=[text])
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert error["message"].endswith("is not an id of this kind")


async def test_a_lost_redis_hides_its_reason(
    edge: Edge, northwind: Agency, dead_redis: RedisServer
) -> None:
    token = await edge.token(northwind, "metrics:read")
    lost = FeatureReader(
        OnlineFeatures(dead_redis, edge.clock), Catalogues(none_registered, edge.clock)
    )
    with capture_logs() as logs:
        error = await edge.with_services(features=lost).error(IDS, token, service="client_sales_v1")
    assert [entry["event"] for entry in logs] == ["request_failed"]
    assert error["message"] == "something went wrong on our side"
    assert error["extensions"]["code"] == "REDIS_UNAVAILABLE"


async def test_the_catalogue_tells_every_feature(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    query = """{ featureServices { name description entity valuesType ttlSeconds
      features { name field description unit type } requests { name field description } } }"""
    services = (await edge.data(query, token))["featureServices"]
    assert [service["name"] for service in services] == [*SERVICES, "campaign_plan"]
    pacing = services[0]
    assert {key: pacing[key] for key in pacing if key != "features"} == {
        "name": "campaign_pacing_v1",
        "description": "How fast a campaign spends, and whether that changes.",
        "entity": "campaign",
        "valuesType": "CampaignPacingV1",
        "ttlSeconds": 259_200,
        "requests": [],
    }
    assert pacing["features"][1] == {
        "name": "spend_7d",
        "field": "spend7d",
        "description": "Media cost, last 7 days.",
        "unit": "MONEY",
        "type": "FLOAT64",
    }
    plan = services[-1]
    assert (plan["entity"], plan["valuesType"]) == ("campaign", "CampaignPlan")
    assert [feature["field"] for feature in plan["features"]] == [
        "plannedSpendRatio",
        "plannedClicks",
        "plannedAttributedRevenue",
    ]
    assert plan["requests"] == [
        {
            "name": "planned_spend_7d",
            "field": "plannedSpend7d",
            "description": "Media cost planned for 7 days, in the currency of the account.",
        }
    ]
