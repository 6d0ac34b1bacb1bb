"""Links that let a person choose a password, once.

    issue -> /links/<agency, 256 random bits> -> GET shows a form -> POST spends it by one UPDATE

Programs that look at links in messages send GET, so GET spends nothing. A new link withdraws those
before it. The link is shown once, to whoever made it, and stored as a hash.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update

from api.identity.sessions import TenantToken
from domain.ports import Clock, IdFactory
from tenancy.session import Database, TenantSession
from tenancy.tables import LinkKind, OneTimeLink, Tenant, User

__all__ = ["LINK_LIFETIMES", "LinkInForce", "Links"]

LINK_LIFETIMES: Final[Mapping[LinkKind, dt.timedelta]] = {
    LinkKind.INVITATION: dt.timedelta(hours=72),
    LinkKind.PASSWORD_RESET: dt.timedelta(hours=24),
}


@dataclass(frozen=True, slots=True)
class LinkInForce:
    """What a link opens.

    Attributes:
        agency: Its name, for people.
    """

    token: TenantToken
    kind: LinkKind
    user_id: uuid.UUID
    name: str
    email: str
    agency: str
    agency_slug: str


@dataclass(frozen=True, slots=True)
class Links:
    """Makes, finds and spends links.

    Attributes:
        random_bytes: Cryptographic randomness.
    """

    database: Database
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]

    async def issue(
        self, session: TenantSession, user_id: uuid.UUID, kind: LinkKind, *, created_by: str
    ) -> str:
        """Make a link, in the transaction of `session`; those before it open nothing any more.

        Returns:
            The path; the only place where the token is ever written.
        """
        await self.withdraw(session, user_id)
        token, now = TenantToken.new(session.tenant_id, self.random_bytes), self.clock()
        session.add(
            OneTimeLink(
                id=self.ids(),
                kind=kind,
                user_id=user_id,
                token_hash=token.hash,
                created_by=created_by,
                created_at=now,
                expires_at=now + LINK_LIFETIMES[kind],
                used_at=None,
                withdrawn_at=None,
            )
        )
        await session.flush()
        return f"/links/{token.text}"

    async def withdraw(self, session: TenantSession, user_id: uuid.UUID) -> None:
        """Let no link of a person open anything."""
        await session.execute(
            update(OneTimeLink)
            .where(
                OneTimeLink.user_id == user_id,
                OneTimeLink.used_at.is_(None),
                OneTimeLink.withdrawn_at.is_(None),
            )
            .values(withdrawn_at=self.clock())
        )

    async def find(self, text: str) -> LinkInForce | None:
        """What a link opens; None: nothing, any more."""
        token = TenantToken.parse(text)
        if token is None:
            return None
        async with self.database.session(token.tenant_id) as session:
            query = (
                select(
                    OneTimeLink.kind,
                    User.id,
                    User.name,
                    User.email,
                    Tenant.name.label("agency"),
                    Tenant.slug,
                )
                .join(
                    User,
                    (User.tenant_id == OneTimeLink.tenant_id) & (User.id == OneTimeLink.user_id),
                )
                .join(Tenant, Tenant.id == OneTimeLink.tenant_id)
                .where(
                    OneTimeLink.token_hash == token.hash,
                    OneTimeLink.used_at.is_(None),
                    OneTimeLink.withdrawn_at.is_(None),
                    OneTimeLink.expires_at > self.clock(),
                    User.deactivated_at.is_(None),
                )
            )
            row = (await session.execute(query)).one_or_none()
        if row is None:
            return None
        return LinkInForce(token, row.kind, row.id, row.name, row.email, row.agency, row.slug)

    async def spend(self, session: TenantSession, link: LinkInForce) -> bool:
        """Use a link, in the transaction of `session`; False: somebody was first."""
        spent = await session.scalar(
            update(OneTimeLink)
            .where(
                OneTimeLink.token_hash == link.token.hash,
                OneTimeLink.used_at.is_(None),
                OneTimeLink.withdrawn_at.is_(None),
                OneTimeLink.expires_at > self.clock(),
            )
            .values(used_at=self.clock())
            .returning(OneTimeLink.id)
        )
        return spent is not None
