"""Requests of the agency's own people, whom the identity graph of clients' people does not know.

    request without a client + e-mail address -> account of that address -> scope of the request

The agency is the controller of its people's accounts. Erasure alone is carried out for them here.

Source: GDPR articles 4(7) and 17.
"""

import uuid
from collections.abc import Collection
from typing import Final

from sqlalchemy import select

from domain.errors import InvalidInputError
from domain.privacy import identifiers
from domain.privacy.rights import Right
from tenancy.privacy.pseudonyms import Pseudonyms, open_own_key
from tenancy.session import TenantSession
from tenancy.staff import NoOwnerLeftError
from tenancy.tables import Membership, Role, SubjectRequest, User
from tenancy.vault import Vault

__all__ = ["COLLEAGUE", "check_can_go", "colleague_of", "find_colleague"]

COLLEAGUE: Final = "colleague"  # word of a request's scope: the id of the account


def colleague_of(row: SubjectRequest) -> uuid.UUID | None:
    """The account that a request is about; None: it is about somebody else."""
    if row.client_id is not None or COLLEAGUE not in row.scope:
        return None
    return uuid.UUID(row.scope[COLLEAGUE])


async def find_colleague(
    session: TenantSession, vault: Vault, row: SubjectRequest
) -> uuid.UUID | None:
    """The account whose address a request for erasure gives; None: it is about somebody else."""
    if row.client_id is not None or row.right is not Right.ERASURE:
        return None
    names = Pseudonyms.under(await open_own_key(session, vault))
    users = await session.execute(select(User.id, User.email))
    return next((one for one, text in users if _is_named(text, names, row.pseudonyms)), None)


async def check_can_go(session: TenantSession, user_id: uuid.UUID) -> None:
    """Refuse to erase the only owner who is let in.

    Raises:
        NoOwnerLeftError: There is no other one.
    """
    owners = (
        select(Membership.user_id)
        .join(User, (User.tenant_id == Membership.tenant_id) & (User.id == Membership.user_id))
        .where(Membership.role == Role.OWNER, User.deactivated_at.is_(None))
    )
    if set(await session.scalars(owners)) == {user_id}:
        raise NoOwnerLeftError(
            "this is the agency's only owner, who cannot be erased before there is another",
            hint="make somebody else an owner first: bosco people role",
        )


def _is_named(text: str, names: Pseudonyms, pseudonyms: Collection[str]) -> bool:
    try:
        address = identifiers.email(text)
    except InvalidInputError:  # of an account that was cleared
        return False
    return names.of(None, address) in pseudonyms
