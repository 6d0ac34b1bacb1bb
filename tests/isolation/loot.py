"""What a stranger may have got hold of, and those who try it.

    an agency with people, apps, tokens, incidents -> take_loot -> name: (its value, one that is
    nobody's) -> sent by every caller of another agency -> the two answers are the same

An id, code, token, cookie or address of the victim has to be worth as little as one that was made
up. So each is paired with a made-up one of the same shape, and answers are compared after both are
replaced by their names.
"""

import base64
import html
import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

import httpx
import psycopg
from sqlalchemy import make_url, select

from api.identity.rights import SCOPES_OF_ROLES
from api.identity.sessions import TenantToken
from domain.ids import public_id
from tenancy.approvals import Deed
from tenancy.tables import (
    Anomaly,
    AuditEntry,
    Base,
    Incident,
    PlannedEvent,
    QuarantinedRow,
    RaisedAlert,
    Role,
    WebhookEndpoint,
    WebhookEvent,
)
from tests.api.graphql.edge import ALL_SCOPES, ISSUER, Agency, Edge
from tests.api.graphql.privacy_rows import privacy_id
from tests.api.oauth.flow import REDIRECT, App, challenge, register
from tests.api.oauth.test_token_endpoint import basic
from tests.feature_repo.registration.samples import registered_row

__all__ = [
    "Caller",
    "Loot",
    "callers_of",
    "marks_of",
    "redacted",
    "rows_of",
    "take_loot",
]

_EXPIRES: Final = re.compile(r"expires=[^;]*GMT")  # of a cookie, by the wall's clock
_TRACE: Final = re.compile(
    r'"traceId": ?"[^"]*"|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}'
)

# Differ from one call to the next, and with the length of a name.
_COUNTING: Final = frozenset({"content-length", "ratelimit", "date"})
_PASSWORD: Final = "correct horse battery staple"
_CAMPAIGNS: Final = {"acme": "c1", "zeta": "z1"}  # of tests.api.graphql.edge


@dataclass(frozen=True, slots=True)
class Loot:
    """Something of the victim's, and its like that is nobody's."""

    value: str
    void: str


@dataclass(slots=True)
class Caller:
    """Somebody who asks.

    Attributes:
        name: For failures, for example `southwind owner by cookie`.
        bearer: Access token.
        user_id: Whom a browser session is to be of; each request gets a session of its own.
        app: Public id of an app that authenticates with its secret.
    """

    name: str
    bearer: str | None = None
    user_id: uuid.UUID | None = None
    app: str | None = None
    used: list[str] = field(default_factory=list)

    async def headers(self, edge: Edge, agency: Agency) -> tuple[dict[str, str], str]:
        """Headers of a request, and the token that its forms carry."""
        sent = {"origin": ISSUER, "sec-fetch-site": "same-origin"}
        if self.bearer is not None:
            return sent | {"authorization": f"Bearer {self.bearer}"}, ""
        if self.app is not None:
            return sent | basic(self.app, "s3cret"), ""
        if self.user_id is None:
            return sent, ""
        async with edge.database.session(agency.tenant_id) as session:
            await edge.pages.sessions.end_all(session, self.user_id)
        cookie = await edge.sign_in(agency, self.user_id)
        signed_in = await edge.pages.sessions.find(cookie)
        assert signed_in is not None
        form_token = signed_in.form_token
        self.used += [cookie, form_token, public_id("ses", signed_in.session_id)]
        return sent | {"cookie": f"__Host-bosco={cookie}"}, form_token


