"""Deciding on requests in GraphQL: what each mutation does, and what never comes out again."""

from typing import Any

import pytest
from sqlalchemy import select

from domain.ids import parse_id, public_id
from domain.privacy.identifiers import email
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subjects import observe
from tenancy.tables import AuditEntry, Role
from tests.api.graphql.edge import VAULT, Agency, Edge
from tests.api.graphql.privacy_rows import privacy_id
from tests.api.oauth.flow import register

pytestmark = pytest.mark.anyio

SCOPES = ("privacy:read", "privacy:write")
ADA = "ada@customer.example"
CREATE = """mutation C($input: CreateSubjectRequestInput!) { createSubjectRequest(input: $input) {
  __typename ... on SubjectRequestCreated { isNew request { id state identity requestedBy } }
  ... on CreateSubjectRequestError { code message hint } } }"""


@pytest.fixture
async def program(edge: Edge, northwind: Agency) -> str:
    """Token of an app that acts for itself; Ada is in the data of acme."""
    async with edge.database.session(northwind.tenant_id) as session:
        await observe(
            session,
            VAULT,
            await open_own_key(session, VAULT),
            northwind.clients["acme"],
            [[email(ADA)]],
            ids=edge.ids,
            now=edge.clock(),
        )
    return await edge.token(northwind, *SCOPES)


async def person(edge: Edge, agency: Agency, role: Role) -> tuple[str, str]:
    """Token of an app that acts for a new person, and how the audit names the person."""
    app = await register(edge, agency, f"app_{role.value}", scopes=SCOPES)
    user_id = await edge.person(agency, role)
    return (await app.tokens(user_id, SCOPES))["access_token"], f"user:{user_id}"


async def create(edge: Edge, agency: Agency, token: str, **changed: Any) -> Any:
    given = {
        "client": agency.client("acme"),
        "right": "ERASURE",
        "identifiers": [{"kind": "EMAIL", "value": ADA}],
    }
    data = await edge.data(CREATE, token, input={**given, **changed})
    return data["createSubjectRequest"]


async def do(edge: Edge, token: str, verb: str, request: str, **more: str) -> Any:
    """The payload of a mutation: the state that the request is in then, or why not."""
    arguments = ", ".join([f'id: "{request}"', *(f"{name}: {v}" for name, v in more.items())])
    error = f"{verb[0].upper()}{verb[1:]}Error"
    document = f"""mutation {{ {verb}({arguments}) {{ __typename
      ... on {error} {{ code message hint }} }} }}"""
    payload = (await edge.data(document, token))[verb]
    if payload["__typename"] == error:
        return payload["code"], payload["message"]
    query = "query Q($id: ID!) { subjectRequest(id: $id) { request { state } } }"
    found = await edge.data(query, token, id=request)
    return found["subjectRequest"]["request"]["state"]


async def test_an_erasure_from_its_arrival_to_two_people_s_agreement(
    edge: Edge, northwind: Agency, program: str
) -> None:
    created = await create(edge, northwind, program)
    request = created["request"]["id"]
    assert created == {
        "__typename": "SubjectRequestCreated",
        "isNew": True,
        "request": {
            "id": request,
            "state": "IDENTIFYING",
            "identity": "CLAIMED",
            "requestedBy": created["request"]["requestedBy"],
        },
    }
    assert created["request"]["requestedBy"].startswith("client:app_")
    again = await create(edge, northwind, program)
    assert (again["isNew"], again["request"]["id"]) == (False, request)
    officer, named = await person(edge, northwind, Role.DATA_PROTECTION_OFFICER)
    owner, _ = await person(edge, northwind, Role.OWNER)
    assert await do(edge, officer, "vouchIdentity", request, proof="DOCUMENT") == "APPROVING"
    assert await do(edge, program, "approveErasure", request) == (
        "INSUFFICIENT_SCOPE",
        "a person has to do this, and the token acts for none",
    )
    assert await do(edge, officer, "approveErasure", request) == (
        "SECOND_PERSON_NEEDED",
        "you had a hand in this request yourself",
    )
    assert await do(edge, owner, "approveErasure", request) == "READY"
    async with edge.database.session(northwind.tenant_id) as session:
        audited = (
            await session.scalars(
                select(AuditEntry.actor).where(
                    AuditEntry.action == "subject_request.vouched",
                    AuditEntry.object_id == str(parse_id("req", request)),
                )
            )
        ).all()
    assert audited == [named]


async def test_that_nothing_was_found_takes_two_people(
    edge: Edge, northwind: Agency, program: str
) -> None:
    nobody = [{"kind": "EMAIL", "value": "nobody@customer.example"}]
    created = await create(edge, northwind, program, identifiers=nobody)
    request = created["request"]["id"]
    assert created["request"]["state"] == "MATCHING"
    assert await do(edge, program, "searchAgain", request) == "MATCHING"
    officer, _ = await person(edge, northwind, Role.DATA_PROTECTION_OFFICER)
    owner, _ = await person(edge, northwind, Role.OWNER)
    assert await do(edge, officer, "declareNobody", request) == "COUNTERSIGNING"
    assert await do(edge, officer, "countersignRequest", request) == (
        "SECOND_PERSON_NEEDED",
        "you had this request carried out yourself",
    )
    assert await do(edge, owner, "lookAgain", request) == "MATCHING"
    assert await do(edge, officer, "declareNobody", request) == "COUNTERSIGNING"
    assert await do(edge, owner, "countersignRequest", request) == "COMPLETED"


