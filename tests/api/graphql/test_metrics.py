"""The field `metrics`, from HTTP to DuckDB."""

import pytest

from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio


async def test_answers_by_channel_with_totals(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    data = await edge.data(
        """{ metrics(period: {last: 30}, orderBy: [{field: spend, direction: DESC}]) {
             rows { channel spend { amount currency } clicks impressions roas }
             totals { spend { amount } roas }
             currency pageInfo { hasNextPage endCursor }
        } }""",
        token,
    )
    assert data == {
        "metrics": {
            "rows": [
                {
                    "channel": "PAID_SEARCH",
                    "spend": {"amount": "315.00", "currency": "EUR"},
                    "clicks": 3000,
                    "impressions": 3_000_000_000_000,
                    "roas": 5.714285714286,
                },
                {
                    "channel": "PAID_SOCIAL",
                    "spend": {"amount": "127.50", "currency": "EUR"},
                    "clicks": 1500,
                    "impressions": 1_500_000_000_000,
                    "roas": None,
                },
                {
                    "channel": "EMAIL",
                    "spend": {"amount": "1.00", "currency": "EUR"},
                    "clicks": 7,
                    "impressions": 7_000_000_000,
                    "roas": None,
                },
            ],
            "totals": {"spend": {"amount": "443.50"}, "roas": 4.058624577227},
            "currency": "EUR",
            "pageInfo": {"hasNextPage": False, "endCursor": "cG9zaXRpb246Mw=="},
        }
    }
