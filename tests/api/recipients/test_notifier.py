"""What platforms get, held against their documentation, by servers written from it."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

import pytest

from api.alerts.sender import AlertSender
from api.recipients.notifier import HttpNotifier
from domain.ids import ConnectionId, public_id
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind, Telling
from domain.privacy.rights import Right
from tests.api.alerts.mail_server import MailRules, serve_mail
from tests.ingestion.connector.scripted_server import Reply, Request, ScriptedServer, serve

pytestmark = pytest.mark.anyio

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
KEY = uuid.UUID(int=7)
MAIL = Identifier(IdentifierKind.EMAIL, "ada@example.com")
PHONE = Identifier(IdentifierKind.PHONE, "+15005550006")
CLIENT = Identifier(IdentifierKind.PLATFORM, "1234.5678", ConnectionId(uuid.UUID(int=5)))


@dataclass(slots=True)
class Platform:
    """Answers as told, then 200."""

    replies: list[Reply] = field(default_factory=list)
    server: ScriptedServer = field(default_factory=lambda: ScriptedServer(""))

    def answer(self, _: Request) -> Reply:
        return self.replies.pop(0) if self.replies else Reply()

    @property
    def requests(self) -> list[Request]:
        return self.server.requests

    def notifier(self, *, public_only: bool = False) -> HttpNotifier:
        return HttpNotifier(
            AlertSender(public_only=public_only),
            lambda: NOON,
            public_only=public_only,
            bases=dict.fromkeys(RecipientKind, self.server.url),
            token_url=f"{self.server.url}/token",
        )


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    made = Platform()
    async with serve(made.answer) as server:
        made.server = server
        yield made


def telling(kind: RecipientKind, *identifiers: Identifier, **secrets: str) -> Telling:
    return Telling(KEY, kind, {}, secrets, Right.ERASURE, identifiers, NOON)


async def test_klaviyo_is_asked_for_a_deletion_job_for_each_identifier(
    platform: Platform,
) -> None:
    platform.replies = [Reply(status=202), Reply(status=202)]
    bare = Identifier(IdentifierKind.PHONE, "5005550006")
    told = telling(RecipientKind.KLAVIYO, MAIL, PHONE, bare, api_key="pk_abc")
    answer = await platform.notifier().tell(told)
    assert answer == RecipientAnswer(Answered.CONFIRMED, 202)
    assert [(one.method, one.path) for one in platform.requests] == [
        ("POST", "/api/data-privacy-deletion-jobs")
    ] * 2
    for one in platform.requests:
        assert one.headers["authorization"] == "Klaviyo-API-Key pk_abc"
        assert one.headers["revision"] == "2026-10-15"
        assert one.headers["content-type"] == "application/vnd.api+json"
    assert [one.json for one in platform.requests] == [
        {
            "data": {
                "type": "data-privacy-deletion-job",
                "attributes": {"profile": {"data": {"type": "profile", "attributes": known}}},
            }
        }
        for known in ({"email": "ada@example.com"}, {"phone_number": "+15005550006"})
    ]


async def test_hubspot_deletes_by_address(platform: Platform) -> None:
    platform.replies = [Reply(status=204)]
    told = telling(RecipientKind.HUBSPOT, MAIL, access_token="pat-eu1")
    assert await platform.notifier().tell(told) == RecipientAnswer(Answered.CONFIRMED, 204)
    (request,) = platform.requests
    assert (request.method, request.path) == ("POST", "/crm/v3/objects/contacts/gdpr-delete")
    assert request.headers["authorization"] == "Bearer pat-eu1"
    assert request.json == {"objectId": "ada@example.com", "idProperty": "email"}


def ga4() -> Telling:
    told = telling(RecipientKind.GA4, CLIENT, client_id="c", client_secret="s", refresh_token="r")
    return replace(told, settings={"property": "213025502", "id_type": "CLIENT_ID"})


async def test_ga4_is_asked_with_a_fresh_token(platform: Platform) -> None:
    deleted = {"kind": "analytics#userDeletionRequest", "deletionRequestTime": "2026-03-01"}
    platform.replies = [Reply({"access_token": "ya29.x", "expires_in": 3599}), Reply(deleted)]
    assert await platform.notifier().tell(ga4()) == RecipientAnswer(Answered.CONFIRMED, 200)
    token, request = platform.requests
    assert (token.method, token.path) == ("POST", "/token")
    assert token.form == {
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
        "grant_type": "refresh_token",
    }
    assert (request.method, request.path) == (
        "POST",
        "/analytics/v3/userDeletion/userDeletionRequests:upsert",
    )
    assert request.headers["authorization"] == "Bearer ya29.x"
    assert request.json == {
        "kind": "analytics#userDeletionRequest",
        "id": {"type": "CLIENT_ID", "userId": "1234.5678"},
        "propertyId": "213025502",
    }


async def test_a_token_that_google_does_not_give_ends_it(platform: Platform) -> None:
    platform.replies = [Reply({"error": "invalid_grant"}, status=400)]
    assert await platform.notifier().tell(ga4()) == RecipientAnswer(
        Answered.REFUSED, 400, "Google's token: it answered 400"
    )
    assert len(platform.requests) == 1


async def test_meta_takes_hashes_out_of_the_audience(platform: Platform) -> None:
    told = telling(RecipientKind.META_AUDIENCE, MAIL, PHONE, access_token="EAAB")
    told = replace(told, settings={"audience": "120208749119170125"})
    assert await platform.notifier().tell(told) == RecipientAnswer(Answered.CONFIRMED, 200)
    assert [(one.method, one.path) for one in platform.requests] == [
        ("DELETE", "/v26.0/120208749119170125/users")
    ] * 2
    assert {one.headers["authorization"] for one in platform.requests} == {"Bearer EAAB"}
    payloads = [json.loads(parse_qs(one.body.decode())["payload"][0]) for one in platform.requests]
    assert payloads == [
        {
            "schema": "EMAIL_SHA256",
            "data": ["b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"],
        },
        {"schema": "PHONE_SHA256", "data": [hashlib.sha256(b"15005550006").hexdigest()]},
    ]
    assert not [one for one in platform.requests if b"ada" in one.body or b"15005" in one.body]


async def test_a_webhook_is_signed_and_says_what_is_asked_for(platform: Platform) -> None:
    secret = base64.b64encode(b"k" * 32).decode()
    told = telling(RecipientKind.WEBHOOK, MAIL, signing_secret=f"whsec_{secret}")
    told = replace(told, settings={"url": f"{platform.server.url}/in"})
    platform.replies = [Reply(status=202), Reply(status=204)]
    notifier = platform.notifier()
    assert await notifier.tell(told) == RecipientAnswer(Answered.TOLD, 202)
    assert await notifier.tell(told) == RecipientAnswer(Answered.CONFIRMED, 204)
    first, second = platform.requests
    message_id = public_id("not", KEY)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message_id
    assert first.body == second.body
    assert first.json == {
        "type": "privacy.request",
        "timestamp": "2026-03-01T12:00:00Z",
        "data": {
            "right": "erasure",
            "identifiers": [{"kind": "email", "value": "ada@example.com"}],
        },
    }
    signed = b".".join([message_id.encode(), b"1772366400", first.body])
    mac = base64.b64encode(hmac.digest(b"k" * 32, signed, "sha256")).decode()
    assert first.headers["webhook-signature"] == f"v1,{mac}"


async def test_a_mailbox_gets_the_same_message_each_time() -> None:
    async with serve_mail(MailRules()) as server:
        told = telling(RecipientKind.EMAIL, MAIL)
        told = replace(
            told,
            settings={
                "to": "dpo@partner.example",
                "from": "privacy@northwind.example",
                "server": f"127.0.0.1:{server.port}",
                "security": "none",
            },
        )
        notifier = Platform().notifier()
        for _ in range(2):
            assert await notifier.tell(told) == RecipientAnswer(Answered.TOLD)
        first, second = server.mails
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message["Subject"] == f"A request about personal data ({public_id('not', KEY)})"
    text = first.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "has asked for the erasure of their personal data" in text
    assert "email: ada@example.com" in text


async def test_a_mailbox_is_not_told_in_the_clear_in_production() -> None:
    told = replace(
        telling(RecipientKind.EMAIL, MAIL),
        settings={
            "to": "dpo@partner.example",
            "from": "privacy@northwind.example",
            "server": "mail.example",
            "security": "none",
        },
    )
    answer = await Platform().notifier(public_only=True).tell(told)
    assert answer.answered is Answered.REFUSED


@pytest.mark.parametrize(
    ("status", "answered"),
    [
        (400, Answered.REFUSED),
        (401, Answered.REFUSED),
        (403, Answered.REFUSED),
        (404, Answered.REFUSED),
        (408, Answered.UNREACHED),
        (429, Answered.UNREACHED),
        (302, Answered.UNREACHED),
        (500, Answered.UNREACHED),
        (503, Answered.UNREACHED),
    ],
)
async def test_what_an_answer_means(platform: Platform, status: int, answered: Answered) -> None:
    platform.replies = [Reply(b"ada@example.com", status, {"Retry-After": "7"})]
    told = telling(RecipientKind.HUBSPOT, MAIL, PHONE, access_token="x")
    answer = await platform.notifier().tell(told)
    assert (answer.answered, answer.status, answer.retry_after) == (answered, status, "7")
    assert answer.reason.startswith(f"it answered {status}")
    assert "ada" not in answer.reason
    assert len(platform.requests) == 1  # the first that fails ends the attempt


async def test_nothing_to_tell_is_no_call(platform: Platform) -> None:
    told = telling(RecipientKind.KLAVIYO, api_key="k")
    answer = await platform.notifier().tell(told)
    assert answer == RecipientAnswer(
        Answered.NOTHING_TO_TELL, reason="the person has no identifier that it knows"
    )
    assert platform.requests == []


async def test_our_own_network_is_out_of_reach_in_production(platform: Platform) -> None:
    told = telling(RecipientKind.WEBHOOK, MAIL, signing_secret="whsec_AAAA")
    told = replace(told, settings={"url": f"{platform.server.url}/in"})
    answer = await platform.notifier(public_only=True).tell(told)
    assert answer == RecipientAnswer(
        Answered.UNREACHED,
        reason="the name leads to a private or local address; messages go to public ones only",
    )
    assert platform.requests == []
