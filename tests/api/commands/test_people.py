"""People by command: the first one of an agency, roles, putting out, and links."""

import pytest
from sqlalchemy import select

from tenancy.tables import AuditEntry, OneTimeLink
from tenancy.unscoped import TenantProfile
from tests.e2e.platform import Platform, Told

pytestmark = pytest.mark.anyio


def _error(told: Told) -> tuple[str, str, str]:
    (error,) = told.errors
    assert told.exit_code == 1
    return error.code, error.message, error.hint


async def _add(platform: Platform, tenant: str, email: str, **more: object) -> Told:
    given = {"name": "Ada Lovelace", "role": "owner", "clients": [], **more}
    return await platform.command("people.add", tenant=tenant, email=email, **given)


async def test_the_first_person_comes_in_by_a_link(
    platform: Platform, northwind: TenantProfile
) -> None:
    told = await _add(platform, "northwind", "Ada@NW.example")
    first, link, last = told.lines
    assert first == "ada@nw.example is invited to northwind"
    assert link.startswith(f"link  {platform.runtime.issuer}/links/{northwind.tenant_id.hex}.")
    assert last == "it works once, within 72 hours, and is not shown again"
    token = link.rpartition("/")[2]
    async with platform.runtime.database.session(northwind.tenant_id) as session:
        stored = (await session.scalars(select(OneTimeLink))).one()
        entries = (
            await session.scalars(
                select(AuditEntry).where(AuditEntry.object_id == str(stored.user_id))
            )
        ).all()
    assert token.encode() not in stored.token_hash
    assert {(one.actor, one.action) for one in entries} == {
        ("test", "person.invited"),
        ("test", "role.given"),
    }
    listed = (await platform.command("people.list", tenant="northwind")).table
    assert listed == [("ada@nw.example", "Ada Lovelace", "owner", "no", "never", "invited")]


async def test_roles_are_given_limited_and_taken_away(
    platform: Platform, southwind: TenantProfile
) -> None:
    await _add(platform, "southwind", "ada@sw.example")
    who = {"tenant": southwind.slug, "email": "ADA@sw.example"}
    told = await platform.command(
        "people.role", **who, role="client_viewer", clients=["acme-shoes"], take_away=False
    )
    assert told.lines == ["ada@sw.example is client_viewer at acme-shoes"]
    ((_, _, roles, *_),) = (await platform.command("people.list", tenant="southwind")).table
    assert roles == "client_viewer (Acme); owner"
    told = await platform.command(
        "people.role", **who, role="client_viewer", clients=[], take_away=True
    )
    assert told.lines == ["ada@sw.example is client_viewer no more"]
    told = await platform.command("people.role", **who, role="owner", clients=[], take_away=True)
    assert _error(told) == (
        "NO_OWNER_LEFT",
        "an agency keeps at least one owner",
        "make somebody else an owner first",
    )
    told = await platform.command("people.deactivate", **who, undo=False)
    assert _error(told)[1] == "an agency keeps at least one owner"
    await _add(platform, "southwind", "bea@sw.example", name="Bea")
    told = await platform.command("people.deactivate", **who, undo=False)
    assert told.lines == ["ada@sw.example is put out: sessions have ended, and tokens are refused"]
    told = await platform.command("people.reset", **who, authenticator=False)
    assert _error(told) == ("CONFLICT", "this person is deactivated", "reactivate the person first")
    told = await platform.command("people.deactivate", **who, undo=True)
    assert told.lines == ["ada@sw.example may come in again"]
    told = await platform.command("people.reset", **who, authenticator=False)
    assert told.lines[0].startswith(f"link  {platform.runtime.issuer}/links/")
    told = await platform.command("people.reset", **who, authenticator=True)
    assert _error(told)[1] == "this person has no authenticator"


async def test_a_provider_is_set_and_removed(platform: Platform, northwind: TenantProfile) -> None:
    credentials = {"client_id": "bosco", "client_secret": "s3cret"}
    who = {"tenant": northwind.slug, "issuer": "https://login.nw.example"}
    told = await platform.command("people.provider", **who, credentials=credentials)
    assert told.lines == [
        "people of northwind may sign in at https://login.nw.example",
        f"let it send them back to {platform.runtime.issuer}/sign-in/callback",
    ]
    told = await platform.command("people.provider", **who, credentials={"client_id": "bosco"})
    assert _error(told)[0] == "INVALID_INPUT"
    for text in ("has no provider any more", "has no provider"):
        told = await platform.command(
            "people.provider", tenant="northwind", issuer=None, credentials={}
        )
        assert told.lines == [f"northwind {text}"]


@pytest.mark.usefixtures("northwind")
@pytest.mark.parametrize(
    ("given", "code", "message", "hint"),
    [
        ({"email": "x"}, "INVALID_INPUT", "'x' is not an e-mail address", "write it like ada@"),
        ({"role": "ownr"}, "INVALID_INPUT", "there is no role 'ownr'", "did you mean owner?"),
        (
            {"role": "client_viewer"},
            "INVALID_INPUT",
            "a client's viewer needs at least one client",
            "choose the client",
        ),
        ({"tenant": "nowhere"}, "NOT_FOUND", "there is no agency 'nowhere'", ""),
        ({"clients": ["nobody"]}, "NOT_FOUND", "", ""),
    ],
)
async def test_says_what_is_wrong(
    platform: Platform, given: dict[str, object], code: str, message: str, hint: str
) -> None:
    tenant = str(given.pop("tenant", "northwind"))
    email = str(given.pop("email", "new@nw.example"))
    told = _error(await _add(platform, tenant, email, **given))
    assert told[0] == code
    assert message in told[1]
    assert hint in told[2]


@pytest.mark.usefixtures("northwind", "southwind")
async def test_another_agencys_person_is_not_found(platform: Platform) -> None:
    await _add(platform, "southwind", "only@sw.example")
    calls: list[tuple[str, dict[str, object]]] = [
        ("people.role", {"role": "owner", "clients": [], "take_away": False}),
        ("people.deactivate", {"undo": False}),
        ("people.reset", {"authenticator": False}),
    ]
    for command, more in calls:
        told = await platform.command(command, tenant="northwind", email="only@sw.example", **more)
        code, message, _ = _error(told)
        assert (code, message) == ("NOT_FOUND", "northwind has no person 'only@sw.example'")
