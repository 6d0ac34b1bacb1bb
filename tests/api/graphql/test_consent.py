"""`recordConsent`, `consent` and `consentReceipts`: what people said, and the proof of it."""

import datetime as dt
import hashlib
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from domain.ids import public_id
from domain.privacy.purposes import Purpose
from domain.privacy.receipts import read_receipt
from tenancy.tables import AuditEntry, ConsentEvent, ConsentNotice, SubjectIdentifier, Suppression
from tests.api.graphql.edge import Agency, Edge
from tests.domain.privacy.test_signals import encoded

pytestmark = pytest.mark.anyio

RECORD = """mutation M($words: [ConsentWordInput!]!) { recordConsent(words: $words) {
  ... on ConsentRecorded { recorded receipts }
  ... on RecordConsentError { code message hint } } }"""
ASK = """query Q($client: ID!, $person: PersonInput!, $at: DateTime, $knownBy: DateTime) {
  consent(client: $client, person: $person, at: $at, knownBy: $knownBy) {
    purpose state words { source state receiptId } } }"""
ADD_NOTICE = """mutation M($input: ConsentNoticeInput!) { addConsentNotice(input: $input) {
  ... on ConsentNoticeAdded { version sha256 }
  ... on AddConsentNoticeError { code message hint } } }"""
RECEIPTS = "query Q($ids: [ID!]!) { consentReceipts(ids: $ids) { id jws } }"
ADA = {"email": "Ada@Northwind.example"}
EARLY, NOON = "2020-03-01T11:00:00Z", "2020-03-01T12:00:00Z"
NOBODY = {"ADVERTISING": None, "ANALYTICS": None, "PERSONALISATION": None}


@pytest.fixture
async def token(edge: Edge, northwind: Agency) -> str:
    return await edge.token(northwind, "privacy:read", "privacy:write")


async def _record(edge: Edge, token: str, *words: dict[str, Any]) -> Any:
    return (await edge.data(RECORD, token, words=list(words)))["recordConsent"]


def _word(client: str, **more: Any) -> dict[str, Any]:
    return {"client": client, "person": ADA, "at": NOON, **more}


async def _states(edge: Edge, token: str, client: str, **more: Any) -> dict[str, Any]:
    asked = {"client": client, "person": ADA, **more}
    told = (await edge.data(ASK, token, **asked))["consent"]
    return {one["purpose"]: one["state"] for one in told}


async def test_each_signal_is_recorded_and_shown(edge: Edge, northwind: Agency, token: str) -> None:
    acme = northwind.client("acme")
    analytics = [{"type": "analytics_storage", "state": "granted"}]
    done = await _record(
        edge,
        token,
        _word(acme, consentMode=analytics, at=EARLY),
        _word(acme, gpc="1"),
        _word(acme, tcString={"text": encoded(disclosed={3}), "vendor": 3}),
        _word(
            acme,
            flag={"source": "shopify", "state": "PENDING", "purposes": ["ADVERTISING"]},
        ),
    )
    assert done["recorded"] == 3
    assert done["receipts"][3] is None  # pending says nothing
    assert await _states(edge, token, acme, at=EARLY) == NOBODY | {"ANALYTICS": "GRANTED"}
    assert await _states(edge, token, acme) == dict.fromkeys(NOBODY, "DENIED")
    long_ago = "2019-12-31T00:00:00Z"
    assert await _states(edge, token, acme, knownBy=long_ago) == NOBODY


