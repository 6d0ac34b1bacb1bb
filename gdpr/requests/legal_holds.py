"""Which legal holds keep data of a person.

(client, person) -> holds of that person, and those of everybody in the client's data -> in force
"""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import or_, select, true

from domain.ids import ClientId
from tenancy.session import TenantSession
from tenancy.tables import LegalHold

__all__ = ["find_holds"]


async def find_holds(
    session: TenantSession,
    client_id: ClientId,
    subject_id: uuid.UUID | None,
    *,
    now: dt.datetime,
    everybody: bool = False,
) -> Sequence[LegalHold]:
    """Holds in force, by age. One query.

    Args:
        session: Of the agency.
        client_id: Whose data.
        subject_id: The person; None: only holds over everybody.
        now: UTC instant.
        everybody: Holds over any of the client's people: all of them are asked for.
    """
    is_theirs = or_(LegalHold.subject_id.is_(None), LegalHold.subject_id == subject_id)
    query = select(LegalHold).where(
        LegalHold.client_id == client_id,
        LegalHold.released_at.is_(None),
        or_(LegalHold.expires_at.is_(None), LegalHold.expires_at > now),
        true() if everybody else is_theirs,
    )
    return (await session.scalars(query.order_by(LegalHold.created_at, LegalHold.id))).all()
