"""Changes of an agency's own people come one after the other, and leave it an owner.

hold_people -> change -> check_owner_is_left -> COMMIT
"""

from sqlalchemy import select

from domain.errors import ConflictError
from tenancy.exclusive import hold_exclusively
from tenancy.session import TenantSession
from tenancy.tables import Membership, Role, User

__all__ = ["NoOwnerLeftError", "check_owner_is_left", "hold_people"]


class NoOwnerLeftError(ConflictError):
    """Nobody would be left who may do everything (an owner can make somebody else one)."""

    code = "NO_OWNER_LEFT"


async def hold_people(session: TenantSession) -> None:
    """Wait until nobody else changes the agency's people, until the session ends."""
    await hold_exclusively(session, f"people {session.tenant_id}")


async def check_owner_is_left(session: TenantSession) -> None:
    """Refuse a change after which the agency has no owner who is let in.

    Raises:
        NoOwnerLeftError: It has none.
    """
    query = (
        select(Membership.id)
        .join(User, (User.tenant_id == Membership.tenant_id) & (User.id == Membership.user_id))
        .where(Membership.role == Role.OWNER, User.deactivated_at.is_(None))
        .limit(1)
    )
    if await session.scalar(query) is None:
        raise NoOwnerLeftError(
            "an agency keeps at least one owner", hint="make somebody else an owner first"
        )
