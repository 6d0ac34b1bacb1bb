"""Every field of the gateway against documents that a machine makes up, over HTTP.

schema as a client reads it -> Schemathesis -> running server -> no failure of ours, data as asked
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from graphql import build_schema, introspection_from_schema, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.graphql import nodes

from api.edge.rules import RequestLimits
from api.graphql.schema_factory import print_catalogue_schema
from api.http import serve_app
from domain.metrics.catalogue import build_catalogue
from tests.api.edge.conforming import deviations
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

SCOPES = (
    *("metrics:read", "metrics:write", "ingestion:read", "ingestion:write", "audit:read"),
    *("privacy:read", "privacy:write"),
)
OURS = {"INTERNAL", "REDIS_UNAVAILABLE"}  # codes that say: it was the server
MANY, FEW = 500, 2

DAYS = st.dates(dt.date(2025, 1, 1), dt.date(2026, 12, 31)) | st.dates()
schemathesis.graphql.scalar("Count", st.integers(-(2**63), 2**63 - 1).map(nodes.Int))
schemathesis.graphql.scalar("Date", DAYS.map(lambda day: nodes.String(day.isoformat())))
schemathesis.graphql.scalar(
    "DateTime", st.datetimes().map(lambda at: nodes.String(f"{at.isoformat()}Z"))
)
schemathesis.graphql.scalar(
    "Decimal", st.decimals(allow_nan=False).map(lambda number: nodes.String(str(number)))
)

CORE = build_schema(print_catalogue_schema(build_catalogue()))
FIELDS = sorted(
    f"{root.name}.{field}"
    for root in (CORE.query_type, CORE.mutation_type)
    if root is not None
    for field in root.fields
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running server; `token` is good for everything of one agency."""

    url: str
    token: str


@pytest.fixture
async def gateway(edge: Edge, northwind: Agency) -> AsyncIterator[Gateway]:
    token = await edge.token(northwind, *SCOPES)
    async with serve_app(edge.app, "127.0.0.1", 0, RequestLimits()) as port:
        yield Gateway(f"http://127.0.0.1:{port}/graphql", token)


def ask_much(gateway: Gateway, field: str, examples: int, *, is_anonymous: bool) -> int:
    """Send made-up documents of one root field; how many were answered with data."""
    root, _, name = field.partition(".")
    schema = schemathesis.graphql.from_dict({"data": introspection_from_schema(CORE)})
    headers = {} if is_anonymous else {"authorization": f"Bearer {gateway.token}"}
    answered = 0

    def ask(case: Case[Any]) -> None:
        nonlocal answered
        body = {"query": str(case.body)}
        reply = requests.post(gateway.url, json=body, headers=headers, timeout=60)
        if is_anonymous:
            assert reply.status_code == 401, reply.text
            assert "data" not in reply.json()
            return
        assert reply.status_code == 200, reply.text
        found = reply.json()
        codes = {error["extensions"]["code"] for error in found.get("errors", ())}
        assert not codes & OURS, reply.text
        assert found.keys() <= {"data", "errors"}
        if found.get("data") is not None:
            answered += 1
            assert deviations(CORE, parse(str(case.body)), found["data"]) == []

    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    limits(given(schema[root][name].as_strategy())(ask))()
    return answered


@pytest.mark.parametrize("field", FIELDS[::5])  # the slow suite asks them all
async def test_field_answers_as_its_schema_says(gateway: Gateway, field: str) -> None:
    await asyncio.to_thread(ask_much, gateway, field, FEW, is_anonymous=False)


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
async def test_field_answers_as_its_schema_says_500_times(gateway: Gateway, field: str) -> None:
    await asyncio.to_thread(ask_much, gateway, field, MANY, is_anonymous=False)


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
async def test_stranger_learns_nothing_500_times(gateway: Gateway, field: str) -> None:
    await asyncio.to_thread(ask_much, gateway, field, MANY, is_anonymous=True)
