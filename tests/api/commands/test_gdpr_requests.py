"""Requests by command, from a letter to its end."""

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from domain.ids import parse_id, public_id
from domain.privacy.identifiers import email
from domain.privacy.rights import IdentityLevel
from tenancy.privacy.pseudonyms import Pseudonyms, open_own_key
from tenancy.privacy.subjects import observe
from tenancy.tables import Client, PersonExport, SubjectRequest
from tenancy.unscoped import TenantProfile
from tests.e2e.platform import Platform

pytestmark = pytest.mark.anyio

LETTER = re.compile(r"let_\w{26}")


class Officer:
    """Gives commands about one agency."""

    def __init__(self, platform: Platform, agency: str) -> None:
        self.platform, self.agency = platform, agency

    async def __call__(self, verb: str, actor: str = "cli:ann", **arguments: object) -> list[str]:
        """Lines and rows of what a command told."""
        told = await self.platform.command(
            f"gdpr.requests.{verb}", tenant=self.agency, actor=actor, **arguments
        )
        assert told.errors == []
        return [repr(event) for event in told.events]

    async def refused(self, verb: str, actor: str = "cli:ann", **arguments: object) -> str:
        told = await self.platform.command(
            f"gdpr.requests.{verb}", tenant=self.agency, actor=actor, **arguments
        )
        (error,) = told.errors
        return f"{error.code}: {error.message}"

    async def new(self, right: str, person: dict[str, str], client: str | None) -> str:
        lines = await self(
            "new", right=right, person=person, client=client, received=None, language="en"
        )
        found = re.search(r"req_\w{26}", lines[0])
        assert found
        return found[0]


@pytest.fixture
def officer(platform: Platform, northwind: TenantProfile) -> Officer:
    return Officer(platform, northwind.slug)


@pytest.fixture
async def ada(platform: Platform, northwind: TenantProfile) -> tuple[str, str, str]:
    """A client, an address that its data knows, and the address's pseudonym."""
    address = email(f"{uuid.uuid4().hex}@northwind.example")
    runtime = platform.runtime
    async with runtime.database.session(northwind.tenant_id) as session:
        client = (await session.scalars(select(Client).order_by(Client.slug))).first()
        assert client is not None
        key = await open_own_key(session, runtime.vault)
        await observe(
            session,
            runtime.vault,
            key,
            client.id,
            [[address]],
            ids=runtime.ids,
            now=runtime.clock(),
        )
    return client.slug, address.value, Pseudonyms.under(key).of(client.id, address)


async def test_an_erasure_by_letter_is_vouched_for_and_agreed_to(
    officer: Officer, ada: tuple[str, str, str]
) -> None:
    client, address, _ = ada
    request = await officer.new("erasure", {"email": address}, client)
    line, *_ = await officer("vouch", request=request, proof="document")
    assert f"{request} is approving" in line
    told = await officer.refused("approve", request=request)
    assert told == "SECOND_PERSON_NEEDED: you had a hand in this request yourself"
    line, *_ = await officer("approve", actor="cli:ben", request=request)
    assert f"{request} is ready" in line
    shown = "".join(await officer("show", request=request))
    assert "ready" in shown
    assert "withdraw" in shown
    assert address not in shown
    listed = "".join(await officer("list", all=False, client=client, due_within=None, limit=50))
    assert request in listed
    assert request not in "".join(
        await officer("list", all=False, client=client, due_within=1, limit=50)
    )


async def test_access_is_carried_out_by_the_real_engine(
    platform: Platform, northwind: TenantProfile, officer: Officer, ada: tuple[str, str, str]
) -> None:
    client, address, _ = ada
    request = await officer.new("access", {"email": address}, client)
    (line, *_) = await officer("vouch", request=request, proof="in_person")
    assert f"{request} is ready" in line
    runtime, request_id = platform.runtime, parse_id("req", request)
    assert await runtime.requests.rounds.go_to(northwind.tenant_id) >= 1
    job = await runtime.jobs.find(f"request-{request_id}-1")
    assert job is not None
    assert await job.result() is None
    shown = "".join(await officer("show", request=request))
    assert "outcome: done" in shown
    assert "carried_out" in shown


async def test_nobody_takes_two_officers_and_a_letter_is_handed_over(
    officer: Officer, ada: tuple[str, str, str]
) -> None:
    client, *_ = ada
    stranger = f"{uuid.uuid4().hex}@elsewhere.example"
    request = await officer.new("access", {"email": stranger}, client)
    await officer("nobody", request=request)
    assert "SECOND_PERSON_NEEDED" in await officer.refused("countersign", request=request)
    await officer("look-again", request=request)
    await officer("note", request=request, text="asked by telephone")
    await officer("nobody", actor="cli:ben", request=request)
    await officer("countersign", request=request)
    letters = LETTER.findall("".join(await officer("show", request=request)))
    text = "".join(await officer("letter", letter=letters[-1], handed=True))
    assert "Your request is done" in text
    again = await officer.refused("letter", letter=letters[-1], handed=True)
    assert again == "NOT_FOUND: the agency has no such letter that waits"


