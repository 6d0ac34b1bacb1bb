"""Values of features are written as they are selected."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.feature_values import _amount
from domain.money import format_amount
from tests.api.graphql.edge import Agency, Edge

TWICE = """
query Q($entities: [ID!]) {
  features(service: "campaign_pacing_v1", entities: $entities) {
    nodes { values { ...Spend } }
    again: nodes {
      shown: values { ...Spend ... on ClientSalesV1 { shopCurrency } __typename
        ... on CampaignPacingV1 { spend7d { of: currency __typename } days: daysSinceSpend } }
    }
  }
}
fragment Spend on CampaignPacingV1 { spend7d { amount } }
"""


@pytest.mark.anyio
async def test_each_place_gets_what_it_selects(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    campaign = f"{northwind.connection('acme')}:c2"
    data = await edge.data(TWICE, token, entities=[campaign, f"{campaign}x"])
    assert data["features"] == {
        "nodes": [{"values": {"spend7d": {"amount": "29.75"}}}, {"values": None}],
        "again": [
            {
                "shown": {
                    "spend7d": {"amount": "29.75", "of": "EUR", "__typename": "Money"},
                    "__typename": "CampaignPacingV1",
                    "days": None,
                }
            },
            {"shown": None},
        ],
    }


NODES = """
query Q($entities: [ID!], $no: Boolean! = false) {
  features(service: "campaign_pacing_v1", entities: $entities) {
    nodes {
      is: __typename
      status asOf again: status
      who: entity { ...Who connection { __typename id } client @include(if: $no) { name } }
      entity { key: id }
      values @skip(if: true) { __typename }
      ... on EntityFeatures { values { ... on FeatureValues { __typename } } }
    }
  }
}
fragment Who on FeatureEntity { __typename client { __typename label: name } }
"""


@pytest.mark.anyio
async def test_a_page_is_written_as_it_is_selected(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    campaign = f"{northwind.connection('acme')}:c2"
    reply = await edge.ask(NODES, token, variables={"entities": [campaign, f"{campaign}x"]})
    answer = reply.json()
    present, missing = answer["data"]["features"]["nodes"]
    assert list(present) == ["is", "status", "asOf", "again", "who", "entity", "values"]
    assert present == {
        "is": "EntityFeatures",
        "status": "PRESENT",
        "asOf": "2026-03-15T09:30:00+00:00",
        "again": "PRESENT",
        "who": {
            "__typename": "FeatureEntity",
            "client": {"__typename": "Named", "label": "canarynorthwind acme"},
            "connection": {"__typename": "Named", "id": northwind.connection("acme")},
        },
        "entity": {"key": campaign},
        "values": {"__typename": "CampaignPacingV1"},
    }
    assert missing == {
        "is": "EntityFeatures",
        "status": "NOT_FOUND",
        "asOf": None,
        "again": "NOT_FOUND",
        "who": {"__typename": "FeatureEntity", "client": None, "connection": None},
        "entity": {"key": f"{campaign}x"},
        "values": None,
    }


@given(st.floats(-1e28, 1e28) | st.integers(-(10**12), 10**12).map(lambda cents: cents / 100))
def test_amounts_are_written_as_decimals_are(value: float) -> None:
    assert _amount(value) == format_amount(Decimal(repr(value)))
