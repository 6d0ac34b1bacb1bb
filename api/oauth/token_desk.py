"""What an application may ask about a token that it holds: cut it off, or tell what it says.

    credentials -> application -> token of the same agency? -> revoked, or what it stands for

A token of another agency is one that does not exist. `token_type_hint` is not read: access tokens
are all that there is, and a hint that is unknown is no error (Authlib's own endpoints make it one).

Sources: RFC 7009 section 2 (revocation), RFC 7662 sections 2 and 4 (introspection).
"""

from dataclasses import dataclass
from typing import Any

from api.oauth.access_tokens import AccessTokens, VerifiedToken
from api.oauth.authorization_server import WRONG_CREDENTIALS, Application
from api.oauth.caller import Scope
from api.oauth.strict_form import Credentials, TokenRequestError
from tenancy.unscoped import Doors, OAuthClientIdentity

__all__ = ["TokenDesk"]


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Revocation and introspection."""

    doors: Doors
    tokens: AccessTokens

    async def authenticate(self, credentials: Credentials) -> OAuthClientIdentity:
        """The application of these credentials.

        Raises:
            TokenRequestError: They are wrong, or it is suspended (401).
        """
        identity = await self.doors.tenant_of_client(credentials.client_id)
        application = Application(identity, credentials)
        if not application.check_client_secret(credentials.secret) or identity is None:
            raise TokenRequestError(
                WRONG_CREDENTIALS,
                status=401,
                error="invalid_client",
                headers={"WWW-Authenticate": 'Basic realm="bosco", charset="UTF-8"'},
            )
        return identity

    async def revoke(self, application: OAuthClientIdentity, token: str) -> None:
        """Cut a token off; one that is none, or no longer valid, needs nothing.

        Raises:
            TokenRequestError: It was issued to another application of the agency (400).
        """
        found = await self._of_agency(application, token)
        if found is None:
            return
        if found.caller.client_id != application.client_id:
            raise TokenRequestError(
                "the token was issued to another application", error="invalid_grant"
            )
        await self.tokens.revoke(found)

    async def introspect(self, application: OAuthClientIdentity, token: str) -> dict[str, Any]:
        """What a token stands for (RFC 7662 section 2.2).

        An application may ask about its own tokens; with `tokens:introspect`, about all of its
        agency. Any other is not active.
        """
        found = await self._of_agency(application, token)
        if found is None or not _may_see(application, found):
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **found.claims}

    async def _of_agency(
        self, application: OAuthClientIdentity, token: str
    ) -> VerifiedToken | None:
        found = await self.tokens.inspect(token)
        return found if found and found.caller.tenant_id == application.tenant_id else None


def _may_see(application: OAuthClientIdentity, token: VerifiedToken) -> bool:
    is_own = token.caller.client_id == application.client_id
    return is_own or Scope.TOKENS_INTROSPECT.value in application.scopes