async def test_what_was_denied_is_suppressed_and_agreeing_again_ends_it(
    edge: Edge, northwind: Agency, token: str
) -> None:
    acme = northwind.client("acme")
    denied = [{"type": "analytics_storage", "state": "denied"}]
    granted = [{"type": "analytics_storage", "state": "granted"}]
    await _record(edge, token, _word(acme, consentMode=denied, at=EARLY))
    await _record(edge, token, _word(acme, consentMode=granted, at=NOON))
    async with edge.database.session(northwind.tenant_id) as session:
        (row,) = await session.scalars(select(Suppression))
        (person,) = await session.scalars(
            select(SubjectIdentifier.subject_id)
            .join(ConsentEvent, ConsentEvent.pseudonym == SubjectIdentifier.pseudonym)
            .distinct()
        )
    assert (row.subject_id, row.purpose, row.origin) == (person, Purpose.ANALYTICS, "consent_mode")
    assert row.events_from == dt.datetime(2020, 3, 1, 11, tzinfo=dt.UTC)
    assert row.events_to == dt.datetime(2020, 3, 1, 12, tzinfo=dt.UTC)
    assert (row.revision, row.written_revision, row.lifted_at) == (2, 0, None)


async def test_the_ledger_keeps_pseudonyms_and_the_trail_keeps_counts(
    edge: Edge, northwind: Agency, token: str
) -> None:
    await _record(edge, token, _word(northwind.client("acme"), gpc="1"))
    async with edge.database.session(northwind.tenant_id) as session:
        rows = (await session.scalars(select(ConsentEvent))).all()
        entry = (
            await session.scalars(select(AuditEntry).where(AuditEntry.action == "consent.recorded"))
        ).one()
    assert [row.pseudonym[:3] for row in rows] == ["sp_", "sp_"]
    assert entry.details == {
        "words": 1,
        "recorded": 1,
        "clients": [str(northwind.clients["acme"])],
    }


async def test_a_receipt_proves_itself_and_a_changed_one_does_not(
    edge: Edge, northwind: Agency, token: str
) -> None:
    acme = northwind.client("acme")
    (receipt,) = (await _record(edge, token, _word(acme, gpc="1")))["receipts"]
    nobody_s = public_id("rcp", uuid.UUID(int=1))
    asked = await edge.data(RECEIPTS, token, ids=[nobody_s, receipt])
    ((shown),) = asked["consentReceipts"]
    assert shown["id"] == receipt
    async with edge.database.session(northwind.tenant_id) as session:
        keys = await edge.services.consent_proof.trusted(session)
    told = read_receipt(shown["jws"], keys)
    assert told | {"piiPrincipalId": "", "recordedAt": ""} == {
        "version": "ISO/IEC TS 27560:2023",
        "consentReceiptID": receipt,
        "piiPrincipalId": "",
        "piiController": acme,
        "piiProcessor": public_id("ten", northwind.tenant_id),
        "collectionMethod": "gpc",
        "signal": "1",
        "consentTimestamp": NOON,
        "recordedAt": "",
        "notice": None,
        "purposes": [
            {"purpose": "advertising", "state": "denied", "legalBasis": "6(1)(a)"},
            {"purpose": "personalisation", "state": "denied", "legalBasis": "6(1)(a)"},
        ],
    }


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({}, "INVALID_INPUT", "give exactly one signal"),
        (
            {"gpc": "1", "consentMode": [{"type": "ad_storage", "state": "denied"}]},
            "INVALID_INPUT",
            "give exactly one signal",
        ),
        ({"gpc": "0"}, "INVALID_SIGNAL", "Sec-GPC has no other value than 1"),
        (
            {"tcString": {"text": "x", "vendor": 1}},
            "INVALID_SIGNAL",
            "that is no TC string: it is not base64url",
        ),
        ({"gpc": "1", "person": {}}, "INVALID_INPUT", "nobody is named"),
        ({"gpc": "1", "person": {"email": "x"}}, "INVALID_INPUT", "that is not an e-mail address"),
        ({"gpc": "1", "at": "2999-01-01T00:00:00Z"}, "INVALID_INPUT", "word 0 is of the future"),
        ({"gpc": "1", "notice": "v9"}, "NOT_FOUND", "there is no such notice"),
        (
            {"gpc": "1", "client": public_id("cli", uuid.UUID(int=7))},
            "NOT_FOUND",
            "there is no such client",
        ),
    ],
)
async def test_refuses(
    edge: Edge, northwind: Agency, token: str, more: dict[str, Any], code: str, message: str
) -> None:
    word = {**_word(northwind.client("acme")), **more}
    refused = await _record(edge, token, word)
    assert (refused["code"], refused["message"]) == (code, message)
    async with edge.database.session(northwind.tenant_id) as session:
        assert (await session.scalars(select(ConsentEvent))).all() == []


