"""Who was given data hears of a request: each once, again when it is down, and officers know."""

import asyncio
import datetime as dt

import pytest
from structlog.testing import capture_logs

from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind
from domain.privacy.rights import Right
from gdpr.recipients.desk import NewRecipient
from gdpr.recipients.outbox import open_recipients, told_recipients
from gdpr.recipients.schedule import next_wait
from tenancy.tables import NoticeState
from tests.api.identity.world import START, Agency
from tests.gdpr.recipients.conftest import Office

pytestmark = pytest.mark.anyio

DOWN = RecipientAnswer(Answered.UNREACHED, 503, "it answered 503")
NO = RecipientAnswer(Answered.REFUSED, 403, "it answered 403")


async def test_each_recipient_of_the_client_is_told_once_of_what_it_knows(
    office: Office, northwind: Agency, southwind: Agency
) -> None:
    for kind in (RecipientKind.KLAVIYO, RecipientKind.HUBSPOT):
        await office.add(northwind, "acme", kind)
    await office.add(northwind, "bolt", RecipientKind.KLAVIYO)
    await office.add(southwind, "zeta", RecipientKind.KLAVIYO)
    await office.add(northwind, "acme", RecipientKind.GA4)  # knows no id of the person
    request_id = await office.request(northwind, "acme")
    notices = await office.tell(northwind, request_id)
    assert len(notices) == 2
    assert await office.tell(northwind, request_id) == notices  # the step is done again
    assert await office.delivery.deliver_due() == 2
    assert await office.delivery.deliver_due() == 0
    told = {one.kind: one for one in office.notifier.told}
    assert {kind: [one.kind for one in each.identifiers] for kind, each in told.items()} == {
        RecipientKind.KLAVIYO: [IdentifierKind.EMAIL, IdentifierKind.PHONE],
        RecipientKind.HUBSPOT: [IdentifierKind.EMAIL],
    }
    assert sorted(one.key for one in office.notifier.told) == sorted(notices)
    assert told[RecipientKind.HUBSPOT].secrets == {"access_token": "pat-1"}
    for notice_id in notices:
        notice = await office.notice(northwind, notice_id)
        assert (notice.state, notice.sealed, notice.ended_at) == (
            NoticeState.ACKNOWLEDGED,
            None,
            START,
        )
    async with office.world.database.session(northwind.tenant_id) as session:
        assert await open_recipients(session, request_id) == []
        assert [one.name for one in await told_recipients(session, request_id)] == [
            "hubspot",
            "klaviyo",
        ]


async def test_an_interface_that_only_deletes_hears_of_erasures_alone(
    office: Office, northwind: Agency
) -> None:
    await office.add(northwind, "acme", RecipientKind.KLAVIYO)
    audiences = (
        RecipientKind.META_AUDIENCE,
        RecipientKind.GOOGLE_AUDIENCE,
        RecipientKind.TIKTOK_AUDIENCE,
    )
    for kind in audiences:
        await office.add(northwind, "acme", kind)
    await office.add(northwind, "acme", RecipientKind.WEBHOOK)
    told = {}
    for right in Right:
        notices = await office.tell(northwind, await office.request(northwind, "acme", right))
        told[right] = len(notices)
    assert told == {
        Right.ACCESS: 0,
        Right.PORTABILITY: 0,
        Right.DECISION_REVIEW: 0,
        Right.RECTIFICATION: 1,
        Right.RESTRICTION: 4,
        Right.OBJECTION: 4,
        Right.WITHDRAWAL: 4,
        Right.ERASURE: 5,
    }


async def test_who_is_down_is_told_again_ever_later_and_then_given_up(
    office: Office, northwind: Agency
) -> None:
    await office.add(northwind, "acme", RecipientKind.HUBSPOT)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    office.notifier.answers = [DOWN] * 30
    notice, waits, alerts, failures = await office.deliver_to_the_end(northwind, notice_id)
    assert failures == {"it answered 503"}
    hours = dt.timedelta(hours=1)
    first = [dt.timedelta(minutes=1), dt.timedelta(minutes=10), hours, 3 * hours, 6 * hours]
    assert waits[:6] == [*first, 12 * hours]
    assert set(waits[6:]) == {24 * hours}
    assert (notice.state, len(office.notifier.told)) == (NoticeState.FAILED, 21)
    assert office.world.clock() - START >= dt.timedelta(days=14)
    assert alerts.index(1) == 8  # not in the first two days
    assert await office.alerts(northwind) == [("critical", "hubspot: it answered 503", True)]
    assert {one.key for one in office.notifier.told} == {notice_id}
    assert notice.sealed is not None  # it can be told again


