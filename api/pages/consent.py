"""The consent page: an application asks to act for a person.

    GET /oauth/authorize -> request read -> signed in at the application's agency? -> page
    POST (the page's form) -> allowed: redirect with a code | refused: redirect with access_denied

The form carries the request as it came; it is read and checked again, so nothing is kept between
page and answer. A person allows what it may do itself: a scope that no role of the person brings is
not offered, and the application is told what it got.

Sources: RFC 6749 sections 3.1 and 4.1; RFC 9700 sections 4.12 (303) and 4.16 (no frames).
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749.errors import OAuth2Error
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.identity.caller import Scope
from api.identity.rights import intersect
from api.identity.sessions import SignedIn
from api.oauth.authorization import (
    AuthorizationRequest,
    AuthorizationRequests,
    RedirectedError,
    UnusableRequestError,
    no_such_application,
)
from api.pages.forms import FormError, read_form, refuse_form
from api.pages.rendering import render
from api.pages.visits import Visits
from domain.ids import ClientId, TenantId
from tenancy.session import Database
from tenancy.tables import Client, Tenant

__all__ = ["SCOPES_IN_WORDS", "ConsentPages", "consent_routes", "in_words"]

SCOPES_IN_WORDS: Final[Mapping[Scope, str]] = {
    Scope.METRICS_READ: "See metrics, clients and definitions",
    Scope.METRICS_WRITE: "Define and retire your agency's own metrics, and plan spend and events",
    Scope.FEATURES_WRITE: "Register and deprecate your agency's own feature views",
    Scope.INGESTION_READ: "See connected accounts, syncs and data problems",
    Scope.INGESTION_WRITE: "Look after data problems, and close them",
    Scope.WEBHOOKS_MANAGE: "Say which programs are told what happens",
    Scope.TOKENS_INTROSPECT: "Ask what tokens of the agency's other apps stand for",
    Scope.AUDIT_READ: "See who did or looked at what in your agency",
    Scope.PRIVACY_READ: "See requests of people about their data",
    Scope.PRIVACY_WRITE: "Decide on requests of people about their data",
}

_LISTED: Final = 12  # clients that are named; the rest is counted


class LoginRequiredError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """Nobody is signed in, and nobody may be asked to (`prompt=none`)."""

    error = "login_required"


class ConsentRequiredError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """The person has not allowed it, and may not be asked to (`prompt=none`)."""

    error = "consent_required"


@dataclass(frozen=True, slots=True)
class ConsentPages:
    """Asks people, and hands their answers on."""

    visits: Visits
    requests: AuthorizationRequests
    database: Database

    async def ask(self, request: Request) -> Response:
        """GET: the page, or a redirect when nobody need be asked."""
        return await _told(self._ask(request))

    async def answer(self, request: Request) -> Response:
        """POST: what the person said."""
        return await _told(self._answer(request))

    async def _ask(self, request: Request) -> Response:
        asked = await self.requests.read(request.url.query)
        person = await self._person(request, asked.application.tenant_id)
        if person is None:
            return await self._sign_in(request, asked)
        scopes = _offered(asked, person)
        if scopes and await self.requests.is_allowed_already(asked, person.user_id, scopes):
            return _send(await self.requests.allow(asked, person.user_id, scopes))
        if asked.prompt == "none":
            return _send(self.requests.deny(asked, ConsentRequiredError))
        return await self._page(asked, person, scopes, request.url.query)

    async def _answer(self, request: Request) -> Response:
        person = await self.visits.current(request)
        if person is None:
            return self.visits.to_sign_in(request)
        fields = await read_form(request, self.visits.issuer, person.form_token)
        asked = await self.requests.read(fields.get("request", ""))
        if person.tenant_id != asked.application.tenant_id:
            raise no_such_application()
        scopes = _offered(asked, person)
        if fields.get("decision") != "allow" or not scopes:
            return _send(self.requests.deny(asked))
        return _send(await self.requests.allow(asked, person.user_id, scopes))

    async def _sign_in(self, request: Request, asked: AuthorizationRequest) -> Response:
        if asked.prompt == "none":
            return _send(self.requests.deny(asked, LoginRequiredError))
        async with self.database.session(asked.application.tenant_id) as session:
            slug = (await session.scalars(select(Tenant.slug))).one()
        return self.visits.to_sign_in(request, agency=slug)

    async def _person(self, request: Request, tenant_id: TenantId) -> SignedIn | None:
        """Who is signed in at the application's agency."""
        person = await self.visits.current(request)
        return person if person is not None and person.tenant_id == tenant_id else None

    async def _page(
        self,
        asked: AuthorizationRequest,
        person: SignedIn,
        scopes: frozenset[str],
        query: str,
    ) -> Response:
        application = asked.application
        reached = intersect(application.clients, person.rights.clients_of(scopes))
        metrics = application.metrics
        return render(
            "consent.html",
            form_targets=[asked.redirect_uri],
            visitor=person,
            application=application.name,
            scopes=in_words(scopes),
            clients=await self._clients(person.tenant_id, reached),
            metrics=None if metrics is None else sorted(metrics),
            target=_place(asked.redirect_uri),
            request=query,
        )

    async def _clients(
        self, tenant_id: TenantId, reached: frozenset[ClientId] | None
    ) -> Sequence[str] | None:
        """Names of the clients that are reached, the last one a count; None: all."""
        if reached is None:
            return None
        async with self.database.session(tenant_id) as session:
            names = list(
                await session.scalars(
                    select(Client.name).where(Client.id.in_(reached)).order_by(Client.name)
                )
            )
        more = len(names) - _LISTED
        return names if more <= 0 else [*names[:_LISTED], f"and {more} more"]


def consent_routes(pages: ConsentPages) -> list[Route]:
    """`/oauth/authorize`."""
    return [
        Route("/oauth/authorize", pages.ask, methods=["GET"]),
        Route("/oauth/authorize", pages.answer, methods=["POST"]),
    ]


async def _told(answer: Awaitable[Response]) -> Response:
    """The answer, or the page or redirect that says why there is none."""
    try:
        return await answer
    except UnusableRequestError as error:
        return _unusable(error)
    except RedirectedError as error:
        return _send(error.location)
    except FormError as error:
        return refuse_form(error)


def _offered(asked: AuthorizationRequest, person: SignedIn) -> frozenset[str]:
    return asked.scopes & person.rights.scopes


def in_words(scopes: frozenset[str]) -> list[str]:
    """What scopes allow, as people are told."""
    return [words for scope, words in SCOPES_IN_WORDS.items() if scope.value in scopes]


def _place(redirect_uri: str) -> str:
    """Where the person goes back to, as it can be judged: the host, or this very device."""
    parts = urlsplit(redirect_uri)
    if parts.scheme == "https":
        return parts.netloc
    return "a program on this device"


def _send(location: str) -> Response:
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(location, 303, headers=headers)


def _unusable(error: UnusableRequestError) -> Response:
    return render(
        "message.html",
        status=400,
        title="This request cannot be answered",
        message=f"{error.message[:1].upper()}{error.message[1:]}.",
        hint=f"{error.hint[:1].upper()}{error.hint[1:]}.",
    )
