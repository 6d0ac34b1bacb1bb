"""Every documented fault is played by a test, and every rule of a source file by a fault."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingestion.connector.failures import holds
from ingestion.connector.source_file import load_all_sources
from ingestion.connector.spec import ErrorRule
from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.config import demo_config
from ingestion.simulator.contract import Platform
from ingestion.simulator.faults import parse_fault
from ingestion.simulator.ga4 import Ga4
from ingestion.simulator.google_ads import GoogleAds
from ingestion.simulator.meta_ads import MetaAds
from ingestion.simulator.shopify import Shopify
from ingestion.simulator.tiktok_ads import TikTokAds
from tests.ingestion.sources.documented_faults import DOCUMENTED, DocumentedFault, faults_of

TESTS = Path(__file__).parents[1]
PLATFORMS = sorted({fault.platform for fault in DOCUMENTED})


@cache
def _functions(file: str) -> dict[str, str]:
    """Test functions of a file -> the source text of their decorators."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {
        node.name: " ".join(map(ast.unparse, node.decorator_list))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("fault", DOCUMENTED, ids=lambda fault: f"{fault.platform}-{fault.name}")
def test_every_fault_is_played_by_a_test(fault: DocumentedFault) -> None:
    file, _, name = fault.test.partition("::")
    functions = _functions(file)
    assert name in functions
    if fault.play is not None:
        assert f"plays('{fault.platform}')" in functions[name]
        parse_fault(fault.play)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_names_of_faults_are_unique(platform: str) -> None:
    names = [fault.name for fault in faults_of(platform)]
    assert sorted(names) == sorted(set(names))


def test_every_platform_has_faults() -> None:
    assert set(load_all_sources()) == set(PLATFORMS)


CLOCK = SimulatedClock()
SIMULATORS: list[Platform] = [
    Ga4(demo_config().ga4, CLOCK),
    GoogleAds(demo_config().google_ads, CLOCK),
    MetaAds(demo_config().meta_ads, CLOCK),
    Shopify(demo_config().shopify, CLOCK),
    TikTokAds(demo_config().tiktok_ads, CLOCK),
]
REFUSALS = {"rate_limited", "server_error", "refused", "expired_token", "too_large"}
# What a platform refuses by itself, as its simulator's tests assert, or brings as a success.
OTHERS: dict[str, list[tuple[int, dict[str, Any]]]] = {
    "ga4": [
        (400, {"error": {"message": "Field conversions is not a valid metric."}}),
        (429, {"error": {"message": "Exhausted property tokens per day."}}),
    ],
    "google_ads": [],
    "meta_ads": [
        (400, {"error": {"code": 1, "message": "Error validating client secret."}}),
        (400, {"error": {"code": 100, "error_subcode": 33}}),
        (400, {"error": {"code": 100, "message": "(#100) x is not valid for fields param"}}),
        (400, {"error": {"code": 190}}),
        (400, {"error": {"code": 2635}}),
        (400, {"error": {"code": 3018}}),
        (500, {"error": {"code": 99, "is_transient": True}}),
    ],
    "shopify": [
        (200, {"errors": [{"extensions": {"code": "undefinedField"}}]}),
        (200, {"errors": [{"message": "you must provide one of first or last"}]}),
        (429, {"errors": "Exceeded 2 calls per second for api client."}),
    ],
    "tiktok_ads": [
        (200, {"code": 40002, "message": "Invalid metric fields: ['revenue']"}),
        (200, {"code": 40100, "message": "App 1 reaches the QPD limit 9, current QPD is 10"}),
        (200, {"code": 20001, "message": "Partial success"}),
    ],
}


@pytest.mark.parametrize("simulator", SIMULATORS, ids=lambda simulator: simulator.name)
def test_every_rule_of_the_source_file_is_met_by_a_fault(simulator: Platform) -> None:
    rules = load_all_sources()[simulator.name].errors
    answers = [*OTHERS[simulator.name]]
    for fault in faults_of(simulator.name):
        if fault.play and fault.play["kind"] in REFUSALS:
            answer = simulator.refuse(parse_fault(fault.play), "/properties/1:runReport")
            answers.append((answer.status_code, _document(bytes(answer.body))))
    met = {_first_rule(rules, *answer) for answer in answers}
    assert [rule.when for place, rule in enumerate(rules) if place not in met] == []


def _document(body: bytes) -> Any:
    return orjson.loads(body) if body.startswith(b"{") else body.decode()


def _first_rule(rules: tuple[ErrorRule, ...], status: int, document: Any) -> int | None:
    return next(
        (place for place, rule in enumerate(rules) if holds(rule.when, status, document)), None
    )
