"""What a person may do: roles, the scopes of each, and at which clients.

    memberships (role, clients) -> Rights -> scopes that can be granted, clients that these reach

A person may have several roles, each at some clients or at all. A token has one set of clients for
all its scopes, so it reaches the clients at which the person holds every one of them: fewer scopes
may reach more clients, never the other way.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select

from api.identity.caller import Scope
from domain.ids import ClientId
from tenancy.session import TenantSession
from tenancy.tables import Membership, MembershipClient, Role, User

__all__ = ["SCOPES_OF_ROLES", "Rights", "intersect", "read_rights"]

_READ: Final = frozenset({Scope.METRICS_READ})
_WORK: Final = _READ | {Scope.METRICS_WRITE, Scope.INGESTION_READ}
_PRIVACY: Final = frozenset({Scope.PRIVACY_READ, Scope.PRIVACY_WRITE})
_LEAD: Final = (
    _WORK
    | _PRIVACY
    | {
        Scope.FEATURES_WRITE,
        Scope.INGESTION_WRITE,
        Scope.WEBHOOKS_MANAGE,
        Scope.TOKENS_INTROSPECT,
        Scope.AUDIT_READ,
    }
)

SCOPES_OF_ROLES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.OWNER: _LEAD,
    Role.ADMIN: _LEAD,
    Role.ANALYST: _WORK,
    Role.CLIENT_VIEWER: _READ,
    Role.DATA_PROTECTION_OFFICER: _READ | _PRIVACY | {Scope.INGESTION_READ, Scope.AUDIT_READ},
    Role.ML_ENGINEER: _READ | {Scope.FEATURES_WRITE, Scope.INGESTION_READ},
}

Clients = frozenset[ClientId] | None  # None: all of the agency


@dataclass(frozen=True, slots=True)
class Rights:
    """Of one person.

    Attributes:
        roles: Each role, and the clients that it is limited to; None: all.
    """

    roles: tuple[tuple[Role, Clients], ...]

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that some role brings."""
        return frozenset(scope.value for role, _ in self.roles for scope in SCOPES_OF_ROLES[role])

    def clients_of(self, scopes: Iterable[str]) -> Clients:
        """The clients at which the person holds all of `scopes`."""
        reached: Clients = None
        for scope in scopes:
            reached = intersect(reached, self._clients_of(scope))
        return reached

    def holds_everywhere(self, *roles: Role) -> bool:
        """Whether one of these roles is held at the whole agency."""
        return any(role in roles and clients is None for role, clients in self.roles)

    def _clients_of(self, scope: str) -> Clients:
        found: frozenset[ClientId] = frozenset()
        for role, clients in self.roles:
            if scope in {one.value for one in SCOPES_OF_ROLES[role]}:
                if clients is None:
                    return None
                found |= clients
        return found


def intersect(one: Clients, other: Clients) -> Clients:
    """The clients that both limits leave."""
    if one is None:
        return other
    return one if other is None else one & other


async def read_rights(session: TenantSession, user_id: uuid.UUID) -> Rights | None:
    """The rights of a user of the session's agency; None: there is none, or it is deactivated.

    One query.
    """
    rows: Sequence[Any] = (await session.execute(_ROLES, {"user_id": user_id})).all()
    if not rows:
        return None
    roles: dict[uuid.UUID, tuple[Role, set[ClientId]]] = {}
    for membership_id, role, client_id in rows:
        if membership_id is None:
            continue
        limited_to = roles.setdefault(membership_id, (role, set()))[1]
        if client_id is not None:
            limited_to.add(client_id)
    return Rights(tuple((role, _limit(role, clients)) for role, clients in roles.values()))


_ROLES: Final = (
    select(Membership.id, Membership.role, MembershipClient.client_id)
    .select_from(User)
    .outerjoin(
        Membership,
        (Membership.tenant_id == User.tenant_id) & (Membership.user_id == User.id),
    )
    .outerjoin(
        MembershipClient,
        (MembershipClient.tenant_id == Membership.tenant_id)
        & (MembershipClient.membership_id == Membership.id),
    )
    .where(User.id == bindparam("user_id"), User.deactivated_at.is_(None))
    .order_by(Membership.id)
)


def _limit(role: Role, clients: set[ClientId]) -> Clients:
    """A client's viewer without a client sees nothing; any other role is then unlimited."""
    if clients or role is Role.CLIENT_VIEWER:
        return frozenset(clients)
    return None
