"""From a signed message to requests: in every agency that is meant, once, whatever fails."""

import datetime as dt
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from domain.errors import InternalError, InvalidInputError, Transient
from domain.privacy.identifiers import Identifier, IdentifierKind
from domain.privacy.rights import IdentityLevel, IntakeChannel, RequestState, Right
from gdpr.inbound.inbox import open_message
from gdpr.inbound.meta import read_meta
from gdpr.inbound.shopify import read_shopify
from gdpr.requests.desk import RequestDesk
from gdpr.requests.intake import Intake
from gdpr.requests.services import RequestServices
from tenancy.tables import (
    Connection,
    ConnectionState,
    MessageTopic,
    PrivacyMessageState,
    SubjectRequest,
)
from tenancy.vault import CredentialError
from tests.api.identity.world import START, Agency
from tests.gdpr.inbound.conftest import Post
from tests.gdpr.inbound.signed import (
    EXAMPLES,
    META_SECRET,
    SHOPIFY_SECRET,
    WEBHOOK_ID,
    meta_payload,
    shopify_headers,
    signed_request,
)

pytestmark = pytest.mark.anyio


class BusyDeskError(InternalError, Transient):
    code = "BUSY_DESK"


async def take(post: Post, topic: str, webhook_id: str = WEBHOOK_ID) -> int:
    body = EXAMPLES[topic]
    headers = shopify_headers(topic, body, webhook_id=webhook_id)
    return await post.inbox.take_shopify(read_shopify(headers, body, (SHOPIFY_SECRET,)))


async def take_meta(post: Post, topic: MessageTopic, code: str = "", **changed: object) -> int:
    now = post.world.clock()
    issued_at = int(now.timestamp())
    payload = meta_payload(issued_at=issued_at, expires=issued_at + 5, **changed)
    message = read_meta(signed_request(payload), (META_SECRET,), now)
    return await post.inbox.take_meta(message, topic, code)


async def test_a_redaction_reaches_every_agency_that_has_the_shop(
    post: Post, northwind: Agency, southwind: Agency
) -> None:
    north = await post.connect(northwind, "acme", "shopify", "johns-apparel")
    south = await post.connect(southwind, "zeta", "shopify", "johns-apparel")
    await post.connect(northwind, "bolt", "shopify", "another-shop")
    await post.connect(northwind, "bolt", "meta_ads", "johns-apparel")
    assert await take(post, "customers/redact") == 2
    assert await post.filing.file_due() == 2
    expected = [
        (
            agency.tenant_id,
            Intake(
                client_id=agency.clients[client],
                right=Right.ERASURE,
                channel=IntakeChannel.SHOPIFY,
                identifiers=(
                    Identifier(IdentifierKind.EMAIL, "john@example.com"),
                    Identifier(IdentifierKind.PHONE, "5556251199"),
                    Identifier(IdentifierKind.PLATFORM, "191167", connection),
                    Identifier(IdentifierKind.ORDER, "299938", connection),
                    Identifier(IdentifierKind.ORDER, "280263", connection),
                    Identifier(IdentifierKind.ORDER, "220458", connection),
                ),
                received_at=START,
                requested_by="shopify",
                identity=IdentityLevel.VOUCHED,
                scope={"connection": str(connection)},
            ),
        )
        for agency, client, connection in (
            (northwind, "acme", north),
            (southwind, "zeta", south),
        )
    ]
    assert post.desk.taken == expected
    for agency in (northwind, southwind):
        (message,) = await post.messages(agency)
        assert (message.state, message.sealed, message.failure) == (
            PrivacyMessageState.FILED,
            None,
            None,
        )
        assert (len(message.request_ids), message.ended_at) == (1, START)
    assert await post.filing.file_due() == 0


async def test_a_data_request_is_answered_to_the_owner_of_the_shop(
    post: Post, northwind: Agency
) -> None:
    connection = await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "customers/data_request")
    assert await post.filing.file_due() == 1
    ((_, intake),) = post.desk.taken
    assert (intake.right, intake.identity) == (Right.ACCESS, IdentityLevel.VOUCHED)
    assert intake.scope == {
        "connection": str(connection),
        "answer_to": "controller",
    }
    assert intake.external_ref == "9999"
    assert len(intake.identifiers) == 6
    stored = await post.connection(northwind, connection)
    assert (stored.state, stored.credentials) == (ConnectionState.ACTIVE, b"sealed")


