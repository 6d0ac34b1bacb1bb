"""What lies in the landing store of an agency, proved to be there.

A folder that is not mounted, or another bucket, lists nothing and holds nobody: an agency whose
objects are all missing has lost sight of its store, and that is no proof that it is clean. Single
objects may be gone: a purge that was cut short has not written it down yet.
"""

from collections.abc import Collection

from sqlalchemy import select

from domain.ids import TenantId
from tenancy.landing_store import LandingError, LandingStore
from tenancy.session import Database
from tenancy.tables import LandingObject

__all__ = ["list_landed"]


async def list_landed(
    database: Database, store: LandingStore, tenant_id: TenantId, *, leaving: Collection[str] = ()
) -> list[str]:
    """Keys of all objects of an agency, named by the manifest or left over, sorted.

    Args:
        database: Of the manifest.
        store: Of the objects.
        tenant_id: Whose.
        leaving: Keys of objects that may be gone already, all of them.

    Raises:
        LandingError: The manifest names objects that should stay, and not one of them is there.
    """
    keys = await store.for_tenant(tenant_id).list()
    query = select(LandingObject.uri).where(LandingObject.purged_at.is_(None))
    async with database.session(tenant_id) as session:
        named = set(await session.scalars(query)).difference(leaving)
    if named and named.isdisjoint(keys):
        raise LandingError(
            f"none of the {len(named):,} landing objects of the agency is there: is the folder"
            " mounted, and is it the right bucket?"
        )
    return keys
