"""The fields `budgetPlan` and `budgetScenario`: what they tell, and what they refuse."""

import uuid
from decimal import Decimal

import pytest

from api.graphql.limits import Limits
from domain.ids import public_id
from tenancy.warehouse.port import Warehouse
from tests.api.graphql.edge import Agency, Edge
from tests.feature_repo.ledger import Account, Ledger
from tests.ml.spending.world import CURVES, tell

pytestmark = pytest.mark.anyio

PERIOD = 'from: "2026-03-15", to: "2026-04-11"'
OUTCOME = "{ expected band80 { low high } band95 { low high } }"
PART = f"""
    channel campaign current {{ amount currency }} spent {{ amount }} planned {{ amount }}
    highest {{ amount }} expected {OUTCOME} marginal {OUTCOME} evidence isObservational reason
"""
BASIS = "basis { curves asOf from to days knownTo code dataHash figures liftTests }"
PLAN = f"""{{
    budgetPlan(input: {{client: "%s", {PERIOD}, %s}}) {{
        verdict why level measure from total {{ amount currency }} parts {{ {PART} }}
        rest {{ channel campaign amount {{ amount }} reason }}
        expected {OUTCOME} current {OUTCOME} gain {OUTCOME} probability isObservational
        limits {{ limit price }} gap {BASIS}
    }}
}}"""
SCENARIO = f"""{{
    budgetScenario(input: {{client: "%s", {PERIOD}, %s}}) {{
        level measure from total {{ amount currency }} parts {{ {PART} }}
        rest {{ reason }} expected {OUTCOME} current {OUTCOME} againstCurrent {OUTCOME}
        probability isObservational beyond {BASIS}
    }}
}}"""


async def _told(agency: Agency, warehouse: Warehouse) -> Account:
    """150 days of three channels of the client acme, until yesterday."""
    account = Account(agency.tenant_id, agency.clients["acme"], agency.connections["acme"])
    await tell(Ledger(warehouse), account, CURVES, 14)
    return account


async def test_a_plan_is_told_with_all_that_it_rests_on(
    edge: Edge, northwind: Agency, edge_warehouse: Warehouse
) -> None:
    await _told(northwind, edge_warehouse)
    token = await edge.token(northwind, "metrics:read")
    acme = northwind.client("acme")
    told = (await edge.data(PLAN % (acme, 'total: "20000.01"'), token))["budgetPlan"]
    assert (told["verdict"], told["level"], told["measure"]) == ("MOVE", "CHANNEL", "REVENUE")
    assert told["why"].startswith("it beats the current split with a probability of ")
    assert told["total"] == {"amount": "20000.01", "currency": "EUR"}
    planned = [Decimal(one["planned"]["amount"]) for one in told["parts"]]
    assert sum(planned) == Decimal("20000.01")
    assert [one["channel"] for one in told["parts"]] == ["display", "paid_search", "paid_social"]
    for one in told["parts"]:
        assert one["campaign"] is None
        assert (one["evidence"], one["isObservational"]) == ("OBSERVED", True)
        bands = one["expected"]["band80"], one["expected"]["band95"]
        assert bands[1]["low"] < bands[0]["low"] < one["expected"]["expected"] < bands[0]["high"]
        assert one["marginal"]["band80"]["low"] > 0
    assert told["rest"] == []
    assert told["probability"] > 0.8
    assert told["limits"][0]["price"] > 0
    basis = told["basis"]
    assert basis["curves"].startswith("crv_")
    assert (basis["asOf"], basis["knownTo"]) == ("2026-03-15T09:30:00+00:00", "2026-03-14")
    assert (basis["from"], basis["to"], basis["days"]) == ("2025-10-16", "2026-02-13", 121)
    assert (basis["figures"], basis["liftTests"]) == (1350, [])


