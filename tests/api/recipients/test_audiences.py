"""Audiences at Google and TikTok, held against servers written from their documentation."""

import datetime as dt
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from api.alerts.sender import AlertSender
from api.recipients import google
from api.recipients.notifier import HttpNotifier
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind, Telling
from domain.privacy.rights import Right
from gdpr.recipients.delivery import NoticeDelivery
from gdpr.recipients.outbox import told_recipients
from tenancy.tables import NoticeState
from tests.api.identity.world import Agency
from tests.api.recipients.data_manager import DataManager
from tests.api.recipients.tiktok_segments import Segments
from tests.gdpr.recipients.conftest import Office, northwind, office, world
from tests.ingestion.connector.scripted_server import Reply, Request, ScriptedServer, serve

__all__ = ["northwind", "office", "world"]

pytestmark = pytest.mark.anyio

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MAIL = Identifier(IdentifierKind.EMAIL, "ada.lovelace+x@gmail.com")
OTHER = Identifier(IdentifierKind.EMAIL, "ada.l@example.com")
PHONE = Identifier(IdentifierKind.PHONE, "+15005550006")
BARE = Identifier(IdentifierKind.PHONE, "5005550006")
GOOGLE = Telling(
    uuid.UUID(int=7),
    RecipientKind.GOOGLE_AUDIENCE,
    {"account": "1234567890", "audience": "9876543210"},
    {"client_id": "c", "client_secret": "s", "refresh_token": "r"},
    Right.ERASURE,
    (MAIL, OTHER, PHONE, BARE),
    NOON,
)
TIKTOK = replace(
    GOOGLE,
    kind=RecipientKind.TIKTOK_AUDIENCE,
    settings={"advertiser": "7012345678901234567", "audience": "167290896"},
    secrets={"access_token": "tt-1"},
)
FIRST = "00000000-0000-0000-0000-000000000001"
STATUS = "/v1/requestStatus:retrieve"
AT_WORK = "it has accepted this and is at work on it"
INTERNAL = "PROCESSING_ERROR_REASON_INTERNAL_ERROR"
DENIED = "PROCESSING_ERROR_REASON_DENIED_CONSENT"


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def data_manager() -> DataManager:
    """Hers, as Google's guide has them, and those of somebody else."""
    hers = ("adalovelace+x@gmail.com", "ada.l@example.com", "+15005550006")
    return DataManager("1234567890", {"9876543210": {*map(hashed, hers), hashed("bob@b.example")}})


def segments() -> Segments:
    hers = {("EMAIL_SHA256", hashed(one.value)) for one in (MAIL, OTHER)}
    hers.add(("PHONE_SHA256", hashed("+15005550006")))
    return Segments(
        "7012345678901234567",
        "tt-1",
        {"167290896": {*hers, ("EMAIL_SHA256", hashed("bob@b.example"))}, "2": set(hers)},
    )


@asynccontextmanager
async def notifying(
    answer: Callable[[Request], Reply],
) -> AsyncIterator[tuple[HttpNotifier, ScriptedServer]]:
    async with serve(answer) as server:
        yield (
            HttpNotifier(
                AlertSender(public_only=False),
                lambda: NOON,
                public_only=False,
                bases=dict.fromkeys(RecipientKind, server.url),
                token_url=f"{server.url}/token",
            ),
            server,
        )


async def test_google_is_asked_until_it_is_done() -> None:
    manager = data_manager()
    async with notifying(manager.answer) as (notifier, server):
        accepted = await notifier.tell(GOOGLE)
        assert accepted == RecipientAnswer(Answered.ACCEPTED, 200, AT_WORK, receipt=FIRST)
        later = replace(GOOGLE, receipt=FIRST)
        assert await notifier.tell(later) == accepted
        manager.finish()
        assert await notifier.tell(later) == RecipientAnswer(Answered.CONFIRMED, 200, receipt=FIRST)
        assert manager.members == {"9876543210": {hashed("bob@b.example")}}
        paths = [(one.method, one.path) for one in server.requests if one.path != "/token"]
        assert paths == [
            ("POST", "/v1/audienceMembers:remove"),
            ("GET", "/v1/requestStatus:retrieve"),
            ("GET", "/v1/requestStatus:retrieve"),
        ]
        assert not [one for one in server.requests if b"ada" in one.body or b"5005" in one.body]