async def test_a_redacted_shop_is_cut_off_and_all_of_it_is_asked_for(
    post: Post, northwind: Agency
) -> None:
    connection = await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "shop/redact")
    assert await post.filing.file_due() == 1
    ((_, intake),) = post.desk.taken
    assert (intake.right, intake.identifiers) == (Right.ERASURE, ())
    assert intake.scope == {"connection": str(connection), "everybody": True}
    stored = await post.connection(northwind, connection)
    assert (stored.state, stored.credentials, stored.credentials_version) == (
        ConnectionState.BROKEN,
        None,
        2,
    )
    assert await post.world.audited(northwind) == [
        ("job:shopify", "connection.cut_off", str(connection))
    ]


async def test_it_works_when_the_app_was_taken_out(post: Post, northwind: Agency) -> None:
    connection = await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "shop/redact", "first")
    await post.filing.file_due()
    assert (await post.connection(northwind, connection)).credentials is None
    assert await take(post, "customers/redact", "second") == 1
    assert await post.filing.file_due() == 1
    assert [intake.right for _, intake in post.desk.taken] == [Right.ERASURE] * 2


async def test_who_connects_again_meanwhile_stays_connected(post: Post, northwind: Agency) -> None:
    connection = await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "shop/redact")
    post.world.clock.advance(hours=1)
    async with post.world.database.session(northwind.tenant_id) as session:
        row = await session.get_one(Connection, (northwind.tenant_id, connection))
        row.connected_at = post.world.clock()
    await post.filing.file_due()
    assert (await post.connection(northwind, connection)).state is ConnectionState.ACTIVE


async def test_sent_again_it_is_one_message(post: Post, northwind: Agency) -> None:
    await post.connect(northwind, "acme", "shopify", "johns-apparel")
    for _ in range(3):
        assert await take(post, "customers/redact") == 1
    assert len(await post.messages(northwind)) == 1
    await post.filing.file_due()
    await take(post, "customers/redact")  # also when it was filed already
    assert await post.filing.file_due() == 0
    assert len(post.desk.taken) == 1


async def test_an_unknown_shop_is_kept_nowhere_and_logged_without_anybody(
    post: Post, northwind: Agency
) -> None:
    with capture_logs() as logs:
        assert await take(post, "customers/redact") == 0
    assert await post.messages(northwind) == []
    (kept,) = [entry for entry in logs if entry["event"] == "privacy_message_kept"]
    assert (kept["topic"], kept["connections"]) == ("customers/redact", 0)
    assert not [word for word in ("john", "191167", "555", "299938") if word in repr(logs)]


async def test_what_waits_is_sealed_for_its_row(post: Post, northwind: Agency) -> None:
    await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "customers/redact", "one")
    await take(post, "customers/redact", "two")
    first, second = await post.messages(northwind)
    assert first.sealed is not None
    assert b"john" not in first.sealed
    async with post.world.database.session(northwind.tenant_id) as session:
        content = await open_message(post.world.vault, session, first)
        assert content["email"] == "john@example.com"
        first.sealed = second.sealed
        with pytest.raises(CredentialError):
            await open_message(post.world.vault, session, first)


async def test_a_desk_that_is_down_is_asked_again_and_told_of(
    post: Post, northwind: Agency
) -> None:
    await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "customers/redact")
    post.desk.failures = [BusyDeskError("john@example.com")] * 3
    waits = []
    for _ in range(3):
        assert await post.filing.file_due() == 0
        (message,) = await post.messages(northwind)
        waits.append(message.next_attempt_at - post.world.clock())
        assert (message.state, message.failure) == (PrivacyMessageState.WAITING, "BUSY_DESK")
        assert await post.filing.file_due() == 0
        post.world.clock.now = message.next_attempt_at
    assert waits == [dt.timedelta(minutes=minutes) for minutes in (1, 2, 4)]
    text = "customers/redact, received 2026-03-16 09:30 UTC: BUSY_DESK"
    title = "a message about people's rights could not be filed"
    assert await post.alerts(northwind) == [(title, text, True)]
    assert await post.filing.file_due() == 1
    assert await post.alerts(northwind) == [(title, text, False)]
    assert len(post.desk.taken) == 1


async def test_after_a_crash_behind_the_desk_there_is_one_request(
    post: Post, northwind: Agency
) -> None:
    await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "customers/redact")
    post.desk.crash = RuntimeError("killed")
    with pytest.raises(RuntimeError):
        await post.filing.file_due()
    post.world.clock.advance(minutes=1)
    assert await post.filing.file_due() == 1
    assert len(post.desk.taken) == 1
    (message,) = await post.messages(northwind)
    assert len(message.request_ids) == 1


