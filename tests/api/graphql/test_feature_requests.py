"""Features on demand in GraphQL: worked out of stored ones and of what the question brings."""

import json
import uuid
from typing import Any

import pytest

from domain.ids import public_id
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE
from tests.api.graphql.edge import Agency, Edge
from tests.feature_repo.samples import feature_table

pytestmark = pytest.mark.anyio

PLAN = """
query Q($service: String! = "campaign_plan", $requests: [FeatureRequest!], $entities: [ID!],
        $clients: [ID!], $first: Int! = 100, $after: String) {
  features(service: $service, requests: $requests, entities: $entities, clients: $clients,
           first: $first, after: $after) {
    nodes {
      entity { id client { name } }
      status
      asOf
      values {
        __typename
        ... on CampaignPlan {
          plannedSpendRatio plannedClicks plannedAttributedRevenue { amount currency }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def _request(entity: str, plan: float | None) -> dict[str, Any]:
    return {"entity": entity, "plannedSpend7d": plan}


async def test_each_request_is_worked_out_with_its_own_number(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    own = f"{northwind.connections['acme']}:own"
    stored = {"currency": "EUR", "spend_7d": 30.0, "cpc_7d": 0.25, "attributed_roas_28d": 4.5}
    table = feature_table(
        CAMPAIGN_PERFORMANCE, northwind.clients["acme"], edge.clock(), {own: stored}
    )
    await edge.online.write(northwind.tenant_id, CAMPAIGN_PERFORMANCE, table)
    campaign = f"{northwind.connection('acme')}:own"
    requests = [_request(campaign, 60), _request(f"{campaign}x", 1), _request(campaign, 0)]
    nodes = (await edge.data(PLAN, token, requests=requests))["features"]["nodes"]
    assert [node["entity"]["id"] for node in nodes] == [one["entity"] for one in requests]
    assert [node["status"] for node in nodes] == ["PRESENT", "NOT_FOUND", "PRESENT"]
    assert [node["asOf"] for node in nodes] == [
        "2026-03-15T09:30:00+00:00",
        None,
        "2026-03-15T09:30:00+00:00",
    ]
    assert [node["values"] for node in nodes] == [
        {
            "__typename": "CampaignPlan",
            "plannedSpendRatio": 2,
            "plannedClicks": 240,
            "plannedAttributedRevenue": {"amount": "270.00", "currency": "EUR"},
        },
        None,
        {
            "__typename": "CampaignPlan",
            "plannedSpendRatio": 0,
            "plannedClicks": 0,
            "plannedAttributedRevenue": {"amount": "0.00", "currency": "EUR"},
        },
    ]


async def test_what_is_not_known_is_null(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    requests = [_request(f"{northwind.connection('acme')}:c2", 59.5)]  # its clicks are not stored
    [node] = (await edge.data(PLAN, token, requests=requests))["features"]["nodes"]
    assert node["values"] == {
        "__typename": "CampaignPlan",
        "plannedSpendRatio": 2,
        "plannedClicks": None,
        "plannedAttributedRevenue": None,
    }


async def test_requests_come_page_by_page(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    campaign = f"{northwind.connection('acme')}:c2"
    requests = [_request(campaign, 29.75 * number) for number in (1, 2, 3)]
    ratios, after = [], None
    for more in (True, False):
        page = (await edge.data(PLAN, token, requests=requests, first=2, after=after))["features"]
        ratios += [node["values"]["plannedSpendRatio"] for node in page["nodes"]]
        assert page["pageInfo"]["hasNextPage"] is more
        after = page["pageInfo"]["endCursor"]
    assert ratios == [1, 2, 3]
    assert (await edge.data(PLAN, token, requests=[]))["features"]["nodes"] == []


async def test_hidden_and_foreign_campaigns_are_not_worked_out(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    limited = await edge.token(northwind, "metrics:read", clients=("bolt",))
    hidden, seen = f"{northwind.connection('acme')}:c2", f"{northwind.connection('bolt')}:b1"
    foreign = f"{southwind.connection('zeta')}:z1"
    random = f"{public_id('con', edge.ids())}:z1"
    requests = [_request(one, 10) for one in (hidden, seen, foreign, random)]
    nodes = (await edge.data(PLAN, limited, requests=requests))["features"]["nodes"]
    assert [node["status"] for node in nodes] == [
        "NOT_FOUND",
        "PRESENT",
        "NOT_FOUND",
        "NOT_FOUND",
    ]
    assert nodes[0] | {"entity": None} == nodes[2] | {"entity": None} == nodes[3] | {"entity": None}
    whole = await edge.token(northwind, "metrics:read")
    bolt = [northwind.client("bolt")]
    nodes = (await edge.data(PLAN, whole, requests=requests[:2], clients=bolt))["features"]["nodes"]
    assert [node["status"] for node in nodes] == ["NOT_FOUND", "PRESENT"]


async def test_limited_application_needs_what_the_features_rest_on(
    edge: Edge, northwind: Agency
) -> None:
    ask = [_request(f"{northwind.connection('acme')}:c2", 10)]
    planned = ("planned_spend_ratio", "planned_clicks", "planned_attributed_revenue")
    rested_on = ("spend_7d", "cpc_7d", "attributed_roas_28d")
    token = await _token_for(edge, northwind, planned)
    error = await edge.error(PLAN, token, requests=ask)
    assert error["extensions"]["code"] == "INSUFFICIENT_SCOPE"
    token = await _token_for(edge, northwind, (*planned, *rested_on))
    assert len((await edge.data(PLAN, token, requests=ask))["features"]["nodes"]) == 1


async def _token_for(edge: Edge, agency: Agency, metrics: tuple[str, ...]) -> str:
    client_id = f"app_{uuid.uuid4().hex}"
    await edge.register(agency, client_id=client_id, scopes=("metrics:read",), metrics=metrics)
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": "s3cret",
    }
    token: str = (await edge.http.post("/oauth/token", data=form)).json()["access_token"]
    return token


HINT = 'requests: [{entity: "...", plannedSpend7d: 100}]'


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({}, "campaign_plan is worked out of what you bring", HINT),
        (
            {"requests": [_request("CAMPAIGN", 1)], "entities": ["CAMPAIGN"]},
            "requests name the entities already",
            "leave entities out",
        ),
        (
            {"service": "campaign_pacing_v1", "requests": []},
            "campaign_pacing_v1 is stored and takes no requests",
            "name entities; requests are for campaign_plan",
        ),
        (
            {"requests": [_request("CAMPAIGN", 1), _request("CAMPAIGN", None)]},
            "request 2 lacks plannedSpend7d",
            HINT,
        ),
        (
            {"requests": [_request("CAMPAIGN", -0.01)]},
            "plannedSpend7d of request 1 must be 0 or more, not -0.01",
            "Media cost planned for 7 days, in the currency of the account.",
        ),
        (
            {"requests": [_request("c2", 1)]},
            "'c2' is not an id of this kind",
            "ids of this kind look like con_ and 26 letters or digits",
        ),
    ],
)
async def test_what_cannot_be_worked_out_is_explained(
    edge: Edge, northwind: Agency, given: dict[str, Any], message: str, hint: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    campaign = f"{northwind.connection('acme')}:c2"
    text = json.dumps(given).replace("CAMPAIGN", campaign)
    error = await edge.error(PLAN, token, **json.loads(text))
    assert error["message"] == message
    assert error["extensions"] == {"code": "INVALID_INPUT", "hint": hint}


@pytest.mark.parametrize("plan", ['"100"', "true", "NaN"])
async def test_what_is_no_number_is_refused_by_its_type(
    edge: Edge, northwind: Agency, plan: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    request = f'{{entity: "CAMPAIGN", plannedSpend7d: {plan}}}'
    query = f"""{{ features(service: "campaign_plan", requests: [{request}]) {{
      nodes {{ status }} }} }}"""
    error = await edge.error(query, token)
    assert "Float cannot represent non numeric value" in error["message"]


async def test_what_is_no_finite_number_is_refused(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    query = """{ features(service: "campaign_plan", requests: [
      {entity: "x", plannedSpend7d: 1e400}]) { nodes { status } } }"""
    error = await edge.error(query, token)
    assert error["message"] == "plannedSpend7d of request 1 must be 0 or more, not inf"