async def test_choosing_asking_extending_and_refusing(
    officer: Officer, ada: tuple[str, str, str]
) -> None:
    client, address, pseudonym = ada
    stranger = f"{uuid.uuid4().hex}@elsewhere.example"
    request = await officer.new("access", {"email": stranger}, client)
    await officer("search", request=request)
    line, *_ = await officer("choose", request=request, pseudonym=pseudonym)
    assert f"{request} is identifying" in line
    asked = "".join(await officer("ask-identity", request=request))
    assert "no code could be sent" in asked  # the agency has no mail server
    assert "the clock stands still since" in asked
    await officer("extend", request=request, reason="many systems")
    await officer("refuse", request=request, reason="not the person", remedy=None)
    assert "refused" in "".join(await officer("show", request=request))
    assert "withdraw is not possible now" in await officer.refused("withdraw", request=request)
    other = await officer.new("access", {"email": address}, client)
    await officer("withdraw", request=other)
    assert "nothing to try again" in await officer.refused("retry", request=other)
    assert "waits for no ruling" in await officer.refused("grant", request=other, reason="yes")


async def test_a_hold_is_listed_until_it_is_released(
    officer: Officer, ada: tuple[str, str, str]
) -> None:
    client, _, pseudonym = ada
    line, *_ = await officer(
        "hold",
        client=client,
        basis="tax audit",
        owner="cfo",
        person=pseudonym,
        category="user.behavior.purchase_history",
        until="2099-01-01",
    )
    found = re.search(r"hold_\w{26}", line)
    assert found
    listed = "".join(await officer("holds"))
    assert found[0] in listed
    assert "tax audit" in listed
    await officer("release", hold=found[0])
    assert found[0] not in "".join(await officer("holds"))


async def test_who_is_meant_is_read_strictly(officer: Officer, ada: tuple[str, str, str]) -> None:
    client, *_ = ada
    plain: dict[str, Any] = {
        "right": "access",
        "client": client,
        "received": None,
        "language": "en",
    }
    for person, error in (
        ({"name": "Ada"}, "INVALID_INPUT: nobody is named by 'name'"),
        ({"email": "ada"}, "INVALID_INPUT: that is not an e-mail address"),
        ({}, "INVALID_INPUT: the request names nobody"),
        (
            {"customer": f"{public_id('con', uuid.UUID(int=5))}:191167"},
            "NOT_FOUND: the agency has no such connection",
        ),
    ):
        assert await officer.refused("new", person=person, **plain) == error


async def test_the_link_to_a_copy_is_shown_or_told_by_letter(
    platform: Platform, officer: Officer, northwind: TenantProfile, ada: tuple[str, str, str]
) -> None:
    client, address, _ = ada
    request = await officer.new("access", {"email": address}, client)
    runtime, request_id = platform.runtime, parse_id("req", request)
    async with runtime.database.session(northwind.tenant_id) as session:
        row = await session.get_one(SubjectRequest, (northwind.tenant_id, request_id))
        row.identity = IdentityLevel.REACHED
        session.add(
            PersonExport(
                request_id=request_id,
                parts=1,
                size_bytes=10,
                sealed_key=b"sealed",
                made_at=runtime.clock(),
                expires_at=runtime.clock() + dt.timedelta(days=30),
            )
        )

    async def link(*, letter: bool) -> list[str]:
        told = await platform.command(
            "gdpr.link", tenant=northwind.slug, request=request, letter=letter
        )
        assert told.errors == []
        return told.lines

    address_of_it = re.compile(rf"{runtime.issuer}/privacy/export/[\w=-]{{64,}}")
    shown, until = await link(letter=False)
    assert address_of_it.fullmatch(shown)
    assert until.startswith("it works once, until ")
    said, hint = await link(letter=True)
    found = LETTER.search(said)
    assert found is not None
    assert said == f"letter {found[0]} tells the person the link"
    assert hint.endswith(f"hand it over: bosco gdpr requests letter northwind {found[0]}")
    text = await officer("letter", letter=found[0], handed=False)
    (told,) = [line for line in text if address_of_it.search(line)]
    assert shown not in told
    (token,) = re.findall(r"export/([\w=-]+)", told)
    assert await runtime.exports.look(shown.rpartition("/")[2]) is None  # a newer one is there
    assert await runtime.exports.look(token) is not None
    await officer("letter", letter=found[0], handed=True)
    assert not [
        line
        for line in await officer("letter", letter=found[0], handed=False)
        if address_of_it.search(line)
    ]