async def test_a_message_that_names_nobody_is_set_aside_and_told_of(
    post: Post, northwind: Agency
) -> None:
    await post.connect(northwind, "acme", "shopify", "johns-apparel")
    body = (
        b'{"shop_id":1,"shop_domain":"johns-apparel.myshopify.com",'
        b'"customer":{"email":"nonsense"},"orders_to_redact":[]}'
    )
    headers = shopify_headers("customers/redact", body)
    await post.inbox.take_shopify(read_shopify(headers, body, (SHOPIFY_SECRET,)))
    assert await post.filing.file_due() == 0
    (message,) = await post.messages(northwind)
    assert (message.state, message.sealed, message.failure) == (
        PrivacyMessageState.UNREADABLE,
        None,
        "the message names nobody",
    )
    ((_, text, is_open),) = await post.alerts(northwind)
    assert is_open
    assert text.endswith("the message names nobody")
    post.world.clock.advance(days=1)
    assert await post.filing.file_due() == 0
    assert post.desk.taken == []


async def test_the_desk_s_refusal_is_not_repeated_in_the_row(post: Post, northwind: Agency) -> None:
    await post.connect(northwind, "acme", "shopify", "johns-apparel")
    await take(post, "customers/redact")
    post.desk.failures = [InvalidInputError("john@example.com is wrong")]
    with capture_logs() as logs:
        await post.filing.file_due()
    (message,) = await post.messages(northwind)
    assert message.failure == InvalidInputError.code
    assert "john" not in repr(logs)


async def test_who_consented_is_asked_for_and_cut_off(
    post: Post, northwind: Agency, southwind: Agency
) -> None:
    mine = await post.connect(northwind, "acme", "meta_ads", "1", granted_by="218471")
    theirs = await post.connect(southwind, "zeta", "meta_ads", "1", granted_by="218472")
    assert await take_meta(post, MessageTopic.DELETION, "a-code") == 1
    assert await post.filing.file_due() == 1
    ((tenant_id, intake),) = post.desk.taken
    assert tenant_id == northwind.tenant_id
    assert (intake.right, intake.channel, intake.requested_by) == (
        Right.ERASURE,
        IntakeChannel.META,
        "meta",
    )
    assert intake.identifiers == (Identifier(IdentifierKind.PLATFORM, "218471", mine),)
    assert intake.scope == {"connection": str(mine), "of": "who consented to the connection"}
    cut, kept = await post.connection(northwind, mine), await post.connection(southwind, theirs)
    assert (cut.state, cut.credentials, cut.granted_by) == (ConnectionState.BROKEN, None, None)
    assert (kept.state, kept.credentials, kept.granted_by) == (
        ConnectionState.ACTIVE,
        b"sealed",
        "218472",
    )
    ((tenant_id, message),) = await post.inbox.stand_of("a-code")
    assert (tenant_id, message.state) == (northwind.tenant_id, PrivacyMessageState.FILED)
    assert await post.inbox.stand_of("another-code") == []


async def test_deauthorising_is_no_deletion(post: Post, northwind: Agency) -> None:
    connection = await post.connect(northwind, "acme", "meta_ads", "1", granted_by="218471")
    assert await take_meta(post, MessageTopic.DEAUTHORISATION) == 1
    assert await post.filing.file_due() == 1
    assert post.desk.taken == []
    cut = await post.connection(northwind, connection)
    assert (cut.state, cut.credentials) == (ConnectionState.BROKEN, None)
    (message,) = await post.messages(northwind)
    assert (message.state, message.request_ids) == (PrivacyMessageState.FILED, [])


async def test_a_page_reaches_nothing(post: Post, northwind: Agency) -> None:
    await post.connect(northwind, "acme", "meta_ads", "1", granted_by="218471")
    assert await take_meta(post, MessageTopic.DELETION, "c", user_id=0, profile_id="218471") == 0


async def test_the_real_desk_takes_them(post: Post, northwind: Agency) -> None:
    """Sent under another id while it is open, it is the same request."""
    await post.connect(northwind, "acme", "shopify", "johns-apparel")
    world = post.world
    desk = RequestDesk(
        RequestServices(world.database, world.vault, world.clock, world.ids, world.random_bytes)
    )
    for number, topic in enumerate((*EXAMPLES, "shop/redact", "customers/redact")):
        await take(post, topic, f"webhook-{number}")
    assert await replace(post.filing, desk=desk).file_due() == 5
    data, customer, shop, shop_again, customer_again = [
        message.request_ids for message in await post.messages(northwind)
    ]
    assert (shop, customer) == (shop_again, customer_again)
    assert len({*data, *customer, *shop}) == 3
    async with world.database.session(northwind.tenant_id) as session:
        rows = [await session.get_one(SubjectRequest, (northwind.tenant_id, one)) for one in shop]
    assert [(row.state, row.pseudonyms) for row in rows] == [(RequestState.MATCHING, [])]