async def test_refuses_none_at_all(edge: Edge, token: str) -> None:
    refused = await _record(edge, token)
    assert refused["message"] == "record between 1 and 1,000 words at a time"


async def test_connections_of_others_are_not_there(
    edge: Edge, northwind: Agency, southwind: Agency, token: str
) -> None:
    """Neither those of another client nor those of another agency."""
    acme = northwind.client("acme")
    for connection in (northwind.connection("bolt"), southwind.connection("zeta")):
        person = {"platformIds": [{"connection": connection, "id": "1"}]}
        refused = await _record(edge, token, _word(acme, gpc="1", person=person))
        assert refused["message"] == "the client has no such connection"


async def test_people_of_another_client_are_others(
    edge: Edge, northwind: Agency, token: str
) -> None:
    await _record(edge, token, _word(northwind.client("acme"), gpc="1"))
    assert await _states(edge, token, northwind.client("bolt")) == NOBODY


async def test_a_token_of_one_client_sees_and_records_nothing_of_another(
    edge: Edge, northwind: Agency, token: str
) -> None:
    acme = northwind.client("acme")
    (receipt,) = (await _record(edge, token, _word(acme, gpc="1")))["receipts"]
    other = await edge.token(northwind, "privacy:read", "privacy:write", clients=("bolt",))
    assert (await _record(edge, other, _word(acme, gpc="1")))["code"] == "NOT_FOUND"
    assert (await edge.data(RECEIPTS, other, ids=[receipt]))["consentReceipts"] == []
    asked = f'{{ consent(client: "{acme}", person: {{phone: "+4930901820"}}) {{ state }} }}'
    reply = await edge.ask(asked, other)
    assert reply.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def _notice(edge: Edge, token: str, client: str, text: str = "We count.") -> Any:
    notice = {"client": client, "version": "2026-03", "language": "en-GB", "text": text}
    return (await edge.data(ADD_NOTICE, token, input=notice))["addConsentNotice"]


async def test_a_receipt_shows_what_the_person_had_been_told(
    edge: Edge, northwind: Agency, token: str
) -> None:
    acme = northwind.client("acme")
    digest = hashlib.sha256(b"We count.").hexdigest()
    added = await _notice(edge, token, acme)
    assert added == {"version": "2026-03", "sha256": digest}
    done = await _record(edge, token, _word(acme, gpc="1", notice="2026-03"))
    (shown,) = (await edge.data(RECEIPTS, token, ids=done["receipts"]))["consentReceipts"]
    async with edge.database.session(northwind.tenant_id) as session:
        keys = await edge.services.consent_proof.trusted(session)
    notice = read_receipt(shown["jws"], keys)["notice"]
    assert notice == {"version": "2026-03", "language": "en-GB", "sha256": digest}


async def test_a_notice_is_not_changed_and_not_given_to_others(
    edge: Edge, northwind: Agency, southwind: Agency, token: str
) -> None:
    acme = northwind.client("acme")
    await _notice(edge, token, acme)
    refused = await _notice(edge, token, acme, "We sell.")
    assert refused == {
        "code": "CONFLICT",
        "message": "notice 2026-03 has another text already",
        "hint": "a new text is a new version",
    }
    of_bolt = await edge.token(northwind, "privacy:write", clients=("bolt",))
    for client, bearer in ((acme, of_bolt), (southwind.client("zeta"), token)):
        refused = await _notice(edge, bearer, client, "Mine.")
        assert (refused["code"], refused["message"]) == ("NOT_FOUND", "there is no such client")
    async with edge.database.session(northwind.tenant_id) as session:
        assert (await session.scalars(select(ConsentNotice.content))).all() == ["We count."]
