"""Consent by command: words in, standing and signed receipts out, notices kept."""

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from api.control.protocol import DoneEvent
from domain.privacy.receipts import read_receipt
from tenancy.tables import AuditEntry, ConsentEvent, ConsentNotice
from tenancy.unscoped import TenantProfile
from tests.api.commands.conftest import make_agency
from tests.e2e.platform import Platform

pytestmark = pytest.mark.anyio

RECEIPT = re.compile(r"rcp_\w{26}")
NOON = "2020-03-01T12:00:00+02:00"
ADA = "ada@northwind.example"
NOBODY = {"advertising": "nothing said", "analytics": "nothing said"}


class Desk:
    """Gives commands about the consent of one agency's client."""

    def __init__(self, platform: Platform, tenant: TenantProfile) -> None:
        self.platform, self.tenant = platform, tenant

    async def __call__(self, verb: str, **arguments: object) -> list[Any]:
        told = await self._told(verb, arguments)
        assert told.errors == []
        return [one for one in told.events if not isinstance(one, DoneEvent)]

    async def refused(self, verb: str, **arguments: object) -> tuple[str, str, str]:
        (error,) = (await self._told(verb, arguments)).errors
        return error.code, error.message, error.hint

    async def record(self, *words: dict[str, Any]) -> list[tuple[str, ...]]:
        table, _ = await self("record", client="acme-shoes", words=list(words))
        rows: list[tuple[str, ...]] = list(table.rows)
        return rows

    async def states(self, **more: Any) -> dict[str, str]:
        asked = {"person": {"email": ADA}, "at": None, "known_by": None} | more
        table, *_ = await self("show", client="acme-shoes", **asked)
        return dict(table.rows)

    async def _told(self, verb: str, arguments: dict[str, object]) -> Any:
        return await self.platform.command(
            f"gdpr.consent.{verb}", tenant=self.tenant.slug, actor="cli:ann", **arguments
        )


@pytest.fixture
async def desk(platform: Platform) -> Desk:
    """Of an agency that nobody has told of anything."""
    return Desk(platform, await make_agency(platform, f"n{uuid.uuid4().hex[:12]}"))


def _word(**more: Any) -> dict[str, Any]:
    return {"email": ADA, "at": NOON, **more}


async def _rows(desk: Desk, column: Any) -> list[Any]:
    async with desk.platform.runtime.database.session(desk.tenant.tenant_id) as session:
        return list(await session.scalars(select(column).order_by(column)))


async def test_words_are_recorded_shown_and_proved(desk: Desk) -> None:
    notice = {"client": "acme-shoes", "version": "1", "language": "en"}
    (line,) = await desk("notice.add", **notice, text="We count.")
    assert line.text.startswith("notice 1 of acme-shoes is kept, SHA-256 ")
    rows = await desk.record(
        _word(consentMode={"analytics_storage": "denied"}, notice="1"),
        _word(flag={"source": "klaviyo", "state": "SUBSCRIBED", "purposes": ["advertising"]}),
        _word(flag={"source": "klaviyo", "state": "PENDING", "purposes": ["advertising"]}),
    )
    assert [line for line, _ in rows] == ["1", "2", "3"]
    assert rows[2][1] == "nothing kept: erased, or it says nothing"
    first = rows[0][1]
    assert RECEIPT.fullmatch(first)
    personal = {"personalisation": "nothing said"}
    assert await desk.states() == {"advertising": "granted", "analytics": "denied"} | personal
    assert await desk.states(at="2020-03-01T09:59:59Z") == NOBODY | personal
    assert await desk.states(known_by="2020-03-02T00:00:00Z") == NOBODY | personal
    _, words, hint = await desk(
        "show", client="acme-shoes", person={"email": ADA}, at=None, known_by=None
    )
    assert words.rows[0][:4] == ("analytics", "consent_mode", "denied", "2020-03-01 10:00:00")
    assert words.rows[0][5] == first
    assert hint.text == f"prove them: bosco gdpr consent prove {desk.tenant.slug} RECEIPT"
    (line,) = await desk("prove", receipts=[first])
    runtime = desk.platform.runtime
    async with runtime.database.session(desk.tenant.tenant_id) as session:
        keys = await runtime.edge.consent_proof.trusted(session)
    told = read_receipt(line.text, keys)
    assert told["consentReceiptID"] == first
    assert told["notice"]["version"] == "1"
    purposes = [(one["purpose"], one["state"]) for one in told["purposes"]]
    assert purposes == [("analytics", "denied")]


