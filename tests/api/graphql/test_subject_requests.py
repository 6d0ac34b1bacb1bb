"""Requests of people in GraphQL: what is shown, to whom, and what never is."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import update

from domain.ids import parse_id, public_id
from domain.privacy.rights import RequestOutcome, RequestState, Right
from tenancy.tables import LetterKind, RequestLetter, SubjectRequest
from tests.api.graphql.edge import START, Agency, Edge
from tests.api.graphql.privacy_rows import privacy_id
from tests.gdpr.desk.requests import request_row

pytestmark = pytest.mark.anyio

DAY = dt.timedelta(days=1)


@pytest.fixture
async def token(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "privacy:read")


async def _store(edge: Edge, agency: Agency, number: int, client: str, **changed: Any) -> str:
    """One more request; its public id."""
    request_id = uuid.UUID(int=number)
    values = {"received_at": START - DAY, **changed}
    async with edge.database.session(agency.tenant_id) as session:
        session.add(request_row(request_id, agency.clients[client], **values))
    return public_id("req", request_id)


async def test_the_most_urgent_come_first(edge: Edge, northwind: Agency, token: str) -> None:
    own = privacy_id("northwind", "req")  # due in three days
    overdue = await _store(edge, northwind, 1, "bolt", received_at=START - 31 * DAY)
    far = await _store(edge, northwind, 2, "acme", right=Right.ACCESS)
    query = """query Q($first: Int!, $after: String) { subjectRequests(first: $first, after: $after)
      { nodes { id urgency deadline daysLeft } pageInfo { hasNextPage endCursor } } }"""
    page = (await edge.data(query, token, first=2))["subjectRequests"]
    assert page["nodes"] == [
        {"id": overdue, "urgency": "OVERDUE", "deadline": "overdue by 24 hours", "daysLeft": -1},
        {"id": own, "urgency": "DUE_SOON", "deadline": "due in 3 days", "daysLeft": 3},
    ]
    after = page["pageInfo"]["endCursor"]
    page = (await edge.data(query, token, first=2, after=after))["subjectRequests"]
    assert page["nodes"] == [
        {"id": far, "urgency": "ON_TIME", "deadline": "due in 29 days", "daysLeft": 29}
    ]
    assert page["pageInfo"]["hasNextPage"] is False


async def test_they_are_narrowed(edge: Edge, northwind: Agency, token: str) -> None:
    own = privacy_id("northwind", "req")
    other = await _store(
        edge,
        northwind,
        1,
        "bolt",
        right=Right.ACCESS,
        state=RequestState.COMPLETED,
        outcome=RequestOutcome.DONE,
        closed_at=START,
    )
    for arguments, expected in (
        ("(right: ACCESS)", [other]),
        ("(state: MATCHING)", [own]),
        ("(atRisk: true)", [own]),
        (f'(client: "{northwind.client("bolt")}")', [other]),
    ):
        query = f"{{ subjectRequests{arguments} {{ nodes {{ id }} }} }}"
        found = (await edge.data(query, token))["subjectRequests"]["nodes"]
        assert [one["id"] for one in found] == expected, arguments


FILE = """query F($id: ID!) { subjectRequest(id: $id) {
  request { id clientId right channel role state identity receivedAt dueAt subjectId outcome }
  moves given people { id identifiers { kind count } matching }
  events { at kind actor details } letters { id kind language sentAt } run { attempts waitsFor }
  holds { id basis } others { id } } }"""


async def test_a_request_is_shown_with_all_that_belongs_to_it(
    edge: Edge, northwind: Agency, token: str
) -> None:
    subject = privacy_id("northwind", "sub")
    other = await _store(
        edge, northwind, 1, "acme", right=Right.ACCESS, subject_id=parse_id("sub", subject)
    )
    async with edge.database.session(northwind.tenant_id) as session:
        await session.execute(
            update(SubjectRequest)
            .where(SubjectRequest.id == parse_id("req", privacy_id("northwind", "req")))
            .values(subject_id=parse_id("sub", subject), state=RequestState.IDENTIFYING)
        )
        session.add(
            RequestLetter(
                id=parse_id("let", privacy_id("northwind", "let")),
                request_id=parse_id("req", privacy_id("northwind", "req")),
                kind=LetterKind.ACKNOWLEDGEMENT,
                language="en",
                sealed=b"sealed",
                written_at=START,
            )
        )
    found = (await edge.data(FILE, token, id=privacy_id("northwind", "req")))["subjectRequest"]
    assert found == {
        "request": {
            "id": privacy_id("northwind", "req"),
            "clientId": northwind.client("acme"),
            "right": "ERASURE",
            "channel": "DESK",
            "role": "PROCESSOR",
            "state": "IDENTIFYING",
            "identity": "CLAIMED",
            "receivedAt": "2026-02-16T09:30:00+00:00",
            "dueAt": "2026-03-18T09:30:00+00:00",
            "subjectId": subject,
            "outcome": None,
        },
        "moves": ["ASK_IDENTITY", "PROVE", "VOUCH", "EXTEND", "REFUSE", "WITHDRAW"],
        "given": 1,
        "people": [{"id": subject, "identifiers": [{"kind": "EMAIL", "count": 1}], "matching": 1}],
        "events": [
            {
                "at": "2026-03-15T09:30:00+00:00",
                "kind": "received",
                "actor": "shopify:canarynorthwind",
                "details": '{"right":"erasure"}',
            }
        ],
        "letters": [
            {
                "id": privacy_id("northwind", "let"),
                "kind": "ACKNOWLEDGEMENT",
                "language": "en",
                "sentAt": None,
            }
        ],
        "run": {"attempts": 1, "waitsFor": ["canarynorthwind answers"]},
        "holds": [{"id": privacy_id("northwind", "hold"), "basis": "canarynorthwind tax audit"}],
        "others": [{"id": other}],
    }


@pytest.mark.usefixtures("southwind")
async def test_there_is_none(edge: Edge, token: str) -> None:
    query = "query Q($id: ID!) { subjectRequest(id: $id) { given } }"
    for nobody_s in (privacy_id("southwind", "req"), public_id("req", uuid.UUID(int=1))):
        assert await edge.data(query, token, id=nobody_s) == {"subjectRequest": None}
    error = await edge.error(query, token, id="req_1")
    assert error["message"] == "'req_1' is not an id of this kind"


async def test_a_limited_token_sees_its_clients_requests_alone(
    edge: Edge, northwind: Agency
) -> None:
    token = await edge.token(northwind, "privacy:read", clients=("bolt",))
    bolt = await _store(edge, northwind, 1, "bolt")
    acme = privacy_id("northwind", "req")
    data = await edge.data(
        """query Q($id: ID!) { subjectRequests { nodes { id } } subjectRequest(id: $id) { given }
          legalHolds(includeEnded: true) { id }
          privacyStatistics(from: "2026-01-01", to: "2026-12-31")
            { total { received } clients { name } } }""",
        token,
        id=acme,
    )
    assert data == {
        "subjectRequests": {"nodes": [{"id": bolt}]},
        "subjectRequest": None,
        "legalHolds": [],
        "privacyStatistics": {
            "total": {"received": 1},
            "clients": [{"name": "canarynorthwind bolt"}],
        },
    }


async def test_figures_for_the_regulator(edge: Edge, northwind: Agency, token: str) -> None:
    await _store(
        edge,
        northwind,
        1,
        "acme",
        right=Right.ACCESS,
        state=RequestState.REFUSED,
        reason="excessive",
        closed_at=START + 2 * DAY,
    )
    tally = """{ received rights { right count } channels { channel count }
      outcomes { name count } answered answeredLate medianDays p90Days extended overdue
      refusals { name count } }"""
    data = await edge.data(
        f"""{{ privacyStatistics(from: "2026-02-16", to: "2026-03-14")
          {{ first last timeZone total {tally} clients {{ clientId name tally {tally} }} }} }}""",
        token,
    )
    figures = {
        "received": 2,
        "rights": [{"right": "ACCESS", "count": 1}, {"right": "ERASURE", "count": 1}],
        "channels": [{"channel": "DESK", "count": 2}],
        "outcomes": [{"name": "open", "count": 1}, {"name": "refused", "count": 1}],
        "answered": 1,
        "answeredLate": 0,
        "medianDays": 3.0,
        "p90Days": 3.0,
        "extended": 0,
        "overdue": 0,
        "refusals": [{"name": "excessive", "count": 1}],
    }
    assert data["privacyStatistics"] == {
        "first": "2026-02-16",
        "last": "2026-03-14",
        "timeZone": "Europe/Berlin",
        "total": figures,
        "clients": [
            {
                "clientId": northwind.client("acme"),
                "name": "canarynorthwind acme",
                "tally": figures,
            }
        ],
    }
    error = await edge.error(
        '{ privacyStatistics(from: "2026-03-02", to: "2026-03-01") { first } }', token
    )
    assert error["message"] == "the period ends before it begins: 2026-03-02 to 2026-03-01"


async def test_holds_in_force_and_over(edge: Edge, northwind: Agency, token: str) -> None:
    fields = "id clientId subjectId category basis owner createdBy expiresAt releasedAt"
    hold = {
        "id": privacy_id("northwind", "hold"),
        "clientId": northwind.client("acme"),
        "subjectId": privacy_id("northwind", "sub"),
        "category": None,
        "basis": "canarynorthwind tax audit",
        "owner": "canarynorthwind counsel",
        "createdBy": "cli:test",
        "expiresAt": None,
        "releasedAt": None,
    }
    assert await edge.data(f"{{ legalHolds {{ {fields} }} }}", token) == {"legalHolds": [hold]}
