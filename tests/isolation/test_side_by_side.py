"""Two agencies at the same moment, on one edge that knows neither yet: each is itself."""

import asyncio

import pytest

from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, northwind, southwind

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

pytestmark = pytest.mark.anyio

WHO = "{ me { tenant { slug name } } clients { slug } metricDefinitions { name } }"


async def test_agencies_that_come_at_once_are_told_apart(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    tokens = {
        agency.slug: await edge.token(agency, "metrics:read") for agency in (northwind, southwind)
    }
    for _ in range(3):
        edge.clock.advance(seconds=1)  # what is known of an agency is read again
        turns = [*tokens.items()] * 8
        answers = await asyncio.gather(*(edge.data(WHO, token) for _, token in turns))
        for (slug, _), answer in zip(turns, answers, strict=True):
            assert answer["me"]["tenant"]["slug"] == slug
            assert answer["me"]["tenant"]["name"] == f"canary{slug} agency"
        assert {one["slug"] for one in answers[0]["clients"]} == {"acme", "bolt"}
        assert {one["slug"] for one in answers[1]["clients"]} == {"zeta"}
