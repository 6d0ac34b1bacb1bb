"""Who works at an agency, in which roles, and who may change that.

    manager -> lock of the agency's people -> rules -> users, memberships + audit entry -> COMMIT

Rules that hold whatever comes at the same time, because changes come one after the other:

- an admin neither makes an owner nor changes anything of one;
- an agency keeps an owner who can sign in;
- a client's viewer has at least one client, and the last client of a role takes the role along
  (a role without clients would reach all of them).
"""

import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, delete, func, select

from api.identity.emails import check_email
from api.identity.links import Links
from api.identity.second_factors import SecondFactors
from api.identity.sessions import Sessions
from domain.errors import ConflictError, InvalidInputError, NotFoundError, Terminal, UserError
from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory
from domain.privacy.identifiers import normalised_email
from tenancy import audit
from tenancy.session import Database, TenantSession
from tenancy.staff import check_owner_is_left, hold_people
from tenancy.tables import (
    BrowserSession,
    Client,
    ExternalIdentity,
    LinkKind,
    Membership,
    MembershipClient,
    Password,
    Role,
    User,
)

__all__ = ["Invited", "Manager", "NotAllowedError", "People", "PersonSeen", "RoleSeen"]

_LONGEST_NAME: Final = 200


class NotAllowedError(UserError, Terminal):
    """The roles of whoever asks do not include this."""

    code = "NOT_ALLOWED"


@dataclass(frozen=True, slots=True)
class Manager:
    """Who changes people.

    Attributes:
        actor: How the audit names them.
        is_owner: Whether they may change owners; the operator at the command line may.
    """

    actor: str
    is_owner: bool


@dataclass(frozen=True, slots=True)
class RoleSeen:
    """A role of a person.

    Attributes:
        clients: Names of the clients that it is limited to, by id, in order of names; None: all.
    """

    role: Role
    clients: dict[ClientId, str] | None


@dataclass(frozen=True, slots=True)
class PersonSeen:
    """A person, as whoever looks after people sees them.

    Attributes:
        is_invited: Cannot sign in yet: has neither a password nor an account at a provider.
        last_seen_at: None: never.
    """

    user_id: uuid.UUID
    email: str
    name: str
    roles: tuple[RoleSeen, ...]
    is_active: bool
    is_invited: bool
    has_authenticator: bool
    last_seen_at: dt.datetime | None

    @property
    def is_owner(self) -> bool:
        """Whether only owners may change them."""
        return any(one.role is Role.OWNER for one in self.roles)


@dataclass(frozen=True, slots=True)
class Invited:
    """A person and the way in.

    Attributes:
        path: Of the one-time link; shown once.
    """

    user_id: uuid.UUID
    email: str
    kind: LinkKind
    path: str