async def test_google_is_told_who_logs_in() -> None:
    manager = data_manager()
    settings = {**GOOGLE.settings, "login_account": "5555555555"}
    async with notifying(manager.answer) as (notifier, server):
        await notifier.tell(replace(GOOGLE, settings=settings, identifiers=(OTHER,)))
        assert server.requests[-1].json == {
            "destinations": [
                {
                    "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": "1234567890"},
                    "productDestinationId": "9876543210",
                    "loginAccount": {"accountType": "GOOGLE_ADS", "accountId": "5555555555"},
                }
            ],
            "audienceMembers": [
                {"userData": {"userIdentifiers": [{"emailAddress": hashed("ada.l@example.com")}]}}
            ],
            "encoding": "HEX",
        }


@pytest.mark.parametrize(
    ("status", "reasons", "answer"),
    [
        (
            "FAILED",
            (INTERNAL,),
            RecipientAnswer(Answered.UNREACHED, 200, f"Google did not do it: FAILED, {INTERNAL}"),
        ),
        ("FAILURE", (), RecipientAnswer(Answered.UNREACHED, 200, "Google did not do it: FAILURE")),
        (
            "PARTIAL_SUCCESS",
            (INTERNAL, DENIED),
            RecipientAnswer(
                Answered.REFUSED,
                200,
                f"Google did not do it: PARTIAL_SUCCESS, {DENIED}, {INTERNAL}",
                receipt=FIRST,
            ),
        ),
        (
            "FAILED",
            ("ada@example.com",),
            RecipientAnswer(
                Answered.REFUSED,
                200,
                "Google did not do it: FAILED, a reason that is not known",
                receipt=FIRST,
            ),
        ),
        (
            "REQUEST_STATUS_UNKNOWN",
            (),
            RecipientAnswer(Answered.ACCEPTED, 200, AT_WORK, receipt=FIRST),
        ),
    ],
)
async def test_what_google_could_not_do(
    status: str, reasons: tuple[str, ...], answer: RecipientAnswer
) -> None:
    manager = data_manager()
    async with notifying(manager.answer) as (notifier, _):
        await notifier.tell(GOOGLE)
        manager.finish(status, *reasons)
        assert await notifier.tell(replace(GOOGLE, receipt=FIRST)) == answer
    assert len(manager.members["9876543210"]) == 4


async def test_google_is_told_anew_of_what_it_has_forgotten() -> None:
    async with notifying(data_manager().answer) as (notifier, _):
        answer = await notifier.tell(replace(GOOGLE, receipt="gone"))
    assert answer == RecipientAnswer(
        Answered.UNREACHED, 404, "it knows nothing of what it had accepted"
    )


@pytest.mark.parametrize(
    ("path", "reply", "answered", "status"),
    [
        (STATUS, Reply({"error": {}}, 429, {"Retry-After": "60"}), Answered.UNREACHED, 429),
        (STATUS, Reply({"error": {}}, 403), Answered.REFUSED, 403),
        ("/token", Reply({"error": {}}, 503), Answered.UNREACHED, 503),
        ("/token", Reply({"error": "invalid_grant"}, 400), Answered.REFUSED, 400),
    ],
)
async def test_a_receipt_is_kept_while_google_is_not_reached(
    path: str, reply: Reply, answered: Answered, status: int
) -> None:
    manager = data_manager()
    manager.failing[path] = reply
    async with notifying(manager.answer) as (notifier, _):
        answer = await notifier.tell(replace(GOOGLE, receipt=FIRST))
    assert (answer.answered, answer.status, answer.receipt) == (answered, status, FIRST)
    assert answer.retry_after == reply.headers.get("Retry-After", "")


async def test_google_refuses_an_account_that_is_not_the_tokens() -> None:
    manager = replace(data_manager(), account="1")
    async with notifying(manager.answer) as (notifier, _):
        assert await notifier.tell(GOOGLE) == RecipientAnswer(
            Answered.REFUSED, 403, "it answered 403"
        )
    assert manager.removals == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"requestId": 5}', b'{"requestId": "a b"}'])
def test_an_acceptance_without_an_id_is_none(body: bytes) -> None:
    assert google.accepted(body) == RecipientAnswer(
        Answered.UNREACHED, reason="its answer cannot be read"
    )


@pytest.mark.parametrize(
    "body", [b'{"requestStatusPerDestination": 1}', b'{"requestStatusPerDestination": [1]}']
)
def test_a_status_that_cannot_be_read_keeps_the_receipt(body: bytes) -> None:
    assert google.finished(body, FIRST) == RecipientAnswer(
        Answered.UNREACHED, reason="its answer cannot be read", receipt=FIRST
    )