async def test_a_scenario_is_told_against_going_on(
    edge: Edge, northwind: Agency, edge_warehouse: Warehouse
) -> None:
    account = await _told(northwind, edge_warehouse)
    token = await edge.token(northwind, "metrics:read")
    campaign = f"{public_id('con', account.connection_id)}:m1"
    given = f'level: CAMPAIGN, spends: [{{amount: "1000", campaign: "{campaign}"}}]'
    query = SCENARIO % (northwind.client("acme"), given)
    told = (await edge.data(query, token))["budgetScenario"]
    (one,) = [one for one in told["parts"] if one["campaign"] == campaign]
    assert (one["channel"], one["planned"]["amount"]) == ("paid_social", "1000.00")
    assert told["againstCurrent"]["expected"] < 0
    assert told["probability"] == 0.0
    assert told["beyond"] == []


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ('total: "0"', "INVALID_INPUT", "the total is 0"),
        ('total: "NaN"', "INVALID_INPUT", "the total is NaN"),
        ('total: "10.001"', "INVALID_INPUT", "finer than the smallest coin"),
        ('total: "9", currency: "USD"', "INVALID_INPUT", "nothing is spent in USD"),
        ('total: "9", measure: SPEND', "INVALID_INPUT", "a budget is not planned for spend"),
        ('total: "9", maxStep: "-1"', "INVALID_INPUT", "the largest step is -1"),
        ('total: "9", mostCost: "5"', "INVALID_INPUT", "a cost is kept by plans for conversions"),
        ('total: "9", leastReturn: "0"', "INVALID_INPUT", "the least return is 0"),
        (
            'total: "9", measure: CONVERSIONS, leastReturn: "2"',
            "INVALID_INPUT",
            "a return is kept by plans for revenue",
        ),
        ('total: "9", bounds: [{least: "1"}]', "INVALID_INPUT", "a channel or a campaign is meant"),
        (
            'total: "9", bounds: [{channel: "display", most: "-1"}]',
            "INVALID_INPUT",
            "the most of 'display' is -1",
        ),
        (
            'total: "9", bounds: [{channel: "display"}, {channel: "display"}]',
            "INVALID_INPUT",
            "'display' is given twice",
        ),
        (
            'total: "9", bounds: [{campaign: "nonsense"}]',
            "INVALID_INPUT",
            "'nonsense' is not an id of this kind",
        ),
        (
            'total: "9", bounds: [{channel: "radio"}]',
            "NOT_FOUND",
            "the client spends on no channel 'radio'",
        ),
        ('total: "90000"', "BUDGET_IMPOSSIBLE", "These cannot be kept together: the total leaves"),
    ],
)
async def test_what_cannot_be_planned_says_why(
    edge: Edge, northwind: Agency, edge_warehouse: Warehouse, more: str, code: str, message: str
) -> None:
    await _told(northwind, edge_warehouse)
    token = await edge.token(northwind, "metrics:read")
    error = await edge.error(PLAN % (northwind.client("acme"), more), token)
    assert error["extensions"]["code"] == code
    assert message in error["message"]
    assert error["extensions"]["hint"]


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ('from: "2026-02-01", to: "2026-02-28"', "the period ends on 2026-02-28, which is over"),
        ('from: "2026-03-15", to: "2026-07-15"', "2026-03-15 to 2026-07-15 is 123 days"),
        ('from: "2026-05-01", to: "2026-05-31"', "the period starts on 2026-05-01, too far ahead"),
        ('from: "2026-04-01", to: "2026-03-31"', "the period ends on 2026-03-31 before it starts"),
    ],
)
async def test_a_period_that_cannot_be_planned_says_why(
    edge: Edge, northwind: Agency, period: str, message: str
) -> None:
    token = await edge.token(northwind, "metrics:read")
    query = PLAN.replace(PERIOD, period) % (northwind.client("acme"), 'total: "9"')
    error = await edge.error(query, token)
    assert (error["extensions"]["code"], message in error["message"]) == ("INVALID_INPUT", True)


async def test_too_little_is_said_with_what_it_takes(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    error = await edge.error(PLAN % (northwind.client("acme"), 'total: "9"'), token)
    assert error["extensions"]["code"] == "TOO_LITTLE_DATA"
    assert error["message"] == "nothing was spent in the last 28 days"


async def test_only_clients_that_the_token_shows_are_planned(
    edge: Edge, northwind: Agency, southwind: Agency, edge_warehouse: Warehouse
) -> None:
    await _told(northwind, edge_warehouse)
    acme = northwind.client("acme")
    for token in (
        await edge.token(northwind, "metrics:read", clients=("bolt",)),
        await edge.token(southwind, "metrics:read"),
    ):
        error = await edge.error(PLAN % (acme, 'total: "20000"'), token)
        assert error["extensions"]["code"] == "NOT_FOUND"
        split = 'spends: [{amount: "9", channel: "display"}]'
        error = await edge.error(SCENARIO % (acme, split), token)
        assert error["extensions"]["code"] == "NOT_FOUND"


def test_a_document_has_room_for_few_of_them() -> None:
    weights = dict(Limits().weights)
    assert weights["budgetPlan"] == weights["budgetScenario"] == Limits().cost // 8


async def test_a_campaign_of_another_agency_is_as_good_as_none(
    edge: Edge, northwind: Agency, southwind: Agency, edge_warehouse: Warehouse
) -> None:
    await _told(northwind, edge_warehouse)
    theirs = Account(southwind.tenant_id, southwind.clients["zeta"], southwind.connections["zeta"])
    await tell(Ledger(edge_warehouse), theirs, CURVES, 14)
    token = await edge.token(southwind, "metrics:read")
    zeta, told = southwind.client("zeta"), []
    for connection in (northwind.connection("acme"), public_id("con", uuid.UUID(int=5))):
        named = f'campaign: "{connection}:s1"'
        for query in (
            PLAN % (zeta, f'total: "20000", level: CAMPAIGN, bounds: [{{{named}, most: "5"}}]'),
            SCENARIO % (zeta, f'level: CAMPAIGN, spends: [{{{named}, amount: "5"}}]'),
        ):
            error = await edge.error(query, token)
            told.append((error["message"], error["extensions"]["hint"]))
    assert told[:2] == told[2:]
    assert told[0][0] == "the client spends on no such campaign"
    assert northwind.connection("acme") not in str(told)
    assert southwind.connection("zeta") in told[0][1]
