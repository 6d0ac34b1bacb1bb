"""An authorization request: read, and answered by a redirect.

    parameters, each once -> application -> Authlib: redirect URI, scopes, PKCE
    -> AuthorizationRequest -> allowed: grant, family and code stored -> redirect with code
                            -> denied or wrong: redirect with an error

What is wrong before the application and its redirect URI are known to be a pair is told on a page:
nobody is ever sent to an address that a request names and the application does not. After that the
error goes to the application. Every redirect carries `state` as it came, and `iss`.

Sources: RFC 6749 sections 3.1, 4.1.1 and 4.1.2; RFC 7636 section 4.4; RFC 9207 section 2; RFC 8707.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc9207 import IssuerParameter
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from api.oauth.applications import Application, Applications
from api.oauth.authlib_adapter import Client, OAuthRequest, Server
from api.oauth.families import open_family
from api.oauth.pkce import RequireS256
from api.oauth.token_server import InvalidTargetError
from domain.errors import UserError
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import AppGrant

__all__ = [
    "AuthorizationRequest",
    "AuthorizationRequests",
    "RedirectedError",
    "UnusableRequestError",
    "no_such_application",
]

_MAXIMUM_LENGTH: Final = 8_192
_MAXIMUM_FIELDS: Final = 40


class UnusableRequestError(UserError):
    """The request cannot be answered by a redirect; told on a page (whoever wrote the application).

    It names no application of ours, or an address that is not the application's.
    """

    code = "UNUSABLE_REQUEST"


class RedirectedError(Exception):
    """The request is refused, and the application told so.

    Attributes:
        location: Where to send the browser.
    """

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that can be granted.

    Attributes:
        fields: Parameters as they came, each once.
        scopes: What is asked for, all of it within the application's.
        redirect_uri: Where the browser goes next.
        prompt: `none`: ask nobody anything; `consent`: ask even if it was allowed before.
    """

    application: Application
    fields: Mapping[str, str]
    scopes: frozenset[str]
    redirect_uri: str
    prompt: str


@dataclass(slots=True)
class _Answer:
    """What Authlib answers; it adds the issuer to `location`."""

    location: str
    body: Any


class _Issuer(IssuerParameter):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