async def test_who_refuses_is_told_to_the_agency_and_can_be_asked_again(
    office: Office, northwind: Agency
) -> None:
    await office.add(northwind, "acme", RecipientKind.HUBSPOT)
    request_id = await office.request(northwind, "acme")
    (notice_id,) = await office.tell(northwind, request_id)
    office.notifier.answers = [NO]
    assert await office.delivery.deliver_due() == 0
    assert (await office.notice(northwind, notice_id)).state is NoticeState.REFUSED
    assert await office.alerts(northwind) == [("critical", "hubspot: it answered 403", True)]
    office.world.clock.advance(days=3)
    assert await office.delivery.deliver_due() == 0
    database = office.world.database
    async with database.session(northwind.tenant_id) as session:
        (standing,) = await open_recipients(session, request_id)
        assert (standing.state, standing.reason) == (NoticeState.REFUSED, "it answered 403")
        await office.desk.retry(session, notice_id, actor="cli:ops")
    assert await office.delivery.deliver_due() == 1
    assert await office.alerts(northwind) == [("critical", "hubspot: it answered 403", False)]
    async with database.session(northwind.tenant_id) as session:
        with pytest.raises(ConflictError):
            await office.desk.retry(session, notice_id, actor="cli:ops")


async def test_who_has_to_confirm_is_open_until_an_officer_says_so(
    office: Office, northwind: Agency, southwind: Agency
) -> None:
    await office.add(northwind, "acme", RecipientKind.WEBHOOK)
    request_id = await office.request(northwind, "acme")
    (notice_id,) = await office.tell(northwind, request_id)
    office.notifier.answers = [RecipientAnswer(Answered.TOLD, 202)]
    assert await office.delivery.deliver_due() == 1
    office.world.clock.advance(days=20)
    assert await office.delivery.deliver_due() == 0
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.sent_at, notice.ended_at) == (NoticeState.SENT, START, None)
    database = office.world.database
    async with database.session(southwind.tenant_id) as session:
        with pytest.raises(NotFoundError):
            await office.desk.acknowledge(session, notice_id, actor="cli:thief")
    async with database.session(northwind.tenant_id) as session:
        assert len(await open_recipients(session, request_id)) == 1
        await office.desk.acknowledge(session, notice_id, actor="user:dpo")
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.sealed, notice.confirmed_by) == (
        NoticeState.ACKNOWLEDGED,
        None,
        "user:dpo",
    )
    async with database.session(northwind.tenant_id) as session:
        assert await open_recipients(session, request_id) == []
        with pytest.raises(ConflictError):
            await office.desk.acknowledge(session, notice_id, actor="user:dpo")
    audited = [(actor, action) for actor, action, _ in await office.world.audited(northwind)]
    assert audited[-1] == ("user:dpo", "recipient_notice.acknowledged")


async def test_after_a_crash_it_is_told_again_under_the_same_key(
    office: Office, northwind: Agency
) -> None:
    await office.add(northwind, "acme", RecipientKind.HUBSPOT)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    office.notifier.crash = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await office.delivery.deliver_due()
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.attempts) == (NoticeState.SENDING, 1)  # the intent is on record
    assert await office.delivery.deliver_due() == 0  # somebody may still be at it
    office.world.clock.advance(minutes=2)
    assert await office.delivery.deliver_due() == 1
    assert [one.key for one in office.notifier.told] == [notice_id] * 2
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.attempts) == (NoticeState.ACKNOWLEDGED, 2)


async def test_a_late_answer_of_a_stalled_process_changes_nothing(
    office: Office, northwind: Agency
) -> None:
    recipient_id = await office.add(northwind, "acme", RecipientKind.HUBSPOT)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    stalled, other = office.delivery, office.delivery
    claimed = await stalled._claim(northwind.tenant_id, recipient_id)  # noqa: SLF001  # then it stands still
    assert claimed is not None
    office.world.clock.advance(minutes=3)
    assert await other.deliver_due() == 1
    await stalled._note(northwind.tenant_id, claimed, NO)  # noqa: SLF001  # and comes back
    assert (await office.notice(northwind, notice_id)).state is NoticeState.ACKNOWLEDGED


async def test_a_late_answer_does_not_end_the_attempt_of_another(
    office: Office, northwind: Agency
) -> None:
    recipient_id = await office.add(northwind, "acme", RecipientKind.HUBSPOT)
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    stalled, other = office.delivery, office.delivery
    first = await stalled._claim(northwind.tenant_id, recipient_id)  # noqa: SLF001  # then it stands still
    office.world.clock.advance(minutes=3)
    second = await other._claim(northwind.tenant_id, recipient_id)  # noqa: SLF001  # is at it
    assert first is not None
    assert second is not None
    await stalled._note(northwind.tenant_id, first, NO)  # noqa: SLF001  # comes back
    notice = await office.notice(northwind, notice_id)
    assert (notice.state, notice.failure) == (NoticeState.SENDING, None)
    assert await office.alerts(northwind) == []
    done = RecipientAnswer(Answered.CONFIRMED, 204)
    await other._note(northwind.tenant_id, second, done)  # noqa: SLF001
    assert (await office.notice(northwind, notice_id)).state is NoticeState.ACKNOWLEDGED


