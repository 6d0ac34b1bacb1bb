"""Every operation against requests that a machine makes up, over HTTP: nothing breaks or lies.

description -> Schemathesis -> running server (PostgreSQL, DuckDB, Redis) -> answer as described?
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.auth import HTTPBasicAuth
from schemathesis import Case, GenerationMode
from schemathesis.checks import (
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from schemathesis.specs.openapi.checks import content_type_conformance

from api.openapi import describe
from tests.api.oauth.serving import BOARD, SECRET, Served, served

__all__ = ["served"]

pytestmark = pytest.mark.anyio

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
MANY, FEW = 500, 6
OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, methods in describe("https://bosco.example")["paths"].items()
    for method in methods
)
AUTHS: Mapping[str, HTTPBasicAuth | None] = {
    "anonymous": None,
    "app": HTTPBasicAuth(BOARD, SECRET),
}


# What no operation knows of; documents without parameters vary in nothing else.
EXTRAS = st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=4)


def ask_much(url: str, operation: str, auth: HTTPBasicAuth | None, examples: int) -> int:
    """Send made-up requests, for forms as many malformed ones; how many were sent."""
    method, _, path = operation.partition(" ")
    described = schemathesis.openapi.from_dict(describe(url))[path][method]
    is_form = method == "POST"
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if is_form else [])]
    sent = 0

    def ask(case: Case[Any], extras: dict[str, str]) -> None:
        nonlocal sent
        sent += 1
        given_extras = {} if is_form else extras
        reply = case.call(base_url=url, auth=auth, params=given_extras, timeout=60)
        case.validate_response(reply, checks=CHECKS)

    for mode in modes:
        cases = described.as_strategy(generation_mode=mode)
        limits = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        try:
            limits(given(cases, EXTRAS)(ask))()
        except BaseExceptionGroup as failures:  # a group would end the event loop's own task
            pytest.fail("\n".join(str(failure) for failure in failures.exceptions))
    return sent


@pytest.mark.parametrize("auth", sorted(AUTHS))
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_operation_answers_as_described(served: Served, operation: str, auth: str) -> None:
    await asyncio.to_thread(ask_much, served.issuer, operation, AUTHS[auth], FEW)


@pytest.mark.slow
@pytest.mark.parametrize("auth", sorted(AUTHS))
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_operation_answers_as_described_500_times(
    served: Served, operation: str, auth: str
) -> None:
    sent = await asyncio.to_thread(ask_much, served.issuer, operation, AUTHS[auth], MANY)
    assert sent >= MANY
