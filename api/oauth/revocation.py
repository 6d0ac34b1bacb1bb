"""What has been cut off before its time: single tokens, and all of an application's.

    revoke -> revoked_tokens;  verify -> one query: this token, and is its application suspended

Decision: ADR-0016. Source: RFC 7009 section 2.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from api.oauth.caller import Caller
from domain.ports import Clock
from tenancy.session import Database
from tenancy.tables import OAuthClient, RevokedToken

__all__ = ["Revocations"]


@dataclass(frozen=True, slots=True)
class Revocations:
    """Cuts off, and tells what is."""

    database: Database
    clock: Clock

    async def is_cut_off(self, caller: Caller, token_id: uuid.UUID) -> bool:
        """Whether the token is revoked, or its application suspended or gone. One query.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        is_revoked = exists().where(RevokedToken.token_id == token_id)
        query = select(OAuthClient.suspended_at, is_revoked).where(
            OAuthClient.client_id == caller.client_id
        )
        async with self.database.session(caller.tenant_id) as session:
            row = (await session.execute(query)).one_or_none()
        return row is None or row[0] is not None or row[1]

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