@dataclass(frozen=True, slots=True)
class People:
    """Changes people; each change is one transaction and audited."""

    database: Database
    sessions: Sessions
    links: Links
    second_factors: SecondFactors
    clock: Clock
    ids: IdFactory

    async def list_people(self, tenant_id: TenantId) -> list[PersonSeen]:
        """All people of an agency, by e-mail; those who are put out come last."""
        async with self.database.session(tenant_id) as session:
            users = await session.scalars(
                select(User).order_by(User.deactivated_at.is_not(None), User.email)
            )
            return [await self._see(session, user) for user in users.all()]

    async def get(self, tenant_id: TenantId, user_id: uuid.UUID) -> PersonSeen:
        """One person.

        Raises:
            NotFoundError: The agency has no such person.
        """
        async with self.database.session(tenant_id) as session:
            return await self._see(session, await _get(session, user_id))

    async def find_by_email(self, tenant_id: TenantId, email: str) -> PersonSeen | None:
        """The person of that address, or None."""
        query = select(User).where(func.lower(User.email) == normalised_email(email))
        async with self.database.session(tenant_id) as session:
            user = await session.scalar(query)
            return None if user is None else await self._see(session, user)

    async def invite(
        self,
        tenant_id: TenantId,
        manager: Manager,
        *,
        email: str,
        name: str,
        role: Role,
        clients: Collection[ClientId] = (),
    ) -> Invited:
        """Let a person in by a one-time link.

        Args:
            tenant_id: Of the agency.
            manager: Who invites.
            email: The agency's provider, too, knows the person by it.
            name: For people.
            role: The first one.
            clients: That it is limited to; none: all.

        Raises:
            InvalidInputError: No address, no name, or clients that cannot be.
            ConflictError: The agency has a person of that address.
            NotAllowedError: Only an owner makes an owner.
        """
        address, shown = check_email(email), name.strip()
        if not shown or len(shown) > _LONGEST_NAME or not shown.isprintable():
            raise InvalidInputError(
                "a person needs a name", hint=f"write one of up to {_LONGEST_NAME} letters"
            )
        async with self._change(tenant_id) as session:
            known = select(User.id).where(func.lower(User.email) == address)
            if await session.scalar(known) is not None:
                raise ConflictError(
                    f"the agency has a person {address} already",
                    hint="change the roles of that person, or make a new link",
                )
            user = User(
                id=self.ids(),
                email=address,
                name=shown,
                created_at=self.clock(),
                deactivated_at=None,
            )
            session.add(user)
            await session.flush()
            self._audit(session, manager, "person.invited", user.id, role=role.value)
            await self._set_role(session, manager, user.id, role, clients)
            path = await self.links.issue(
                session, user.id, LinkKind.INVITATION, created_by=manager.actor
            )
        return Invited(user.id, address, LinkKind.INVITATION, path)

    async def give_role(
        self,
        tenant_id: TenantId,
        manager: Manager,
        user_id: uuid.UUID,
        role: Role,
        clients: Collection[ClientId] = (),
    ) -> None:
        """Give a person a role; of one that they have, change the clients.

        Raises:
            NotFoundError: The agency has no such person.
            InvalidInputError: Clients that cannot be.
            NotAllowedError: Only an owner makes or changes an owner.
        """
        async with self._change(tenant_id) as session:
            await self._touch(session, manager, user_id)
            await self._set_role(session, manager, user_id, role, clients)

    async def withdraw_role(
        self, tenant_id: TenantId, manager: Manager, user_id: uuid.UUID, role: Role
    ) -> None:
        """Take a role away.

        Raises:
            NotFoundError: The agency has no such person, or the person no such role.
            ConflictError: No owner would be left.
            NotAllowedError: Only an owner changes an owner.
        """
        async with self._change(tenant_id) as session:
            await self._touch(session, manager, user_id)
            membership = await _get_membership(session, user_id, role)
            await self._drop(session, manager, membership)
            if role is Role.OWNER:
                await check_owner_is_left(session)

    async def withdraw_client(
        self,
        tenant_id: TenantId,
        manager: Manager,
        user_id: uuid.UUID,
        role: Role,
        client_id: ClientId,
    ) -> None:
        """Take a client out of a role; the last one takes the role along.

        Raises:
            NotFoundError: No such person, role or client in it.
            NotAllowedError: Only an owner changes an owner.
        """
        async with self._change(tenant_id) as session:
            await self._touch(session, manager, user_id)
            membership = await _get_membership(session, user_id, role)
            limits = await _limits(session, membership)
            if client_id not in limits:
                raise NotFoundError("the role is not limited to this client")
            if limits == {client_id}:
                await self._drop(session, manager, membership)
                return
            await session.execute(
                delete(MembershipClient).where(
                    MembershipClient.membership_id == membership.id,
                    MembershipClient.client_id == client_id,
                )
            )
            self._audit_role(session, manager, user_id, role, limits - {client_id})

    async def deactivate(self, tenant_id: TenantId, manager: Manager, user_id: uuid.UUID) -> None:
        """Put a person out: sessions and links end at once, tokens within seconds.

        Raises:
            NotFoundError: The agency has no such person.
            ConflictError: No owner would be left.
            NotAllowedError: Only an owner changes an owner.
        """
        async with self._change(tenant_id) as session:
            user = await self._touch(session, manager, user_id)
            if user.deactivated_at is not None:
                return
            user.deactivated_at = self.clock()
            await session.flush()
            await self.sessions.end_all(session, user_id)
            await self.links.withdraw(session, user_id)
            self._audit(session, manager, "person.deactivated", user_id)
            if await session.scalar(_owns(user_id)) is not None:
                await check_owner_is_left(session)

    async def reactivate(self, tenant_id: TenantId, manager: Manager, user_id: uuid.UUID) -> None:
        """Let a person in again, with the roles of before.

        Raises:
            NotFoundError: The agency has no such person.
            NotAllowedError: Only an owner changes an owner.
        """
        async with self._change(tenant_id) as session:
            user = await self._touch(session, manager, user_id)
            if user.deactivated_at is not None:
                user.deactivated_at = None
                self._audit(session, manager, "person.reactivated", user_id)

    async def make_link(self, tenant_id: TenantId, manager: Manager, user_id: uuid.UUID) -> Invited:
        """A new link to choose a password; those before it open nothing any more.

        Raises:
            NotFoundError: The agency has no such person.
            ConflictError: The person is deactivated.
            NotAllowedError: Only an owner does so for an owner.
        """
        async with self._change(tenant_id) as session:
            user = await self._touch(session, manager, user_id)
            if user.deactivated_at is not None:
                raise ConflictError(
                    "this person is deactivated", hint="reactivate the person first"
                )
            stored = await session.get(Password, (tenant_id, user_id))
            kind = LinkKind.INVITATION if stored is None else LinkKind.PASSWORD_RESET
            path = await self.links.issue(session, user_id, kind, created_by=manager.actor)
            self._audit(session, manager, "link.issued", user_id, kind=kind.value)
        return Invited(user_id, user.email, kind, path)

    async def remove_authenticator(
        self, tenant_id: TenantId, manager: Manager, user_id: uuid.UUID
    ) -> None:
        """Ask a person, who lost it, for no code any more; their sessions end.

        Raises:
            NotFoundError: No such person, or no authenticator.
            NotAllowedError: Only an owner does so for an owner.
        """
        async with self._change(tenant_id) as session:
            await self._touch(session, manager, user_id)
            if not await self.second_factors.remove(session, user_id):
                raise NotFoundError("this person has no authenticator")
            await self.sessions.end_all(session, user_id)
            self._audit(session, manager, "second_factor.removed", user_id)

    @contextlib.asynccontextmanager
    async def _change(self, tenant_id: TenantId) -> AsyncIterator[TenantSession]:
        async with self.database.session(tenant_id) as session:
            await hold_people(session)
            yield session

    async def _touch(self, session: TenantSession, manager: Manager, user_id: uuid.UUID) -> User:
        """The person, once it is clear that the manager may change them."""
        user = await _get(session, user_id)
        if not manager.is_owner and await session.scalar(_owns(user_id)) is not None:
            raise NotAllowedError(
                "only an owner changes an owner", hint="ask an owner of your agency"
            )
        return user

    async def _set_role(
        self,
        session: TenantSession,
        manager: Manager,
        user_id: uuid.UUID,
        role: Role,
        clients: Collection[ClientId],
    ) -> None:
        if role is Role.OWNER and not manager.is_owner:
            raise NotAllowedError(
                "only an owner makes an owner", hint="ask an owner of your agency"
            )
        await _check_clients(session, role, clients)
        query = select(Membership).where(Membership.user_id == user_id, Membership.role == role)
        membership = await session.scalar(query)
        if membership is None:
            membership = Membership(id=self.ids(), user_id=user_id, role=role)
            session.add(membership)
            await session.flush()
        await session.execute(
            delete(MembershipClient).where(MembershipClient.membership_id == membership.id)
        )
        session.add_all(
            MembershipClient(membership_id=membership.id, client_id=client)
            for client in set(clients)
        )
        await session.flush()
        self._audit_role(session, manager, user_id, role, clients)

    async def _drop(self, session: TenantSession, manager: Manager, membership: Membership) -> None:
        await session.execute(
            delete(MembershipClient).where(MembershipClient.membership_id == membership.id)
        )
        await session.delete(membership)
        await session.flush()
        role = membership.role.value
        self._audit(session, manager, "role.withdrawn", membership.user_id, role=role)

    async def _see(self, session: TenantSession, user: User) -> PersonSeen:
        known = select(Password.user_id).where(Password.user_id == user.id)
        linked = select(ExternalIdentity.user_id).where(ExternalIdentity.user_id == user.id)
        seen = select(func.max(BrowserSession.last_seen_at)).where(
            BrowserSession.user_id == user.id
        )
        can_sign_in = (await session.execute(known.union(linked))).first() is not None
        return PersonSeen(
            user_id=user.id,
            email=user.email,
            name=user.name,
            roles=await _roles(session, user.id),
            is_active=user.deactivated_at is None,
            is_invited=not can_sign_in,
            has_authenticator=await self.second_factors.is_on(session, user.id),
            last_seen_at=await session.scalar(seen),
        )

    def _audit_role(
        self,
        session: TenantSession,
        manager: Manager,
        user_id: uuid.UUID,
        role: Role,
        clients: Iterable[ClientId],
    ) -> None:
        limits = sorted(str(client) for client in clients)
        self._audit(session, manager, "role.given", user_id, role=role.value, clients=limits)

    def _audit(
        self,
        session: TenantSession,
        manager: Manager,
        action: str,
        user_id: uuid.UUID,
        **details: str | list[str],
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=manager.actor,
            action=action,
            object_kind="user",
            object_id=str(user_id),
            details=details,
        )


