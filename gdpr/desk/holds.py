"""Legal holds of an agency, for people to look through.

filter, instant -> one query over `legal_holds` -> HoldLine, in force first
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import or_, select

from domain.ids import ClientId
from tenancy.session import TenantSession
from tenancy.tables import Client, LegalHold

__all__ = ["HoldLine", "list_holds"]


@dataclass(frozen=True, slots=True)
class HoldLine:
    """A hold.

    Attributes:
        client: Name of the client.
        words: Whether it is in force, for people.
    """

    row: LegalHold
    client: str
    is_in_force: bool
    words: str


async def list_holds(
    session: TenantSession,
    *,
    now: dt.datetime,
    seen: Collection[ClientId] | None = None,
    includes_ended: bool = False,
) -> list[HoldLine]:
    """Holds, those in force first, the latest of each first. One query.

    Args:
        session: Of the agency.
        now: UTC instant.
        seen: The only clients that may be seen; None: all.
        includes_ended: Also released and expired ones.
    """
    is_in_force = LegalHold.released_at.is_(None) & or_(
        LegalHold.expires_at.is_(None), LegalHold.expires_at > now
    )
    query = (
        select(LegalHold, Client.name)
        .join(
            Client,
            (Client.tenant_id == LegalHold.tenant_id) & (Client.id == LegalHold.client_id),
        )
        .order_by(is_in_force.desc(), LegalHold.created_at.desc(), LegalHold.id.desc())
    )
    if seen is not None:
        query = query.where(LegalHold.client_id.in_(seen))
    if not includes_ended:
        query = query.where(is_in_force)
    return [_line(row, name, now) for row, name in await session.execute(query)]


def _line(row: LegalHold, client: str, now: dt.datetime) -> HoldLine:
    if row.released_at is not None:
        return HoldLine(
            row, client, is_in_force=False, words=f"released {row.released_at:%Y-%m-%d}"
        )
    if row.expires_at is None:
        return HoldLine(row, client, is_in_force=True, words="in force until it is released")
    day = f"{row.expires_at:%Y-%m-%d}"
    if row.expires_at <= now:
        return HoldLine(row, client, is_in_force=False, words=f"ended {day}")
    return HoldLine(row, client, is_in_force=True, words=f"in force until {day}")