async def test_looking_and_recording_are_on_record_and_name_nobody(desk: Desk) -> None:
    await desk.record(_word(gpc="1"))
    await desk.states()
    assert await _rows(desk, AuditEntry.action) == [
        "client.created",
        "consent.read",
        "consent.recorded",
    ]
    async with desk.platform.runtime.database.session(desk.tenant.tenant_id) as session:
        entries = (await session.scalars(select(AuditEntry))).all()
    told = [(one.actor, one.details) for one in entries if one.action.startswith("consent.")]
    assert {actor for actor, _ in told} == {"cli:ann"}
    assert ADA not in repr(told)


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ({"gpc": "0"}, "line 2: Sec-GPC has no other value than 1", None),
        ({}, "line 2: give exactly one signal", "consentMode, gpc, tcString, flag"),
        ({"gpc": "1", "flag": {}}, "line 2: give exactly one signal", None),
        ({"gpc": 1}, "line 2: gpc cannot be read", '"gpc": "1"'),
        (
            {"tcString": {"text": "x", "vendor": "3"}},
            "line 2: tcString cannot be read",
            '"tcString": {"text": "CP...", "vendor": 755}',
        ),
        (
            {"tcString": {"text": "x", "vendor": 3}},
            "line 2: that is no TC string: it is not base64url",
            None,
        ),
        (
            {"flag": {"source": "a", "state": "denied", "purposes": ["storage"]}},
            "line 2: the flag is about an unknown purpose",
            "one of advertising, analytics, personalisation",
        ),
        ({"gpc": "1", "at": "noon"}, "line 2: at is no instant", "2026-03-01T12:00:00Z"),
        (
            {"gpc": "1", "at": "2020-01-01T00:00:00"},
            "line 2: at needs its time zone",
            "2026-03-01T12:00:00Z",
        ),
        ({"gpc": "1", "at": 7}, "line 2: at is missing, or no text", None),
        ({"gpc": "1", "order": "1"}, "line 2: 'order' is unknown", None),
        ({"gpc": "1", "email": "ada"}, "line 2: that is not an e-mail address", None),
        (
            {"gpc": "1", "customer": "con_00000000000000000000000000:1"},
            "line 2: the agency has no such connection",
            "bosco connections list",
        ),
    ],
)
async def test_a_word_that_cannot_be_read_refuses_them_all(
    desk: Desk, word: dict[str, Any], message: str, hint: str | None
) -> None:
    words = [_word(gpc="1"), _word(**word)]
    code, told, advice = await desk.refused("record", client="acme-shoes", words=words)
    assert (code, told) == ("INVALID_INPUT", message)
    if hint is not None:
        assert advice == hint
    assert await _rows(desk, ConsentEvent.id) == []


async def test_too_many_words_are_refused_and_so_are_none(desk: Desk) -> None:
    told = await desk.refused("record", client="acme-shoes", words=[{}] * 1_001)
    assert told == (
        "INVALID_INPUT",
        "record between 1 and 1,000 words at a time, not 1,001",
        "split the file: split -l 1000",
    )
    code, message, _ = await desk.refused("record", client="acme-shoes", words=[])
    assert (code, message) == ("INVALID_INPUT", "record between 1 and 1,000 words at a time")


async def test_who_is_not_named_is_not_looked_up(desk: Desk) -> None:
    for person in ({}, {"order": "con_1:1"}):
        code, message, hint = await desk.refused(
            "show", client="acme-shoes", person=person, at=None, known_by=None
        )
        assert (code, message) == ("INVALID_INPUT", "nobody is named")
        assert hint == "give email, phone, customer, nothing else"
    assert "consent.read" not in await _rows(desk, AuditEntry.action)


async def test_a_notice_s_version_keeps_its_text(desk: Desk) -> None:
    notice = {"client": "acme-shoes", "version": "1", "language": "en"}
    await desk("notice.add", **notice, text="We count.")
    told = await desk.refused("notice.add", **notice, text="We sell.")
    assert told == (
        "CONFLICT",
        "notice 1 has another text already",
        "a new text is a new version",
    )
    assert await _rows(desk, ConsentNotice.content) == ["We count."]


async def test_a_receipt_that_there_is_not_is_said_so(desk: Desk) -> None:
    nobody_s = "rcp_00000000000000000000000001"
    (_, receipt), *_ = await desk.record(_word(gpc="1"))
    code, message, hint = await desk.refused("prove", receipts=[receipt, nobody_s])
    assert (code, message) == ("NOT_FOUND", f"the agency has no receipt {nobody_s}")
    assert hint == f"bosco gdpr consent show {desk.tenant.slug} tells a person's receipts"
