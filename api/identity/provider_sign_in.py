"""Signing in at the agency's own OpenID Connect provider.

    begin -> state, nonce, PKCE stored -> provider -> callback: state spent once, by this browser
    -> code for an ID token -> signature, iss, aud, azp, exp, nonce -> an invited person -> session

The state names its agency, so that it is looked for in that agency's rows alone, by its hash. It is
in a cookie as well: nobody is signed in by a link that somebody else began. Only people whom the
agency invited come in: the first time by an address that the provider has verified, from then on by
issuer and subject, which do not change.

Sources: OpenID Connect Core 1.0 sections 3.1 and 5.7; RFC 7636; RFC 9207; RFC 9700 section 4.4.
"""

import base64
import datetime as dt
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from sqlalchemy import delete, func, select

from api.identity.provider_calls import ProviderCalls
from api.identity.providers import KnownProvider, Metadata, ProviderDocuments, Providers
from api.identity.sessions import Sessions, TenantToken
from domain.errors import UserError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.identifiers import normalised_email
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import ExternalIdentity, PendingSignIn, Tenant, User
from tenancy.unscoped import Doors
from tenancy.vault import Purpose, TenantKey, Vault

__all__ = ["CALLBACK", "Departure", "ProviderSignInError", "ProviderSignIns"]

CALLBACK: Final = "/sign-in/callback"
ALGORITHMS: Final = ("RS256", "ES256", "PS256")

_LIFETIME: Final = dt.timedelta(minutes=10)
_LEEWAY_SECONDS: Final = 30
_NO_PROVIDER: Final = "this agency has no provider of its own"


class ProviderSignInError(UserError):
    """Nobody is signed in; says why, and nothing of what the provider said."""

    code = "PROVIDER_SIGN_IN"


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a browser goes.

    Attributes:
        state: That the browser keeps until it is back.
    """

    address: str
    state: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back.

    Attributes:
        cookie: Of a new session.
    """

    cookie: str
    return_to: str


