"""Connections as their agency sees them."""

import datetime as dt

import pytest
from sqlalchemy import update

from tenancy.tables import Connection
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio


async def test_connections_say_when_access_ends(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    end = dt.datetime(2027, 1, 1, 9, 30, tzinfo=dt.UTC)
    async with edge.database.session(northwind.tenant_id) as session:
        await session.execute(
            update(Connection)
            .where(Connection.client_id == northwind.clients["acme"])
            .values(credentials_expire_at=end)
        )
    for agency, expected in (
        (northwind, ["2027-01-01T09:30:00+00:00", None]),
        (southwind, [None]),
    ):
        token = await edge.token(agency, "ingestion:read")
        data = await edge.data("{ connections { label expiresAt } }", token)
        assert [node["expiresAt"] for node in data["connections"]] == expected


async def test_a_sync_says_how_many_rows_were_about_people_who_are_erased(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "ingestion:read")
    data = await edge.data("{ syncs(first: 1) { nodes { rows quarantined screened } } }", token)
    assert data["syncs"]["nodes"] == [{"rows": 60, "quarantined": 1, "screened": 4}]