async def _get(session: TenantSession, user_id: uuid.UUID) -> User:
    user = await session.get(User, (session.tenant_id, user_id))
    if user is None:
        raise NotFoundError("the agency has no such person")
    return user


def _owns(user_id: uuid.UUID) -> Select[uuid.UUID]:
    """Finds something if the person is an owner."""
    return select(Membership.id).where(Membership.user_id == user_id, Membership.role == Role.OWNER)


async def _get_membership(session: TenantSession, user_id: uuid.UUID, role: Role) -> Membership:
    query = select(Membership).where(Membership.user_id == user_id, Membership.role == role)
    membership = await session.scalar(query)
    if membership is None:
        raise NotFoundError("the person has no such role")
    return membership


async def _limits(session: TenantSession, membership: Membership) -> set[ClientId]:
    query = select(MembershipClient.client_id).where(
        MembershipClient.membership_id == membership.id
    )
    return set((await session.scalars(query)).all())


async def _roles(session: TenantSession, user_id: uuid.UUID) -> tuple[RoleSeen, ...]:
    rows = await session.execute(
        select(Membership.role, Client.id, Client.name)
        .outerjoin(
            MembershipClient,
            (MembershipClient.tenant_id == Membership.tenant_id)
            & (MembershipClient.membership_id == Membership.id),
        )
        .outerjoin(
            Client,
            (Client.tenant_id == MembershipClient.tenant_id)
            & (Client.id == MembershipClient.client_id),
        )
        .where(Membership.user_id == user_id)
        .order_by(Membership.role, Client.name)
    )
    found: dict[Role, dict[ClientId, str]] = {}
    for role, client_id, name in rows:
        clients = found.setdefault(role, {})
        if client_id is not None:
            clients[client_id] = name
    return tuple(RoleSeen(role, clients or None) for role, clients in found.items())


async def _check_clients(session: TenantSession, role: Role, clients: Collection[ClientId]) -> None:
    if role is Role.CLIENT_VIEWER and not clients:
        raise InvalidInputError(
            "a client's viewer needs at least one client", hint="choose the client"
        )
    if role is Role.OWNER and clients:
        raise InvalidInputError("an owner sees every client", hint="choose no client, or a role")
    found = select(func.count()).select_from(Client).where(Client.id.in_(set(clients)))
    if clients and await session.scalar(found) != len(set(clients)):
        raise NotFoundError("the agency has no such client")
