"""A token request from its form to its answer, in one transaction of the application's agency.

    form -> application -> code or refresh token as stored -> decide (Authlib, no I/O)
    granted -> spent in one UPDATE -> refresh token stored -> COMMIT -> answer
    spent already -> family revoked -> COMMIT -> invalid_grant

Decision: ADR-0017.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from api.identity.caller import Caller
from api.oauth.access_tokens import AccessTokens
from api.oauth.applications import Application, Applications
from api.oauth.families import (
    StoredCode,
    StoredRefreshToken,
    find_code,
    find_refresh_token,
    redeem,
    revoke_family,
    rotate,
    store_refresh_token,
)
from api.oauth.strict_form import TokenForm
from api.oauth.token_server import Issued, Outcome, Presented, SignToken, decide
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.tables import RevocationCause

__all__ = ["TokenRequests"]

_LOG: Final = structlog.get_logger(__name__)
_SPENT: Final = {"error": "invalid_grant", "error_description": "it has been used already"}


@dataclass(frozen=True, slots=True)
class TokenRequests:
    """The token endpoint behind its form.

    Attributes:
        random_text: Makes a refresh token: 256 random bits or more, as URL-safe text.
    """

    applications: Applications
    database: Database
    tokens: AccessTokens
    clock: Clock
    ids: IdFactory
    random_text: Callable[[], str]

    async def answer(self, form: TokenForm, *, origin: str | None = None) -> Outcome:
        """Answer a request; what it spends is spent when this returns.

        Args:
            form: What is asked for.
            origin: Of the page that asks, if it is one and not ours.

        Raises:
            TokenRequestError: The application does not list the origin (403).
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        ring = await self.tokens.key_ring()
        client_id = form.credentials.client_id
        tenant_id = await self.applications.agency_of(client_id)

        def sign(caller: Caller) -> str:
            return self.tokens.issue(ring, caller)

        if tenant_id is None:
            return self._decide(form, None, None, sign)
        async with self.database.session(tenant_id) as session:
            application = await self.applications.read(session, client_id)
            if application is not None:
                application.check_origin(origin)
            presented = await _find_presented(session, form)
            outcome = self._decide(form, application, presented, sign)
            if application is None:
                return outcome
            if outcome.issued is not None:
                return await self._grant(session, application, presented, outcome, outcome.issued)
            if outcome.is_replay:
                await self._end_family(session, application, presented)
            return outcome

    def _decide(
        self,
        form: TokenForm,
        application: Application | None,
        presented: Presented,
        sign: SignToken,
    ) -> Outcome:
        return decide(
            form,
            application,
            presented,
            sign=sign,
            random_text=self.random_text,
            now=self.clock(),
            resource=self.tokens.resource,
        )

    async def _grant(
        self,
        session: TenantSession,
        application: Application,
        presented: Presented,
        outcome: Outcome,
        issued: Issued,
    ) -> Outcome:
        now = self.clock()
        if isinstance(presented, StoredCode):
            is_first = await redeem(session, presented, now)
        elif isinstance(presented, StoredRefreshToken):
            is_first = await rotate(session, presented, now)
        else:
            is_first = True
        if not is_first:  # another request was faster; this one is a replay after all
            await self._end_family(session, application, presented)
            return dataclasses.replace(
                outcome, status=400, body=dict(_SPENT), issued=None, is_replay=True
            )
        if presented is not None and issued.refresh_token is not None:
            store_refresh_token(session, presented.family, issued.refresh_token, now)
        await self.applications.mark_used(session, application, issued.secret_id)
        return outcome

    async def _end_family(
        self, session: TenantSession, application: Application, presented: Presented
    ) -> None:
        if presented is None:
            return
        cause = (
            RevocationCause.CODE_REPLAYED
            if isinstance(presented, StoredCode)
            else RevocationCause.REFRESH_TOKEN_REUSED
        )
        family = presented.family
        if not await revoke_family(session, family.id, cause, self.clock()):
            return
        _LOG.warning("token_family_revoked", cause=cause.value, app=application.client_id)
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=f"client:{application.client_id}",
            action="tokens.revoked",
            object_kind="token_family",
            object_id=str(family.id),
            details={"because": cause.value, "user": str(family.user_id)},
        )


async def _find_presented(session: TenantSession, form: TokenForm) -> Presented:
    grant_type = form.fields.get("grant_type")
    if grant_type == "authorization_code" and (code := form.fields.get("code")):
        return await find_code(session, code)
    if grant_type == "refresh_token" and (token := form.fields.get("refresh_token")):
        return await find_refresh_token(session, token)
    return None
