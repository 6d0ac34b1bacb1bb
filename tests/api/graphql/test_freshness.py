"""Freshness as clients of the gateway see it."""

import datetime as dt
from typing import Any

import pytest

from tenancy.tables import Connection, DueState, DueSync, MissCause
from tests.api.graphql.edge import START, Agency, Edge

pytestmark = pytest.mark.anyio

QUERY = """{ freshness { client { slug } source stream status coveredTo finalTo readyAt deadline
    predictedAt lastError } }"""
HOUR = dt.timedelta(hours=1)
DAY = dt.date(2026, 3, 14)


async def write_due(edge: Edge, agency: Agency, **changes: Any) -> None:
    """Acme's account is due for the next day."""
    async with edge.database.session(agency.tenant_id) as session:
        key = (agency.tenant_id, agency.connections["acme"])
        account = await session.get_one(Connection, key)
        account.created_at = START - 30 * 24 * HOUR
        session.add(
            DueSync(
                connection_id=account.id,
                day=DAY + dt.timedelta(days=1),
                source=account.source,
                ready_at=START,
                deadline_at=START + HOUR,
                typical_seconds=60,
                fastest_seconds=60,
                calls=1,
                state=DueState.WAITING,
                attempts=1,
                **changes,
            )
        )


async def foretell_miss(edge: Edge, agency: Agency) -> None:
    """It is expected too late, after a try that was refused."""
    await write_due(
        edge,
        agency,
        error_code="PROVIDER_UNAVAILABLE",
        error_message=f"{agency.canary}: Google Ads did not answer",
        expected_at=START + 2 * HOUR,
        miss_foretold_at=START,
        miss_cause=MissCause.OUTAGE,
    )


async def of_campaigns(edge: Edge, token: str, client: str) -> dict[str, Any]:
    data = await edge.data(QUERY, token)
    (found,) = [
        one
        for one in data["freshness"]
        if (one["stream"], one["client"]["slug"]) == ("campaign_day", client)
    ]
    return dict(found)


async def test_a_stream_is_fresh_until_a_deadline_passes_without_it(
    edge: Edge, northwind: Agency
) -> None:
    await write_due(edge, northwind, expected_at=START + HOUR)
    token = await edge.token(northwind, "metrics:read")
    assert await of_campaigns(edge, token, "acme") == {
        "client": {"slug": "acme"},
        "source": "google_ads",
        "stream": "campaign_day",
        "status": "FRESH",
        "coveredTo": "2026-03-14",
        "finalTo": None,  # thirty days are covered, and as many may change
        "readyAt": "2026-03-16T02:00:00+00:00",
        "deadline": "2026-03-16T07:00:00+00:00",
        "predictedAt": "2026-03-15T10:30:00+00:00",
        "lastError": None,
    }


async def test_a_predicted_miss_is_shown_and_its_error_to_who_may_see_it(
    edge: Edge, northwind: Agency
) -> None:
    await foretell_miss(edge, northwind)
    token = await edge.token(northwind, "metrics:read", "ingestion:read")
    found = await of_campaigns(edge, token, "acme")
    assert {name: found[name] for name in ("status", "predictedAt", "lastError")} == {
        "status": "PREDICTED_LATE",
        "predictedAt": "2026-03-15T11:30:00+00:00",
        "lastError": "canarynorthwind: Google Ads did not answer",
    }
    reader = await edge.token(northwind, "metrics:read")
    assert (await of_campaigns(edge, reader, "acme"))["lastError"] is None


async def test_a_limited_token_sees_its_clients_only(edge: Edge, northwind: Agency) -> None:
    await foretell_miss(edge, northwind)
    token = await edge.token(northwind, "metrics:read", "ingestion:read", clients=("bolt",))
    data = await edge.data(QUERY, token)
    assert {one["client"]["slug"] for one in data["freshness"]} == {"bolt"}
    assert "canary" not in str(data)