async def test_is_extended_asked_about_refused_and_withdrawn(
    edge: Edge, northwind: Agency, program: str
) -> None:
    request = (await create(edge, northwind, program))["request"]["id"]
    assert await do(edge, program, "extendRequest", request, reason='" "') == (
        "INVALID_INPUT",
        "an extension needs a reason",
    )
    assert await do(edge, program, "extendRequest", request, reason='"many"') == "IDENTIFYING"
    assert await do(edge, program, "askIdentity", request) == "IDENTIFYING"
    assert await do(edge, program, "grantRequest", request, reason='"yes"') == (
        "REQUEST_NOT_POSSIBLE",
        "this request waits for no ruling",
    )
    assert await do(edge, program, "refuseRequest", request, reason='"excessive"') == "REFUSED"
    assert await do(edge, program, "withdrawRequest", request) == (
        "REQUEST_NOT_POSSIBLE",
        "this request is refused: withdraw is not possible now",
    )
    other = (await create(edge, northwind, program, right="ACCESS"))["request"]["id"]
    assert await do(edge, program, "withdrawRequest", other) == "WITHDRAWN"


async def test_the_person_is_chosen_held_and_set_free(edge: Edge, program: str) -> None:
    request = privacy_id("northwind", "req")
    hold = """mutation H($input: HoldRequestInput!) { holdRequest(input: $input) { __typename
      ... on RequestHeld { holdId request { state } } ... on HoldRequestError { message } } }"""
    given = {"request": request, "basis": "tax", "owner": "counsel"}
    held = (await edge.data(hold, program, input=given))["holdRequest"]
    assert held["message"] == "nobody is chosen for this request"
    assert (
        await do(edge, program, "chooseSubject", request, pseudonym='"sp_canarynorthwind"')
        == "IDENTIFYING"
    )
    held = (await edge.data(hold, program, input=given))["holdRequest"]
    late = {**given, "expiresAt": "2026-01-01T00:00:00Z"}
    refused = (await edge.data(hold, program, input=late))["holdRequest"]
    assert refused["message"] == "the hold would be over already"
    release = """mutation R($id: ID!) { releaseHold(id: $id) {
      ... on HoldReleased { freed } ... on ReleaseHoldError { message } } }"""
    first = await edge.data(release, program, id=held["holdId"])
    second = await edge.data(release, program, id=held["holdId"])
    assert first["releaseHold"] == {"freed": 0}
    assert second["releaseHold"] == {"message": "the agency has no such hold in force"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"identifiers": []}, "the request names nobody"),
        (
            {"identifiers": [{"kind": "EMAIL", "value": "ada at home"}]},
            "that is not an e-mail address",
        ),
        ({"identifiers": [{"kind": "PHONE", "value": "none"}]}, "that is not a telephone number"),
        (
            {"identifiers": [{"kind": "PLATFORM", "value": "191167"}]},
            "a platform's id needs its account",
        ),
        ({"receivedAt": "2026-03-15T10:00:00Z"}, "the request was received in the future"),
        ({"client": public_id("cli", parse_id("cli", "cli_" + "0" * 26))}, "the agency has no"),
    ],
)
async def test_what_was_given_is_never_told_again(
    edge: Edge, northwind: Agency, program: str, changed: dict[str, Any], message: str
) -> None:
    given = {
        "client": northwind.client("acme"),
        "right": "ACCESS",
        "identifiers": [{"kind": "EMAIL", "value": ADA}],
        **changed,
    }
    reply = await edge.ask(CREATE, program, variables={"input": given})
    error = reply.json()["data"]["createSubjectRequest"]
    assert error["__typename"] == "CreateSubjectRequestError"
    assert error["message"].startswith(message)
    for one in given["identifiers"]:
        assert one["value"] not in reply.text


async def test_an_id_of_an_order_and_the_day_of_receipt_go_in(
    edge: Edge, northwind: Agency, program: str
) -> None:
    order = {"kind": "ORDER", "value": "1001", "connection": northwind.connection("acme")}
    created = await create(
        edge,
        northwind,
        program,
        identifiers=[order],
        receivedAt="2026-03-01T09:00:00+01:00",
        isSpecial=True,
        purposes=["advertising"],
        language="de",
    )
    foreign = {**order, "connection": northwind.connection("bolt")}
    refused = await create(edge, northwind, program, identifiers=[foreign])
    assert refused["message"] == "the client has no such connection"
    query = "query Q($id: ID!) { subjectRequest(id: $id) { request { receivedAt dueAt } } }"
    data = await edge.data(query, program, id=created["request"]["id"])
    assert data["subjectRequest"]["request"] == {
        "receivedAt": "2026-03-01T08:00:00+00:00",
        "dueAt": "2026-04-01T22:00:00+00:00",
    }


async def test_a_limited_token_decides_for_its_clients_alone(
    edge: Edge, northwind: Agency, program: str
) -> None:
    limited = await edge.token(northwind, *SCOPES, clients=("bolt",))
    request = (await create(edge, northwind, program))["request"]["id"]
    for verb in ("withdrawRequest", "askIdentity", "searchAgain", "declareNobody"):
        document = f'mutation {{ {verb}(id: "{request}") {{ __typename }} }}'
        payload = (await edge.data(document, limited))[verb]
        assert payload["__typename"] == f"{verb[0].upper()}{verb[1:]}Error"
    refused = await create(edge, northwind, limited)
    assert refused["code"] == "NOT_FOUND"
    query = "query Q($id: ID!) { subjectRequest(id: $id) { request { state } } }"
    data = await edge.data(query, program, id=request)
    assert data["subjectRequest"]["request"]["state"] == "IDENTIFYING"