class _AuthorizationServer(Server):
    def __init__(self, application: Application, issuer: str, resource: str, code: str) -> None:
        super().__init__(Client(application))
        self.resource = resource
        self.code = code
        self.register_grant(_CodeGrant, [RequireS256()])
        self._issuer = _Issuer(issuer)

    def handle_response(self, _status: int, body: Any, headers: list[tuple[str, str]]) -> _Answer:
        answer = _Answer(dict(headers).get("Location", ""), body)
        self._issuer.add_issuer_parameter(self, answer)
        return answer


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is untyped
    def validate_requested_scope(self) -> None:
        asked = set((self.request.payload.scope or "").split())
        if asked - self.request.client.application.scopes:
            raise InvalidScopeError(
                description="the application may not have all of the scopes that it asks for"
            )
        resource = self.request.payload.data.get("resource", self.server.resource)
        if resource != self.server.resource:
            raise InvalidTargetError(description=f"tokens are for {self.server.resource} alone")

    def generate_authorization_code(self) -> str:
        code: str = self.server.code
        return code

    def save_authorization_code(self, code: str, request: OAuthRequest) -> None:
        """It is stored after Authlib has run."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequests:
    """The authorization endpoint without its pages.

    Attributes:
        issuer: Our address, the `iss` of every answer.
        resource: What tokens are good for.
        random_text: Makes a code: 256 random bits or more, as URL-safe text.
    """

    applications: Applications
    database: Database
    issuer: str
    resource: str
    clock: Clock
    ids: IdFactory
    random_text: Callable[[], str]

    async def read(self, query: str) -> AuthorizationRequest:
        """Read and check a request.

        Args:
            query: The query of its address, as it came.

        Raises:
            UnusableRequestError: It cannot be answered by a redirect.
            RedirectedError: It is wrong, and the application is told.
        """
        fields, is_repeated = _fields(query)
        application = await self._application(fields)
        server = self._server(application, code="")
        request = OAuthRequest("GET", fields)
        try:
            if is_repeated or "response_type" not in fields:
                redirect_uri = _CodeGrant.validate_authorization_redirect_uri(
                    request, Client(application)
                )
                raise InvalidRequestError(
                    "a parameter is given more than once"
                    if is_repeated
                    else "response_type is missing",
                    redirect_uri=redirect_uri,
                )
            grant = server.get_consent_grant(request)
        except OAuth2Error as error:
            error.state = fields.get("state")
            raise _told(server, request, error) from error
        return AuthorizationRequest(
            application=application,
            fields=fields,
            scopes=frozenset(grant.request.scope.split()),
            redirect_uri=grant.redirect_uri,
            prompt=fields.get("prompt", ""),
        )

    async def allow(
        self, asked: AuthorizationRequest, user_id: uuid.UUID, scopes: frozenset[str]
    ) -> str:
        """Grant a request: a person allows the application `scopes`.

        Returns:
            Where to send the browser, with a code.
        """
        code, application = self.random_text(), asked.application
        server = self._server(application, code)
        request = OAuthRequest("GET", asked.fields)
        answer: _Answer = server.create_authorization_response(
            request, grant_user=user_id, grant=server.get_consent_grant(request)
        )
        async with self.database.session(application.tenant_id) as session:
            grant_id = await self._store_grant(session, application, user_id, scopes)
            await open_family(
                session,
                family_id=self.ids(),
                grant_id=grant_id,
                scopes=scopes,
                code=code,
                redirect_uri=asked.fields.get("redirect_uri", ""),
                code_challenge=asked.fields["code_challenge"],
                now=self.clock(),
            )
        return answer.location

    def deny(
        self, asked: AuthorizationRequest, error: type[OAuth2Error] = AccessDeniedError
    ) -> str:
        """Refuse a request.

        Args:
            asked: Read already.
            error: Of the kind that the application is told.

        Returns:
            Where to send the browser.
        """
        server = self._server(asked.application, code="")
        refusal = error(redirect_uri=asked.redirect_uri)
        refusal.state = asked.fields.get("state")
        answer: _Answer = server.handle_error_response(OAuthRequest("GET", asked.fields), refusal)
        return answer.location

    async def is_allowed_already(
        self, asked: AuthorizationRequest, user_id: uuid.UUID, scopes: frozenset[str]
    ) -> bool:
        """Whether the person need not be asked again.

        A program on a desk or phone is always asked about: others could pose as it (RFC 8252
        section 8.6).
        """
        if asked.prompt == "consent" or not asked.redirect_uri.startswith("https://"):
            return False
        query = select(AppGrant.scopes).where(
            AppGrant.app_id == asked.application.id,
            AppGrant.user_id == user_id,
            AppGrant.revoked_at.is_(None),
        )
        async with self.database.session(asked.application.tenant_id) as session:
            allowed = await session.scalar(query)
        return allowed is not None and scopes <= set(allowed)

    def _server(self, application: Application, code: str) -> _AuthorizationServer:
        return _AuthorizationServer(application, self.issuer, self.resource, code)

    async def _application(self, fields: Mapping[str, str]) -> Application:
        client_id = fields.get("client_id")
        if client_id is None:
            raise UnusableRequestError(
                "the address names no application", hint="client_id is missing, or given twice"
            )
        application = await self.applications.find(client_id)
        if application is None or application.is_suspended:
            raise no_such_application()
        return application

    async def _store_grant(
        self,
        session: TenantSession,
        application: Application,
        user_id: uuid.UUID,
        scopes: frozenset[str],
    ) -> uuid.UUID:
        told = insert(AppGrant).values(
            tenant_id=session.tenant_id,
            id=self.ids(),
            app_id=application.id,
            user_id=user_id,
            scopes=sorted(scopes),
            granted_at=self.clock(),
        )
        stored = told.on_conflict_do_update(
            index_elements=[AppGrant.tenant_id, AppGrant.app_id, AppGrant.user_id],
            index_where=AppGrant.revoked_at.is_(None),
            set_={"scopes": told.excluded.scopes, "granted_at": told.excluded.granted_at},
        ).returning(AppGrant.id)
        grant_id: uuid.UUID = (await session.execute(stored)).scalar_one()
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=f"user:{user_id}",
            action="app.allowed",
            object_kind="app",
            object_id=str(application.id),
            details={"client_id": application.client_id, "scopes": sorted(scopes)},
        )
        return grant_id


def no_such_application() -> UnusableRequestError:
    """The same for one that is unknown, suspended or another agency's."""
    return UnusableRequestError(
        "there is no such application, or it is suspended",
        hint="go back to where you came from, and tell its makers",
    )


def _fields(query: str) -> tuple[dict[str, str], bool]:
    """Parameters, and whether one is given more than once.

    A repeated `client_id` or `redirect_uri` is left out: it names nothing. One without a value
    counts as absent (RFC 6749 section 3.1).
    """
    if len(query) > _MAXIMUM_LENGTH:
        raise UnusableRequestError("the address is too long", hint="ask for less at once")
    try:
        pairs = parse_qsl(query, errors="strict", max_num_fields=_MAXIMUM_FIELDS)
    except ValueError as error:
        raise UnusableRequestError(
            "the address holds what is no text in UTF-8", hint="encode every parameter"
        ) from error
    fields: dict[str, str] = {}
    repeated: set[str] = set()
    for name, value in pairs:
        if name in fields:
            repeated.add(name)
        fields.setdefault(name, value)
    for name in repeated & {"client_id", "redirect_uri", "state"}:
        del fields[name]
    if "redirect_uri" in repeated:
        raise UnusableRequestError(
            "the address names several places to go back to", hint="give redirect_uri once"
        )
    return fields, bool(repeated)


def _told(
    server: _AuthorizationServer, request: OAuthRequest, error: OAuth2Error
) -> UnusableRequestError | RedirectedError:
    answer: _Answer = server.handle_error_response(request, error)
    if answer.location:
        return RedirectedError(answer.location)
    return UnusableRequestError(
        "the application is not registered to send people back to this address",
        hint="register redirect_uri letter by letter with: bosco apps add --redirect",
    )
