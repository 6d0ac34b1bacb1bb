"""Every route, by every verb, as everybody of another agency, with all that can be stolen.

route x verb x caller x (loot | its made-up like) -> the same answer, no canary, no row changed
"""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from tenancy.redis_server import RedisServer
from tenancy.tables import LinkKind, Role
from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, northwind, southwind
from tests.isolation.entries import routes_of
from tests.isolation.loot import (
    Caller,
    Loot,
    callers_of,
    marks_of,
    redacted,
    rows_of,
    take_loot,
)

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

pytestmark = pytest.mark.anyio

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
FORM = "application/x-www-form-urlencoded"

# An authorization request names an app to everybody, as does the page that it leads to: whoever
# knows the app's public id learns the short name of its agency.
QUICK = (Role.OWNER, Role.CLIENT_VIEWER)
PUBLIC = {("/oauth/authorize", "GET"): {"client_id", "request"}}


@pytest.mark.parametrize("roles", [QUICK, pytest.param(tuple(Role), marks=pytest.mark.slow)])
async def test_what_is_another_agency_s_is_nothing(
    edge: Edge,
    northwind: Agency,
    southwind: Agency,
    database_url: str,
    redis_server: RedisServer,
    roles: tuple[Role, ...],
) -> None:
    loot = await take_loot(edge, northwind, "acme")
    callers = await callers_of(edge, southwind, *roles)
    before = rows_of(database_url, northwind)
    marks, tried = marks_of(northwind), 0
    with capture_logs() as logs:
        for path, route in routes_of(edge.app).items():
            for verb in VERBS:
                is_offered = verb in (route.methods or ())
                for caller in callers if is_offered else callers[:1]:
                    hidden = {
                        name: one
                        for name, one in loot.items()
                        if name not in PUBLIC.get((path, verb), ())
                    }
                    answers = [
                        await _sent(edge, southwind, caller, verb, path, hidden, which)
                        for which in ("value", "void")
                    ]
                    place = (verb, path, caller.name)
                    assert answers[0] == answers[1], place
                    assert not [mark for mark in marks if mark in answers[0]], place
                    tried += 1
    assert tried > 200
    assert not [mark for mark in marks if mark in repr(logs)]
    assert rows_of(database_url, northwind) == before
    async for key in redis_server.commands.scan_iter("*"):
        assert key.startswith(f"t:{northwind.tenant_id}:".encode()) or not any(
            mark.encode() in key for mark in marks
        )


async def _sent(
    edge: Edge,
    agency: Agency,
    caller: Caller,
    verb: str,
    path: str,
    loot: Mapping[str, Loot],
    which: str,
) -> str:
    """The answer, with what was sent replaced by its names."""
    fields = {name: getattr(one, which) for name, one in loot.items()}
    for name in loot:  # a place in the address may be that of anything
        path = path.replace(f"{{{name}}}", fields[name])
    path = path.replace("{", "").replace("}", "")
    headers, form_token = await caller.headers(edge, agency)
    if verb == "GET":
        reply = await edge.http.request(verb, f"{path}?{urlencode(fields)}", headers=headers)
    else:
        form = fields | {
            "form_token": form_token,
            "decision": "allow",
            "grant_type": "authorization_code",
            "agency": agency.slug,
        }
        reply = await edge.http.request(
            verb, path, content=urlencode(form), headers=headers | {"content-type": FORM}
        )
    return redacted(reply, loot, *caller.used)


async def test_an_app_is_no_agency_s_door_to_another(
    edge: Edge, northwind: Agency, southwind: Agency, database_url: str
) -> None:
    """Each grant, each desk: codes and tokens of one agency at the app of another."""
    loot = await take_loot(edge, northwind, "acme")
    caller = next(one for one in await callers_of(edge, southwind) if one.app)
    before = rows_of(database_url, northwind)
    requests = [
        (
            "/oauth/token",
            {
                "grant_type": "authorization_code",
                "code": "code",
                "redirect_uri": "=https://board.example/callback",
                "code_verifier": "=a-verifier-of-43-letters-or-more-0123456789-~._",
            },
        ),
        ("/oauth/token", {"grant_type": "refresh_token", "refresh_token": "refresh_token"}),
        ("/oauth/revoke", {"token": "token"}),
        ("/oauth/revoke", {"token": "refresh_token"}),
        ("/oauth/introspect", {"token": "token"}),
        ("/oauth/introspect", {"token": "refresh_token"}),
    ]
    for path, wanted in requests:
        answers = []
        for which in ("value", "void"):
            form = {
                name: getattr(loot[word], which) if word in loot else word.removeprefix("=")
                for name, word in wanted.items()
            }
            headers, _ = await caller.headers(edge, southwind)
            reply = await edge.http.post(path, data=form, headers=headers)
            answers.append(redacted(reply, loot))
        assert answers[0] == answers[1], (path, wanted)
    assert rows_of(database_url, northwind) == before
    # All of it is still good: the app that it was given to can use it.
    still = await edge.tokens.inspect(loot["token"].value)
    assert still is not None


async def test_a_person_of_another_agency_is_asked_to_sign_in(
    edge: Edge, northwind: Agency, southwind: Agency
) -> None:
    loot = await take_loot(edge, northwind, "acme")
    for caller in await callers_of(edge, southwind):
        if caller.user_id is None:
            continue
        headers, _ = await caller.headers(edge, southwind)
        address = f"/oauth/authorize?{loot['request'].value}"
        reply = await edge.http.get(address, headers=headers)
        assert reply.status_code == 303, caller.name
        assert reply.headers["location"].startswith("/sign-in?agency=northwind&")
        assert northwind.canary not in f"{reply.headers} {reply.text}"


async def test_a_page_is_of_whom_its_cookie_is(
    edge: Edge, northwind: Agency, southwind: Agency, database_url: str
) -> None:
    """A cookie, a link or a form of one agency is none under the name of another."""
    loot = await take_loot(edge, northwind, "acme")
    user_id = await edge.person(northwind)
    async with edge.database.session(northwind.tenant_id) as session:
        path = await edge.pages.links.issue(
            session, user_id, LinkKind.PASSWORD_RESET, created_by="cli:test"
        )
    before = rows_of(database_url, northwind)
    for stolen in (loot["cookie"].value, path.removeprefix("/links/")):
        crossed = f"{southwind.tenant_id.hex}.{stolen.partition('.')[2]}"
        assert crossed != stolen
        cookie = {"cookie": f"__Host-bosco={crossed}"}
        reply = await edge.http.get("/account", headers=cookie)
        assert (reply.status_code, reply.headers["location"][:9]) == (303, "/sign-in?")
        reply = await edge.http.get(f"/links/{crossed}")
        assert reply.status_code == 404
        assert northwind.canary not in reply.text
    thief = Caller("southwind", user_id=await edge.person(southwind))
    headers, _ = await thief.headers(edge, southwind)
    form = {"form_token": loot["stolen_form_token"].value}
    reply = await edge.http.post("/sign-out", data=form, headers=headers)
    assert reply.status_code == 403
    assert rows_of(database_url, northwind) == before
