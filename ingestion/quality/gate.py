"""The gate before publication: what looks wrong is held back, alone.

    landed syncs -> Judge -> good: pass, with a warning at most -> the loader goes on
                          -> bad: one transaction: HELD, incident, alert; the view stays as it was

Holding comes before anything of the batch is unified: after a crash a held sync is not among the
landed ones any more, and what had passed passes again. A held sync has its raw rows in the
warehouse, and nothing else: no fact, no mart, no coverage. So the next run reads its window again,
and the first good sync of it is published in its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import select

from domain.ids import SyncId
from domain.ports import Clock, IdFactory
from ingestion.connector.spec import StreamSpec
from ingestion.quality.evidence import LandedSync
from ingestion.quality.finding import Finding
from ingestion.quality.incidents import IncidentWriter, Place
from ingestion.quality.judge import Judge
from tenancy.audited_tenants import AuditedTenants
from tenancy.session import Database
from tenancy.tables import Sync, SyncState
from tenancy.warehouse.port import Warehouse

__all__ = ["HELD_CODE", "QualityGate"]

_LOG: Final = structlog.get_logger(__name__)

HELD_CODE: Final = "HELD"


@dataclass(frozen=True, slots=True)
class QualityGate:
    """Lets good syncs pass."""

    judge: Judge
    database: Database
    clock: Clock
    ids: IdFactory

    @classmethod
    def over(
        cls,
        warehouse: Warehouse,
        streams: Iterable[StreamSpec],
        database: Database,
        clock: Clock,
        ids: IdFactory,
    ) -> "QualityGate":
        """The gate of a warehouse into which these streams are loaded."""
        return cls(Judge(warehouse, streams), database, clock, ids)

    async def admit(
        self, batch: Sequence[LandedSync], tenants: AuditedTenants
    ) -> frozenset[SyncId]:
        """Hold back what is bad; doing it again changes nothing.

        Args:
            batch: Syncs whose raw rows are in the warehouse.
            tenants: Those of the batch.

        Returns:
            The syncs that may be published.
        """
        found = await self.judge.judge(batch, tenants)
        admitted = set()
        for sync in batch:
            findings = found.get(sync.sync_id, ())
            holds = any(finding.holds for finding in findings)
            if findings:
                await self._note(sync, findings, is_held=holds)
            if not holds:
                admitted.add(sync.sync_id)
        return frozenset(admitted)

    async def _note(self, sync: LandedSync, findings: Sequence[Finding], *, is_held: bool) -> None:
        now = self.clock()
        place = Place(sync.client_id, sync.connection_id, sync.name, sync.run_id, sync.sync_id)
        async with self.database.session(sync.tenant_id) as session:
            row = (
                await session.scalars(select(Sync).where(Sync.id == sync.sync_id).with_for_update())
            ).one()
            if row.state is not SyncState.LANDED:
                return
            if is_held:
                gravest = next(finding for finding in findings if finding.holds)
                row.state, row.finished_at = SyncState.HELD, now
                row.error_code, row.error_message = HELD_CODE, gravest.message
            await IncidentWriter(session, now, self.ids).note(place, findings)
        _LOG.warning(
            "sync_held" if is_held else "sync_doubtful",
            sync_id=str(sync.sync_id),
            checks=sorted({finding.check.name for finding in findings}),
        )
