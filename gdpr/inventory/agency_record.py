"""The record of processing of one agency: what is declared, and who it works for.

inventory, session of the agency -> its name, officers, clients and their platforms -> Record
"""

from sqlalchemy import select

from domain.privacy.rights import ProcessingRole
from gdpr.inventory.collect import Inventory
from gdpr.inventory.record import Agency, Controller, Record, write_record
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, Membership, Role, Tenant, User

__all__ = ["load_record"]


async def load_record(session: TenantSession, inventory: Inventory, role: ProcessingRole) -> Record:
    """Write the record of the session's agency. Three queries.

    Args:
        session: Of the agency.
        inventory: All that is kept.
        role: As whom the agency keeps the record.
    """
    tenant = await session.get_one(Tenant, session.tenant_id)
    agency = Agency(tenant.name, await _officers(session))
    return write_record(inventory, role, agency, await _controllers(session))


async def _officers(session: TenantSession) -> tuple[str, ...]:
    query = (
        select(User.name, User.email)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.role == Role.DATA_PROTECTION_OFFICER, User.deactivated_at.is_(None))
        .order_by(User.name)
    )
    return tuple(f"{name} <{email}>" for name, email in await session.execute(query))


async def _controllers(session: TenantSession) -> tuple[Controller, ...]:
    query = (
        select(Client.name, Connection.source)
        .join(Connection, Connection.client_id == Client.id, isouter=True)
        .order_by(Client.name)
    )
    sources: dict[str, set[str]] = {}
    for name, source in await session.execute(query):
        sources.setdefault(name, set()).update([source] if source else [])
    return tuple(Controller(name, tuple(sorted(found))) for name, found in sources.items())
