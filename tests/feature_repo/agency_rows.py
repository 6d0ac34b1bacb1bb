"""An agency with its clients and accounts, in PostgreSQL."""

from domain.ids import TenantId
from tenancy.session import Database
from tenancy.tables import Client, Connection, ConnectionState, Tenant
from tests.feature_repo.ledger import Account, at, day

__all__ = ["add_agency"]


async def add_agency(database: Database, tenant_id: TenantId, accounts: list[Account]) -> None:
    """Add it, on the first of March."""
    async with database.session(tenant_id) as session:
        session.add(
            Tenant(
                id=tenant_id,
                slug=f"agency-{tenant_id.int & 0xFF:x}",
                name="Agency",
                currency="EUR",
                time_zone="Europe/Berlin",
                wrapped_data_key=b"unused",
                created_at=at(1),
            )
        )
        await session.flush()
        for client_id in sorted({one.client_id for one in accounts}):
            session.add(
                Client(
                    id=client_id,
                    slug=str(client_id),
                    name="Client",
                    currency="EUR",
                    time_zone="Europe/Berlin",
                    created_at=at(1),
                )
            )
        await session.flush()
        for one in accounts:
            session.add(
                Connection(
                    id=one.connection_id,
                    client_id=one.client_id,
                    source=one.source,
                    account_id=str(one.connection_id),
                    label="Account",
                    settings={},
                    credentials=None,
                    state=ConnectionState.ACTIVE,
                    start_date=day(1),
                    created_at=at(1),
                )
            )
