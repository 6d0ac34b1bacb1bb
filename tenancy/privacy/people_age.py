"""From which day on a client's rows keep their people, in the data that is there and that comes in.

    purge -> move_on: tenant's row locked, clients moved on, epoch + 1 -> the warehouse follows
    data comes in -> comes_in_before -> rows of earlier days are screened like those of the erased

The day only moves on: rows that lost their person keep their surrogates, so what a platform tells
of them later has to come under these, too, whatever the client's days become. A legal hold keeps it
where it is. The epoch is that of the tombstones: data that was screened before the day moved on is
screened again before it is known.
"""

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import or_, select, update

from domain.ids import ClientId
from domain.privacy.people_days import people_over_before
from tenancy.session import TenantSession
from tenancy.tables import Client, LegalHold, Tenant

__all__ = ["comes_in_before", "held_clients", "move_on", "next_days"]


async def held_clients(session: TenantSession, now: dt.datetime) -> frozenset[ClientId]:
    """Clients over whom, or over one of whose people, a legal hold is open."""
    query = select(LegalHold.client_id).where(
        LegalHold.released_at.is_(None),
        or_(LegalHold.expires_at.is_(None), LegalHold.expires_at > now),
    )
    return frozenset(await session.scalars(query))


async def next_days(
    session: TenantSession, today: dt.date, now: dt.datetime
) -> dict[ClientId, dt.date]:
    """Before which day rows of each client are over today; held clients are left out."""
    held = await held_clients(session, now)
    clients = (await session.scalars(select(Client).order_by(Client.id))).all()
    found = {}
    for client in clients:
        if client.id not in held:
            over = people_over_before(today, client.people_days)
            found[client.id] = max(over, client.people_purged_before or over)
    return found


async def move_on(session: TenantSession, days: Mapping[ClientId, dt.date]) -> None:
    """Let what comes in from now on be screened by these days.

    Args:
        session: Holds the tenant's row until it ends: keep it short.
        days: As `next_days` gave them.
    """
    held = select(Tenant.tombstone_epoch).with_for_update(key_share=True)
    epoch = (await session.scalars(held)).one()
    moved = 0
    for client_id, day in sorted(days.items()):
        changed = (
            update(Client)
            .where(Client.id == client_id, Client.people_purged_before.is_distinct_from(day))
            .values(people_purged_before=day)
            .returning(Client.id)
        )
        moved += len((await session.scalars(changed)).all())
    if moved:
        await session.execute(update(Tenant).values(tombstone_epoch=epoch + 1))


async def comes_in_before(
    session: TenantSession, client_id: ClientId, now: dt.datetime
) -> dt.date | None:
    """Rows of earlier days of a client come in without their people; None: all keep them.

    What was purged stays purged; a client whose turn was never yet brings nothing that is over.
    """
    client = await session.get_one(Client, (session.tenant_id, client_id))
    if client.people_purged_before is not None:
        return client.people_purged_before
    if client_id in await held_clients(session, now):
        return None
    return people_over_before(now.date(), client.people_days)
