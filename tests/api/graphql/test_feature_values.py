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


@given(st.floats(-1e28, 1e28) | st.integers(-(10**12), 10**12).map(lambda cents: cents / 100))
def test_amounts_are_written_as_decimals_are(value: float) -> None:
    assert _amount(value) == format_amount(Decimal(repr(value)))