async def take_loot(edge: Edge, agency: Agency, client: str) -> dict[str, Loot]:
    """What can be had of an agency, by the name of a form field or argument that might take it.

    Args:
        edge: Where the agency is.
        agency: The victim.
        client: Slug of the client that its rows are of.
    """
    user_id = await edge.person(agency, Role.OWNER)
    client_id = f"app_{secrets.token_hex(16)}"
    app = await register(edge, agency, client_id, scopes=ALL_SCOPES)
    tokens = await app.tokens(user_id)
    cookie = await edge.sign_in(agency, user_id)
    session = TenantToken.parse(cookie)
    assert session is not None
    signed_in = await edge.pages.sessions.find(cookie)
    assert signed_in is not None
    found = await _rows(edge, agency)
    nobody = public_id("ten", uuid.uuid4())[4:]
    loot = {
        "client_id": Loot(client_id, f"app_{secrets.token_hex(16)}"),
        "code": Loot(await app.code(user_id), secrets.token_urlsafe(32)),
        "refresh_token": Loot(tokens["refresh_token"], secrets.token_urlsafe(32)),
        "token": Loot(tokens["access_token"], _forged(tokens["access_token"])),
        "cookie": Loot(cookie, f"{uuid.uuid4().hex}.{secrets.token_urlsafe(32)}"),
        "session": Loot(public_id("ses", signed_in.session_id), public_id("ses", uuid.uuid4())),
        "email": Loot(signed_in.email, f"{uuid.uuid4().hex}@northwind.example"),
        "password": Loot(_PASSWORD, _PASSWORD[::-1]),
        "stolen_form_token": Loot(session.derive("form"), secrets.token_hex(32)),
        "state": Loot(f"{agency.canary}-state", f"{nobody}-state"),
        "user": Loot(public_id("usr", user_id), public_id("usr", uuid.uuid4())),
        "tenant": Loot(public_id("ten", agency.tenant_id), public_id("ten", uuid.uuid4())),
        "client": Loot(agency.client(client), public_id("cli", uuid.uuid4())),
        "client_slug": Loot(client, f"{client[::-1]}-x"),
        "connection": Loot(agency.connection(client), public_id("con", uuid.uuid4())),
        "sync": Loot(public_id("syn", agency.sync_id), public_id("syn", uuid.uuid4())),
        **{
            name: Loot(public_id(p, i), public_id(p, uuid.uuid4()))
            for name, (p, i) in found.items()
        },
        "campaign": Loot(
            f"{agency.connection(client)}:{_CAMPAIGNS[client]}",
            f"{public_id('con', uuid.uuid4())}:c1",
        ),
        "text": Loot(f"{agency.canary} campaign", f"{nobody} campaign"),
    }
    loot |= {
        name: Loot(privacy_id(agency.slug, prefix), public_id(prefix, uuid.uuid4()))
        for name, prefix in (("subject_request", "req"), ("subject", "sub"), ("hold", "hold"))
    }
    loot["pseudonym"] = Loot(f"sp_{agency.canary}", f"sp_{secrets.token_hex(16)}")
    loot["metric"] = Loot(await _define_metric(edge, agency), f"secret_{secrets.token_hex(8)}")
    loot["feature_view"] = Loot(
        await _register_view(edge, agency), f"view_{secrets.token_hex(8)}_v1"
    )
    loot |= await _audited(edge, agency)
    loot["receipt"] = Loot(await _consented(edge, agency, client), public_id("rcp", uuid.uuid4()))
    loot["approval"] = Loot(await _asked_for(edge, agency, user_id), public_id("apr", uuid.uuid4()))
    loot["request"] = Loot(_asked(app, loot, "value"), _asked(app, loot, "void"))
    return loot


async def _asked_for(edge: Edge, agency: Agency, user_id: uuid.UUID) -> str:
    """A request that waits for a second person."""
    deed = Deed("erasure.execute", "subject", agency.canary, {"canary": agency.canary})
    async with edge.database.session(agency.tenant_id) as session:
        asked = await edge.pages.approvals.request(session, deed, requested_by=f"user:{user_id}")
    return public_id("apr", asked)


def _asked(app: App, loot: Mapping[str, Loot], which: str) -> str:
    fields = app.request(client_id=getattr(loot["client_id"], which), state="s")
    return urlencode(fields | {"code_challenge": challenge(), "redirect_uri": REDIRECT})


def _forged(token: str) -> str:
    """The same words under another signature."""
    head, claims, _ = token.split(".")
    signature = base64.urlsafe_b64encode(secrets.token_bytes(64)).rstrip(b"=").decode()
    return f"{head}.{claims}.{signature}"


async def _rows(edge: Edge, agency: Agency) -> dict[str, tuple[str, uuid.UUID]]:
    async with edge.database.session(agency.tenant_id) as session:
        incident = (await session.scalars(select(Incident.id))).first()
        alert = (await session.scalars(select(RaisedAlert.id))).first()
        row = (await session.scalars(select(QuarantinedRow.id))).first()
        endpoint = (await session.scalars(select(WebhookEndpoint.id))).first()
        event = (await session.scalars(select(WebhookEvent.id))).first()
        plan = (await session.scalars(select(PlannedEvent.id))).first()
        anomaly = (await session.scalars(select(Anomaly.id))).first()
    rows = {
        "incident": ("inc", incident),
        "alert": ("alr", alert),
        "quarantined": ("qua", row),
        "endpoint": ("whk", endpoint),
        "message": ("msg", event),
        "plan": ("evt", plan),
        "anomaly": ("ano", anomaly),
    }
    return {name: (prefix, one) for name, (prefix, one) in rows.items() if one is not None}


async def _define_metric(edge: Edge, agency: Agency) -> str:
    token = await edge.token(agency, "metrics:write")
    name = f"secret_{agency.canary}"
    text = f'mutation {{ defineMetric(input: {{definition: "metric: {name}\\nis: spend * 2"}}) '
    await edge.data(text + "{ __typename } }", token)
    return name


