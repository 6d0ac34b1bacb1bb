"""What an application may ask about a token that it holds: cut it off, or tell what it says.

    credentials -> application -> token of the same agency? -> revoked, or what it stands for

A token of another agency is one that does not exist. `token_type_hint` is not read: what a token is
can be seen from it, and a hint that is unknown is no error (Authlib's own endpoints make it one).
A refresh token is revoked with its whole family, an access token alone.

Sources: RFC 7009 section 2 (revocation), RFC 7662 sections 2 and 4 (introspection).
"""

from dataclasses import dataclass
from typing import Any

from api.identity.caller import Scope
from api.oauth.access_tokens import AccessTokens, VerifiedToken
from api.oauth.applications import Application, Applications
from api.oauth.families import StoredRefreshToken, find_refresh_token, revoke_family
from api.oauth.strict_form import Credentials, TokenRequestError
from api.oauth.token_server import WRONG_CREDENTIALS, authenticate
from domain.ids import public_id
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import RevocationCause

__all__ = ["TokenDesk"]


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Revocation and introspection."""

    applications: Applications
    database: Database
    tokens: AccessTokens
    clock: Clock
    ids: IdFactory

    async def authenticate(self, credentials: Credentials) -> Application:
        """The application of these credentials; one without a secret is known by its id.

        Raises:
            TokenRequestError: They are wrong, or it is suspended (401).
        """
        found = authenticate(await self.applications.find(credentials.client_id), credentials)
        if found is None:
            raise TokenRequestError(
                WRONG_CREDENTIALS,
                status=401,
                error="invalid_client",
                headers={"WWW-Authenticate": 'Basic realm="bosco", charset="UTF-8"'},
            )
        return found.application

    async def revoke(self, application: Application, token: str) -> None:
        """Cut a token off; one that is none, or no longer valid, needs nothing.

        Raises:
            TokenRequestError: It was issued to another application of the agency (400).
        """
        async with self.database.session(application.tenant_id) as session:
            refresh_token = await find_refresh_token(session, token)
            if refresh_token is not None:
                await self._revoke_family(session, application, refresh_token)
                return
        found = await self._access_token(application, token)
        if found is None:
            return
        if found.caller.client_id != application.client_id:
            raise _not_its_own()
        await self.tokens.revoke(found)

    async def introspect(self, application: Application, token: str) -> dict[str, Any]:
        """What a token stands for (RFC 7662 section 2.2).

        An application may ask about its own tokens; with `tokens:introspect`, about the access
        tokens of all of its agency. Any other is not active.

        Raises:
            TokenRequestError: The application has no secret, so anybody could ask (401).
        """
        if application.is_public:
            raise TokenRequestError(
                "only an application with a secret may ask", status=401, error="invalid_client"
            )
        async with self.database.session(application.tenant_id) as session:
            refresh_token = await find_refresh_token(session, token)
        if refresh_token is not None:
            return self._describe(application, refresh_token)
        found = await self._access_token(application, token)
        if found is None or not _may_see(application, found):
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **found.claims}

    async def _revoke_family(
        self, session: TenantSession, application: Application, token: StoredRefreshToken
    ) -> None:
        family = token.family
        if family.app_id != application.id:
            raise _not_its_own()
        if await revoke_family(session, family.id, RevocationCause.ASKED_FOR, self.clock()):
            audit.record(
                session,
                clock=self.clock,
                ids=self.ids,
                actor=f"client:{application.client_id}",
                action="tokens.revoked",
                object_kind="token_family",
                object_id=str(family.id),
                details={
                    "because": RevocationCause.ASKED_FOR.value,
                    "user": str(family.user_id),
                },
            )

    def _describe(self, application: Application, token: StoredRefreshToken) -> dict[str, Any]:
        now = self.clock()
        is_own = token.family.app_id == application.id
        is_good = not token.is_spent and now < token.expires_at and token.family.is_live(now)
        if not is_own or not is_good:
            return {"active": False}
        return {
            "active": True,
            "client_id": application.client_id,
            "sub": public_id("usr", token.family.user_id),
            "scope": " ".join(sorted(token.family.scopes)),
            "exp": int(token.expires_at.timestamp()),
        }

    async def _access_token(self, application: Application, token: str) -> VerifiedToken | None:
        found = await self.tokens.inspect(token)
        return found if found and found.caller.tenant_id == application.tenant_id else None


def _not_its_own() -> TokenRequestError:
    return TokenRequestError("the token was issued to another application", error="invalid_grant")


def _may_see(application: Application, token: VerifiedToken) -> bool:
    is_own = token.caller.client_id == application.client_id
    return is_own or Scope.TOKENS_INTROSPECT.value in application.scopes
