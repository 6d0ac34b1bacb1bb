"""People of rows that land: noted in the transaction that makes the rows known.

what came beside the rows of stored objects -> who is one person -> identity graph

Decision: ADR-0025.
"""

from collections.abc import Sequence

from ingestion.landing.beside import Beside
from ingestion.landing.screening import Part
from ingestion.landing.target import LandingServices
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.privacy.subjects import observe
from tenancy.session import TenantSession

__all__ = ["note_people"]


async def note_people(
    session: TenantSession, services: LandingServices, landed: Sequence[Part]
) -> None:
    """Give the identity graph what came beside rows that become known in this transaction."""
    for part in landed:
        target = part.target
        groups = list(Beside(target.stream, target.connection_id).groups(part.beside))
        if groups:
            key = await open_own_key(session, services.vault)
            await observe(
                session,
                services.vault,
                key,
                target.client_id,
                groups,
                ids=services.ids,
                now=services.clock(),
            )