@pytest.mark.parametrize("told", [GOOGLE, TIKTOK])
async def test_a_number_without_its_country_is_nobodys(told: Telling) -> None:
    async with notifying(data_manager().answer) as (notifier, server):
        answer = await notifier.tell(replace(told, identifiers=(BARE,)))
        assert answer == RecipientAnswer(
            Answered.NOTHING_TO_TELL, reason="the person has no identifier that it knows"
        )
        assert [one.path for one in server.requests if one.path != "/token"] == []


async def test_tiktok_takes_hashes_out_of_one_audience_and_can_be_asked_twice() -> None:
    held = segments()
    async with notifying(held.answer) as (notifier, server):
        for _ in range(2):
            assert await notifier.tell(TIKTOK) == RecipientAnswer(
                Answered.CONFIRMED, 200, receipt="20260301120000AB, 20260301120000AB"
            )
        assert held.members["167290896"] == {("EMAIL_SHA256", hashed("bob@b.example"))}
        assert len(held.members["2"]) == 3
        assert not [one for one in server.requests if b"ada" in one.body or b"5005" in one.body]


@pytest.mark.parametrize(
    ("code", "answered", "reason", "retry_after"),
    [
        (40100, Answered.UNREACHED, "TikTok's limit of calls is reached (code 40100)", "300"),
        (20001, Answered.UNREACHED, "TikTok answered code 20001", ""),
        (50000, Answered.UNREACHED, "TikTok answered code 50000", ""),
        (60001, Answered.UNREACHED, "TikTok answered code 60001", ""),
        (
            40105,
            Answered.REFUSED,
            "its access token was revoked or has run out (code 40105)",
            "",
        ),
        (
            40001,
            Answered.REFUSED,
            "the access token may not change that audience (code 40001)",
            "",
        ),
        (40002, Answered.REFUSED, "TikTok answered code 40002", ""),
    ],
)
async def test_what_tiktoks_codes_mean(
    code: int, answered: Answered, reason: str, retry_after: str
) -> None:
    held = segments()
    held.code = code
    async with notifying(held.answer) as (notifier, server):
        answer = await notifier.tell(TIKTOK)
        assert answer == RecipientAnswer(answered, 200, reason, retry_after)
        assert len(server.requests) == 1
    assert len(held.members["167290896"]) == 4


@pytest.mark.parametrize("body", [b"", b'{"code": "0"}', b'{"code": false}', b"<html>"])
async def test_a_page_instead_of_a_code_is_no_confirmation(body: bytes) -> None:
    async with notifying(lambda _: Reply(body)) as (notifier, _):
        assert await notifier.tell(TIKTOK) == RecipientAnswer(
            Answered.UNREACHED, 200, "its answer cannot be read"
        )


async def test_a_notice_ends_when_google_has_done_it_and_not_before(
    office: Office, northwind: Agency
) -> None:
    manager = DataManager(
        "1234567890",
        {"9876543210": {hashed("ada@example.com"), hashed("+4930901820"), hashed("b@b.example")}},
    )
    await office.add(northwind, "acme", RecipientKind.GOOGLE_AUDIENCE)
    request_id = await office.request(northwind, "acme")
    (notice_id,) = await office.tell(northwind, request_id)
    clock = office.world.clock
    async with notifying(manager.answer) as (notifier, server):
        parts = (office.world.database, office.world.doors, office.world.vault)
        delivery = NoticeDelivery(*parts, notifier, clock, office.world.ids)
        assert await delivery.deliver_due() == 0
        notice = await office.notice(northwind, notice_id)
        assert (notice.state, notice.receipt, notice.failure) == (
            NoticeState.WAITING,
            FIRST,
            AT_WORK,
        )
        clock.advance(minutes=29)
        assert await delivery.deliver_due() == 0
        assert len(server.requests) == 2  # a token, the removal
        clock.advance(minutes=1)
        assert await delivery.deliver_due() == 0
        manager.finish()
        clock.advance(minutes=30)
        assert await delivery.deliver_due() == 1
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.sealed, notice.ended_at) == (
        NoticeState.ACKNOWLEDGED,
        None,
        clock(),
    )
    assert manager.members == {"9876543210": {hashed("b@b.example")}}
    assert [one.path for one in server.requests].count("/v1/audienceMembers:remove") == 1
    async with office.world.database.session(northwind.tenant_id) as session:
        (told,) = await told_recipients(session, request_id)
    assert (told.state, told.receipt) == (NoticeState.ACKNOWLEDGED, FIRST)