@dataclass(frozen=True, slots=True)
class ProviderSignIns:
    """Sends people to their provider, and takes them in when they return.

    Attributes:
        issuer: Our address, without a slash at the end.
        random_bytes: Cryptographic randomness.
    """

    doors: Doors
    database: Database
    sessions: Sessions
    providers: Providers
    documents: ProviderDocuments
    calls: ProviderCalls
    vault: Vault
    issuer: str
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]

    async def begin(self, agency: str, return_to: str) -> Departure:
        """Send a browser to the agency's provider.

        Raises:
            ProviderSignInError: The agency has none, or does not exist.
            ProviderFailedError: The provider cannot be asked.
        """
        tenant = await self.doors.find_tenant(agency.strip().lower())
        if tenant is None:
            raise ProviderSignInError(_NO_PROVIDER, hint="sign in with your password")
        async with self.database.session(tenant.tenant_id) as session:
            provider = await self.providers.find(session)
        if provider is None:
            raise ProviderSignInError(_NO_PROVIDER, hint="sign in with your password")
        metadata = await self.documents.metadata(provider.issuer)
        state = TenantToken.new(tenant.tenant_id, self.random_bytes)
        nonce, verifier = self._random_text(), self._random_text()
        await self._keep(state, provider, nonce, verifier, return_to)
        query = urlencode(
            {
                "response_type": "code",
                "client_id": provider.client_id,
                "redirect_uri": f"{self.issuer}{CALLBACK}",
                "scope": "openid email",
                "state": state.text,
                "nonce": nonce,
                "code_challenge": create_s256_code_challenge(verifier),
                "code_challenge_method": "S256",
            }
        )
        joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return Departure(f"{metadata.authorization_endpoint}{joint}{query}", state.text)

    async def finish(
        self, parameters: Mapping[str, str], kept_state: str | None, *, browser: str
    ) -> Arrival:
        """Take a browser in that came back.

        Args:
            parameters: Of the address that it came back by.
            kept_state: What the browser kept.
            browser: For people.

        Raises:
            ProviderSignInError: Nobody is signed in.
            ProviderFailedError: The provider cannot be asked.
        """
        text = parameters.get("state", "")
        state = TenantToken.parse(text)
        if state is None or not hmac.compare_digest(text.encode(), (kept_state or "").encode()):
            raise _over()
        pending, provider, verifier = await self._take(state)
        if "error" in parameters or not parameters.get("code"):
            raise ProviderSignInError(
                "the provider did not sign you in", hint="try again, or sign in with your password"
            )
        metadata = await self.documents.metadata(provider.issuer)
        if parameters.get("iss", provider.issuer) != provider.issuer:
            raise _untrusted()
        token = await self._exchange(metadata, provider, parameters["code"], verifier)
        claims = await self._verify(metadata, provider, token, pending.nonce)
        async with self.database.session(state.tenant_id) as session:
            user_id = await self._person(session, claims)
            self._audit(session, user_id, "person.signed_in", methods=["oidc"])
            cookie = await self.sessions.start(session, user_id, methods=("oidc",), browser=browser)
        return Arrival(cookie, pending.return_to)

    async def _keep(
        self,
        state: TenantToken,
        provider: KnownProvider,
        nonce: str,
        verifier: str,
        return_to: str,
    ) -> None:
        now = self.clock()
        async with self.database.session(state.tenant_id) as session:
            await session.execute(delete(PendingSignIn).where(PendingSignIn.expires_at <= now))
            sealed = self.vault.seal_for(
                await self._key(session),
                {"verifier": verifier},
                tenant_id=state.tenant_id,
                purpose=Purpose.SIGN_IN,
                object_id=_object_id(state),
            )
            session.add(
                PendingSignIn(
                    state_hash=state.hash,
                    provider_id=provider.id,
                    nonce=nonce,
                    sealed_verifier=sealed,
                    return_to=return_to,
                    expires_at=now + _LIFETIME,
                )
            )

    async def _take(self, state: TenantToken) -> tuple[PendingSignIn, KnownProvider, str]:
        """What was kept, once: it is gone before the provider is asked."""
        async with self.database.session(state.tenant_id) as session:
            query = (
                delete(PendingSignIn)
                .where(PendingSignIn.state_hash == state.hash)
                .returning(PendingSignIn)
            )
            pending = (await session.scalars(query)).one_or_none()
            if pending is None:
                raise _over()
            provider = await self.providers.find(session)
            opened = self.vault.open_for(
                await self._key(session),
                pending.sealed_verifier,
                tenant_id=state.tenant_id,
                purpose=Purpose.SIGN_IN,
                object_id=_object_id(state),
            )
        if provider is None or provider.id != pending.provider_id:
            raise _over()
        if pending.expires_at <= self.clock():
            raise _over()
        return pending, provider, opened["verifier"].reveal()

    async def _exchange(
        self, metadata: Metadata, provider: KnownProvider, code: str, verifier: str
    ) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.issuer}{CALLBACK}",
            "code_verifier": verifier,
        }
        basic = None
        if metadata.takes_basic:
            basic = quote_plus(provider.client_id), quote_plus(provider.client_secret)
        else:
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        answer = await self.calls.post(metadata.token_endpoint, form, basic)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise _untrusted()
        return token

    async def _verify(
        self, metadata: Metadata, provider: KnownProvider, token: str, nonce: str
    ) -> dict[str, Any]:
        keys = await self.documents.keys(metadata, _key_id(token))
        now = int(self.clock().timestamp())
        registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims: dict[str, Any] = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
            registry.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _untrusted() from error
        audience = claims["aud"]
        is_for_others = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", None if is_for_others else provider.client_id) != provider.client_id:
            raise _untrusted()
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:  # noqa: PLR2004  # Core 1.0, section 2
            raise _untrusted()
        return claims

    async def _person(self, session: TenantSession, claims: Mapping[str, Any]) -> uuid.UUID:
        """The invited person behind an ID token; linked the first time."""
        issuer, subject = claims["iss"], claims["sub"]
        known = select(User.id).join(
            ExternalIdentity,
            (ExternalIdentity.tenant_id == User.tenant_id) & (ExternalIdentity.user_id == User.id),
        )
        is_active = User.deactivated_at.is_(None)
        linked = known.where(ExternalIdentity.issuer == issuer)
        user_id = await session.scalar(linked.where(ExternalIdentity.subject == subject, is_active))
        if user_id is not None:
            return user_id
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise _uninvited()
        user_id = await session.scalar(
            select(User.id).where(func.lower(User.email) == normalised_email(email), is_active)
        )
        # An address that was given to somebody else there is not that person's here.
        if user_id is None or await session.scalar(linked.where(User.id == user_id)) is not None:
            raise _uninvited()
        session.add(
            ExternalIdentity(
                issuer=issuer, subject=subject, user_id=user_id, linked_at=self.clock()
            )
        )
        await session.flush()
        self._audit(session, user_id, "identity.linked")
        return user_id

    async def _key(self, session: TenantSession) -> TenantKey:
        tenant = await session.get_one(Tenant, session.tenant_id)
        return await self.vault.open_tenant_key(TenantId(tenant.id), tenant.wrapped_data_key)

    def _random_text(self) -> str:
        return base64.urlsafe_b64encode(self.random_bytes(32)).rstrip(b"=").decode()

    def _audit(
        self, session: TenantSession, user_id: uuid.UUID, action: str, **details: list[str]
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=f"user:{user_id}",
            action=action,
            object_kind="user",
            object_id=str(user_id),
            details=details,
        )


def _object_id(state: TenantToken) -> uuid.UUID:
    return uuid.UUID(bytes=state.hash[:16])


def _key_id(token: str) -> str | None:
    """The key that a token names, unverified: it only decides whether keys are read again."""
    try:
        head = token.partition(".")[0]
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        key_id = header.get("kid")
    except (ValueError, AttributeError):
        return None
    return key_id if isinstance(key_id, str) else None


def _over() -> ProviderSignInError:
    return ProviderSignInError(
        "this sign-in is over, or was begun in another browser", hint="begin again"
    )


def _untrusted() -> ProviderSignInError:
    return ProviderSignInError(
        "what your agency's provider says cannot be trusted",
        hint="begin again; if it stays, tell whoever looks after the provider",
    )


def _uninvited() -> ProviderSignInError:
    return ProviderSignInError(
        "your agency has not invited you",
        hint="ask an owner or admin for an invitation to the address that you have there",
    )
