"""The fields `anomalies` and `pacing`, and the mutation `acknowledgeAnomaly`."""

import pytest
from sqlalchemy import delete, select

from domain.ids import public_id
from tenancy.tables import Anomaly, AnomalyStage, AuditEntry, BudgetPace, WatchedDay
from tests.api.graphql.edge import Agency, Edge

pytestmark = pytest.mark.anyio

ANOMALIES = """
    anomalies(from: "%s", to: "%s" %s) {
        nodes {
            id clientId channel campaign cause state since lastDay title story check stake currency
            foundOn acknowledgedAt
            deviations { measure day ageDays actual expected low high change pValue }
        }
        pageInfo { hasNextPage endCursor }
        watch { day expectation measures { clientId measure days lookedAtAge } }
    }
"""
ACKNOWLEDGE = """
    mutation { acknowledgeAnomaly(id: "%s") {
        ... on AnomalyAcknowledged { anomaly { id state acknowledgedAt } }
        ... on AcknowledgeAnomalyError { code message hint }
    } }
"""
PACING = """
    pacing(client: "%s" %s) {
        month channel campaign budget { amount currency } spent planned expected
        band80 { low high } verdict probability daysMissing daysLeft left { amount } change words
        lookedOn method model
    }
"""


def asked(first: str = "2026-02-01", last: str = "2026-03-31", more: str = "") -> str:
    return f"{{ {ANOMALIES % (first, last, more)} }}"


async def rows(edge: Edge, agency: Agency) -> list[Anomaly]:
    async with edge.database.session(agency.tenant_id) as session:
        return list(await session.scalars(select(Anomaly)))


async def test_an_anomaly_is_told_with_its_figures_and_words(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read")
    told = (await edge.data(asked(), token))["anomalies"]
    (row,) = await rows(edge, northwind)
    channel = f"{northwind.canary} channel"
    assert told["nodes"] == [
        {
            "id": public_id("ano", row.id),
            "clientId": northwind.client("acme"),
            "channel": channel,
            "campaign": None,
            "cause": "SPEND_RUNAWAY",
            "state": "OPEN",
            "since": "2026-02-27",
            "lastDay": "2026-02-28",
            "title": "Spend runs away",
            "story": (
                "Since 27 February 2026. Spend 400 EUR where 90 to 110 was expected, +300%."
                " At stake until now: 610 EUR."
            ),
            "check": "Check budgets and bids, and what was changed last; pause if unwanted.",
            "stake": 610.0,
            "currency": "EUR",
            "foundOn": "2026-02-28",
            "acknowledgedAt": None,
            "deviations": [
                {
                    "measure": "SPEND",
                    "day": "2026-02-27",
                    "ageDays": 1,
                    "actual": 400.0,
                    "expected": 100.0,
                    "low": 90.0,
                    "high": 110.0,
                    "change": 3.0,
                    "pValue": 0.0001,
                }
            ],
        }
    ]
    assert told["pageInfo"]["hasNextPage"] is False
    assert told["watch"]["day"] == "2026-03-01"
    acme = [
        {key: one[key] for key in ("measure", "days", "lookedAtAge")}
        for one in told["watch"]["measures"]
        if one["clientId"] == northwind.client("acme")
    ]
    assert acme == [
        {"measure": "SPEND", "days": 200, "lookedAtAge": 1},
        {"measure": "CONVERSIONS", "days": 20, "lookedAtAge": None},
    ]


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("2026-02-01", "2026-02-26", 0),
        ("2026-02-01", "2026-02-27", 1),
        ("2026-02-28", "2026-03-31", 1),
        ("2026-03-01", "2026-03-31", 0),
    ],
)
async def test_days_that_an_anomaly_touches_show_it(
    edge: Edge, northwind: Agency, first: str, last: str, found: int
) -> None:
    token = await edge.token(northwind, "metrics:read")
    told = await edge.data(asked(first, last), token)
    assert len(told["anomalies"]["nodes"]) == found