async def test_nobody_shows_in_the_log_or_in_the_rows(office: Office, northwind: Agency) -> None:
    await office.add(northwind, "acme", RecipientKind.KLAVIYO)
    with capture_logs() as logs:
        (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
        sealed = (await office.notice(northwind, notice_id)).sealed
        await office.delivery.deliver_due()
    assert sealed is not None
    assert b"ada" not in sealed
    assert not [word for word in ("ada@", "4930", "pk_1") if word in repr(logs)]
    assert not [word for word in ("ada@", "4930", "pk_1") if word in repr(office.notifier.told)]


async def test_a_recipient_that_was_removed_is_not_told(office: Office, northwind: Agency) -> None:
    await office.add(northwind, "acme", RecipientKind.KLAVIYO, "old")
    (notice_id,) = await office.tell(northwind, await office.request(northwind, "acme"))
    client_id = northwind.clients["acme"]
    async with office.world.database.session(northwind.tenant_id) as session:
        await office.desk.remove(session, client_id, "old", actor="cli:ops")
        with pytest.raises(NotFoundError, match="the client has no recipient 'old'"):
            await office.desk.remove(session, client_id, "old", actor="cli:ops")
    assert await office.tell(northwind, await office.request(northwind, "acme")) == []
    assert await office.delivery.deliver_due() == 0
    assert office.notifier.told == []  # its secrets are gone: an officer tells it by hand
    assert (await office.notice(northwind, notice_id)).state is NoticeState.REFUSED
    await office.add(northwind, "acme", RecipientKind.KLAVIYO, "old")


async def test_a_name_is_used_once(office: Office, northwind: Agency) -> None:
    await office.add(northwind, "acme", RecipientKind.KLAVIYO, "crm")
    with pytest.raises(ConflictError, match="the client has a recipient 'crm' already"):
        await office.add(northwind, "acme", RecipientKind.HUBSPOT, "crm")


@pytest.mark.parametrize(
    ("kind", "settings", "secrets", "message"),
    [
        ("klaviyo", {}, {}, "the credential 'api_key' of klaviyo is missing"),
        ("klaviyo", {"x": "1"}, {"api_key": "k"}, "klaviyo has no setting 'x'"),
        ("hubspot", {}, {"access_token": "a", "k": "b"}, "hubspot has no credential 'k'"),
        (
            "meta_audience",
            {"audience": "12a"},
            {"access_token": "a"},
            "audience is not a number",
        ),
        (
            "google_audience",
            {"account": "123-456-7890", "audience": "1"},
            {"client_id": "a", "client_secret": "b", "refresh_token": "c"},
            "account is not a number",
        ),
        (
            "tiktok_audience",
            {"audience": "1"},
            {"access_token": "a"},
            "the setting 'advertiser' of tiktok_audience is missing",
        ),
        (
            "ga4",
            {"property": "1", "id_type": "EMAIL"},
            {"client_id": "a", "client_secret": "b", "refresh_token": "c"},
            "id_type is not one of USER_ID, CLIENT_ID",
        ),
        ("webhook", {}, {"signing_secret": "s"}, "the setting 'url' of webhook is missing"),
    ],
)
async def test_what_cannot_be_told_is_not_declared(
    office: Office,
    northwind: Agency,
    kind: str,
    settings: dict[str, str],
    secrets: dict[str, str],
    message: str,
) -> None:
    new = NewRecipient(northwind.clients["acme"], RecipientKind(kind), "one", settings, secrets)
    with pytest.raises(InvalidInputError) as refused:
        await office.desk.add(northwind.tenant_id, new, actor="cli:ops")
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("attempts", "retry_after", "wait"),
    [
        (1, "", dt.timedelta(minutes=1)),
        (1, "600", dt.timedelta(minutes=10)),
        (1, "999999999", dt.timedelta(days=1)),
        (7, "", dt.timedelta(days=1)),
        (40, "1", dt.timedelta(days=1)),
        (1, "Mon, 16 Mar 2026 10:30:00 GMT", dt.timedelta(hours=1)),
        (1, "soon", dt.timedelta(minutes=1)),
        (1, "-5", dt.timedelta(minutes=1)),
    ],
)
def test_waits_grow_to_a_day(attempts: int, retry_after: str, wait: dt.timedelta) -> None:
    assert next_wait(attempts, retry_after, START) == wait
