"""What has been cut off before its time: single tokens, families, all of an application's.

    revoke -> revoked_tokens;  verify -> is the token revoked, its application suspended, its family
    over, or do the application or the person hold less by now than the token says?

Decision: ADR-0016. Source: RFC 7009 section 2.
"""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from api.identity.caller import Caller, Person
from api.identity.rights import Rights
from api.oauth.families import find_family
from domain.ports import Clock
from tenancy.session import Database, TenantSession
from tenancy.tables import OAuthClient, RevokedToken

__all__ = ["Revocations"]


@dataclass(frozen=True, slots=True)
class Revocations:
    """Cuts off, and tells what is."""

    database: Database
    clock: Clock

    async def is_cut_off(self, caller: Caller, token_id: uuid.UUID) -> bool:
        """Whether the token is revoked, or its application, family or person gone.

        One query, and two more for a token of a person.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        is_revoked = exists().where(RevokedToken.token_id == token_id)
        query = select(OAuthClient, is_revoked).where(OAuthClient.client_id == caller.client_id)
        async with self.database.session(caller.tenant_id) as session:
            row = (await session.execute(query)).one_or_none()
            if row is None or row[1] or not _may_have(row[0], caller):
                return True
            if caller.person is None:
                return False
            return not await self._is_covered(session, caller, caller.person)

    async def revoke(self, caller: Caller, token_id: uuid.UUID, expires_at: dt.datetime) -> None:
        """Let a token be refused from now on; again changes nothing.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now = self.clock()
        values = {"token_id": token_id, "revoked_at": now, "expires_at": expires_at}
        note = insert(RevokedToken).values(tenant_id=caller.tenant_id, **values)
        async with self.database.session(caller.tenant_id) as session:
            await session.execute(delete(RevokedToken).where(RevokedToken.expires_at < now))
            await session.execute(note.on_conflict_do_nothing())

    async def _is_covered(self, session: TenantSession, caller: Caller, person: Person) -> bool:
        """Whether the family lives and the person still holds all that the token says."""
        family = await find_family(session, person.family_id)
        if family is None or family.rights is None or not family.is_live(self.clock()):
            return False
        return _holds(family.rights, caller)


def _may_have(app: OAuthClient, caller: Caller) -> bool:
    """Whether the agency still lets the application have all that the token says."""
    return (
        app.suspended_at is None
        and caller.scopes <= set(app.scopes)
        and _is_within(caller.clients, app.client_ids)
        and _is_within(caller.metrics, app.metrics)
    )


def _holds(rights: Rights, caller: Caller) -> bool:
    reached = rights.clients_of(caller.scopes)
    return caller.scopes <= rights.scopes and _is_within(caller.clients, reached)


def _is_within(told: Collection[Any] | None, limit: Collection[Any] | None) -> bool:
    """Whether what a token says keeps to a limit; None is no limit."""
    return limit is None or (told is not None and set(told) <= set(limit))