async def test_a_token_of_some_clients_sees_theirs_only(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:read", "metrics:write", clients=("bolt",))
    told = (await edge.data(asked(), token))["anomalies"]
    assert told["nodes"] == []
    assert {one["clientId"] for one in told["watch"]["measures"]} == {northwind.client("bolt")}
    (row,) = await rows(edge, northwind)
    answer = await edge.data(ACKNOWLEDGE % public_id("ano", row.id), token)
    assert answer["acknowledgeAnomaly"]["code"] == "NOT_FOUND"


async def test_before_the_first_look_there_is_nothing(edge: Edge, northwind: Agency) -> None:
    async with edge.database.session(northwind.tenant_id) as session:
        for table in (Anomaly, WatchedDay):
            await session.execute(delete(table))
    token = await edge.token(northwind, "metrics:read")
    told = (await edge.data(asked(), token))["anomalies"]
    assert (told["nodes"], told["watch"]) == ([], None)


async def test_who_acknowledges_is_in_the_audit_trail_once(edge: Edge, northwind: Agency) -> None:
    token = await edge.token(northwind, "metrics:write")
    (row,) = await rows(edge, northwind)
    public = public_id("ano", row.id)
    for _ in range(2):
        answer = (await edge.data(ACKNOWLEDGE % public, token))["acknowledgeAnomaly"]
        assert answer["anomaly"]["id"] == public
        assert answer["anomaly"]["state"] == "ACKNOWLEDGED"
        assert answer["anomaly"]["acknowledgedAt"] is not None
    async with edge.database.session(northwind.tenant_id) as session:
        query = select(AuditEntry).where(AuditEntry.action == "anomaly.acknowledged")
        (entry,) = await session.scalars(query)
    assert (entry.object_id, entry.details["cause"]) == (public, "spend_runaway")


async def test_what_is_over_needs_nobody(edge: Edge, northwind: Agency) -> None:
    async with edge.database.session(northwind.tenant_id) as session:
        row = (await session.scalars(select(Anomaly))).one()
        row.stage = AnomalyStage.OVER
    token = await edge.token(northwind, "metrics:read", "metrics:write")
    answer = await edge.data(ACKNOWLEDGE % public_id("ano", row.id), token)
    assert answer["acknowledgeAnomaly"] == {
        "code": "CONFLICT",
        "message": "the anomaly is over",
        "hint": "nothing is left to look after",
    }
    (node,) = (await edge.data(asked(), token))["anomalies"]["nodes"]
    assert (node["state"], node["acknowledgedAt"]) == ("OVER", None)
    assert node["story"].startswith("From 27 February 2026 to 28 February 2026. ")


async def test_a_pace_is_told_with_its_band_and_who_forecast_it(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "metrics:read")
    acme = northwind.client("acme")
    told = (await edge.data(f"{{ {PACING % (acme, '')} }}", token))["pacing"]
    campaign = f"{public_id('con', northwind.connections['acme'])}:{northwind.canary}"
    assert told == [
        {
            "month": "2026-03-01",
            "channel": None,
            "campaign": campaign,
            "budget": {"amount": "3100.00", "currency": "EUR"},
            "spent": 900.0,
            "planned": 1000.0,
            "expected": 2800.0,
            "band80": {"low": 2600.0, "high": 3000.0},
            "verdict": "UNDER",
            "probability": 0.85,
            "daysMissing": 1,
            "daysLeft": 21,
            "left": {"amount": "2100.00"},
            "change": 1.25,
            "words": f"{northwind.canary} will not be spent.",
            "lookedOn": "2026-03-11",
            "method": f"{northwind.canary} mean",
            "model": None,
        }
    ]
    for day, found in (("2026-03-31", 1), ("2026-02-28", 0)):
        asked_month = PACING % (acme, f'month: "{day}"')
        assert len((await edge.data(f"{{ {asked_month} }}", token))["pacing"]) == found


async def test_where_too_little_is_known_no_end_is_told(edge: Edge, northwind: Agency) -> None:
    async with edge.database.session(northwind.tenant_id) as session:
        row = (await session.scalars(select(BudgetPace))).one()
        row.landing, row.probability = [float("nan")] * 5, None
    token = await edge.token(northwind, "metrics:read")
    (told,) = (await edge.data(f"{{ {PACING % (northwind.client('acme'), '')} }}", token))["pacing"]
    assert (told["expected"], told["band80"], told["probability"]) == (None, None, None)