async def _register_view(edge: Edge, agency: Agency) -> str:
    name = f"view_{agency.canary}"
    async with edge.database.session(agency.tenant_id) as session:
        session.add(registered_row(name, agency.canary, edge.clock()))
    return f"{name}_v1"


async def _consented(edge: Edge, agency: Agency, client: str) -> str:
    """What somebody said, once."""
    token = await edge.token(agency, "privacy:write")
    text = (
        f'mutation {{ recordConsent(words: [{{client: "{agency.client(client)}", gpc: "1",'
        ' person: {email: "ada@northwind.example"}, at: "2020-01-01T00:00:00Z"}]) '
        "{ ... on ConsentRecorded { receipts } } }"
    )
    receipts: list[str] = (await edge.data(text, token))["recordConsent"]["receipts"]
    return receipts[0]


async def _audited(edge: Edge, agency: Agency) -> dict[str, Loot]:
    """Who has done something, and to what."""
    async with edge.database.session(agency.tenant_id) as session:
        entry = (
            await session.scalars(select(AuditEntry).where(AuditEntry.object_kind == "metric"))
        ).one()
    return {
        "actor": Loot(entry.actor, f"client:app_{secrets.token_hex(16)}"),
        "object": Loot(f"metric:{entry.object_id}", f"metric:secret_{secrets.token_hex(8)}"),
    }


async def callers_of(edge: Edge, agency: Agency, *roles: Role) -> list[Caller]:
    """Nobody, a person of each role by browser and by app, and apps that act for themselves.

    Without `roles`: of every role.
    """
    app = await register(
        edge, agency, f"app_{secrets.token_hex(16)}", scopes=tuple(sorted(_all_scopes()))
    )
    found = [Caller("anonymous"), Caller(f"{agency.slug} app by secret", app=app.client_id)]
    for role in roles or Role:
        clients = tuple(agency.clients)[:1] if role is Role.CLIENT_VIEWER else ()
        user_id = await edge.person(agency, role, clients)
        scopes = tuple(sorted(scope.value for scope in SCOPES_OF_ROLES[role]))
        bearer = (await app.tokens(user_id, scopes))["access_token"]
        name = f"{agency.slug} {role.value}"
        found += [Caller(f"{name} by cookie", user_id=user_id), Caller(f"{name} by app", bearer)]
    return [*found, Caller(f"{agency.slug} app", await edge.token(agency, *ALL_SCOPES))]


def _all_scopes() -> set[str]:
    return {scope.value for scopes in SCOPES_OF_ROLES.values() for scope in scopes}


def marks_of(agency: Agency) -> set[str]:
    """Texts that only answers about this agency can hold."""
    ids: list[tuple[str, uuid.UUID]] = [("ten", agency.tenant_id), ("syn", agency.sync_id)]
    ids += [("cli", client_id) for client_id in agency.clients.values()]
    ids += [("con", connection_id) for connection_id in agency.connections.values()]
    public = {public_id(prefix, value) for prefix, value in ids}
    return {agency.canary, *public, *(str(value) for _, value in ids)}


def redacted(reply: httpx.Response, loot: Mapping[str, Loot], *own: str) -> str:
    """An answer as it reads when nobody can tell the victim's from the made-up."""
    headers = [one for one in reply.headers.multi_items() if one[0] not in _COUNTING]
    text = f"{reply.status_code} {sorted(headers)} {reply.text}"
    known = {
        way: name for name, one in loot.items() for v in (one.value, one.void) for way in _ways(v)
    }
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, f"<{known[value]}>")
    for value in own:
        text = text.replace(value, "<own>")
    return _EXPIRES.sub("expires", _TRACE.sub("<trace>", text))


def _ways(value: str) -> Iterator[str]:
    """A text as it may be written in a page, an address, or an address within an address."""
    once = {value, quote(value, safe=""), quote_plus(value)}
    twice = {quote(one, safe="") for one in once} | {quote_plus(one) for one in once}
    for one in once | twice:
        yield one
        yield html.escape(one)


def rows_of(url: str, agency: Agency) -> dict[str, Any]:
    """A hash of all rows of the agency, by table; read past row-level security."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    found = {}
    with psycopg.connect(address) as connection:
        for table in sorted(Base.metadata.tables):
            columns = Base.metadata.tables[table].columns
            if table != "tenants" and "tenant_id" not in columns:
                continue
            key = "id" if table == "tenants" else "tenant_id"
            query = (
                f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text))"
                f" FROM {table} t WHERE {key} = %s"
            )
            found[table] = connection.execute(query.encode(), [agency.tenant_id]).fetchone()
    return found
