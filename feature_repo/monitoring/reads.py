"""What was served to logged reads, computed again as of its own instant.

    feature_reads of a view -> those whose past still stands -> ConsistencyCheck -> share of values
    that differ

Three things change the past and are no fault of what was served: other definitions, a sync that was
held back and is released, and an erasure or suppression, after which a client is computed anew as a
whole. Reads from before are counted, not judged.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from domain.ports import TenantScope
from feature_repo.compute import micros_of
from feature_repo.consistency import ConsistencyCheck, Mismatch, Served
from feature_repo.feature import FeatureView
from feature_repo.feature_views import fingerprint
from feature_repo.packing import StoredValues
from tenancy.session import TenantSession
from tenancy.tables import FeatureMaterialisation, FeatureRead, Sync

__all__ = ["MISMATCH_LIMIT", "CheckedReads", "check_reads"]

MISMATCH_LIMIT: Final = 0.001  # of the values compared; more is told


@dataclass(frozen=True, slots=True)
class CheckedReads:
    """The outcome for one view.

    Attributes:
        reads: Computed again.
        unjudged: Left out, since the past has changed.
        compared: Values of the reads.
        mismatches: Values that differ.
        ids: Of all these reads, to be deleted with the note of the outcome.
    """

    reads: int
    unjudged: int
    compared: int
    mismatches: tuple[Mismatch, ...]
    ids: tuple[uuid.UUID, ...]


async def check_reads(
    session: TenantSession, check: ConsistencyCheck, view: FeatureView
) -> CheckedReads:
    """Compute the logged reads of a view of the session's agency again. Changes nothing.

    Raises:
        WarehouseError: The warehouse failed.
    """
    rows = (await session.scalars(select(FeatureRead).where(FeatureRead.view == view.name))).all()
    if not rows:
        return CheckedReads(0, 0, 0, (), ())
    since = await _unchanged_since(session, view)
    served = [_served(row) for row in rows if _is_judged(row, view, since)]
    mismatches = await check.compare(TenantScope(session.tenant_id), view, served)
    return CheckedReads(
        reads=len(served),
        unjudged=len(rows) - len(served),
        compared=len(served) * len(view.features),
        mismatches=tuple(mismatches),
        ids=tuple(row.id for row in rows),
    )


async def _unchanged_since(
    session: TenantSession, view: FeatureView
) -> dict[uuid.UUID, dt.datetime]:
    """From when on the past of each account or client has not changed; others: always."""
    owner = getattr(Sync, view.entity.owner_column)
    released = select(owner, func.max(Sync.released_at)).where(Sync.released_at.is_not(None))
    whole = select(FeatureMaterialisation.owner_id, FeatureMaterialisation.whole_since).where(
        FeatureMaterialisation.view == view.name, FeatureMaterialisation.whole_since.is_not(None)
    )
    found: dict[uuid.UUID, dt.datetime] = {}
    for rows in (await session.execute(released.group_by(owner)), await session.execute(whole)):
        for owner_id, instant in rows:
            if instant is not None:
                found[owner_id] = max(instant, found.get(owner_id, instant))
    return found


def _is_judged(row: FeatureRead, view: FeatureView, since: dict[uuid.UUID, dt.datetime]) -> bool:
    if row.fingerprint != fingerprint(view):
        return False
    first = since.get(uuid.UUID(view.entity.owner_of(row.entity_id)))
    return first is None or row.as_of >= first


def _served(row: FeatureRead) -> Served:
    values: Sequence[float | int | str | None] = row.served
    return row.entity_id, StoredValues(micros_of(row.as_of), str(row.client_id), values)
