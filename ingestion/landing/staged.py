"""The landing of syncs that count together or not at all: those of one file.

    batches -> Parquet objects -> store ... last one -> one transaction: manifest, quarantine,
    versions

Until that transaction nothing names the objects, so a crash or a failure leaves the syncs without
rows; doing it again replaces the objects, which lie at the same places.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from domain.errors import InvalidInputError
from domain.facts import FACTS
from domain.facts.fact import Supersession
from ingestion.connector.job import RejectedRow
from ingestion.landing.screening import Part, recording
from ingestion.landing.target import LandingServices, LandingTarget
from ingestion.landing.writer import (
    ROWS_PER_OBJECT,
    give_version,
    lock_sync,
    record_parts,
    store_part,
)
from tenancy.session import TenantSession
from tenancy.tables import SyncState

__all__ = ["StagedLanding", "TooManyRejectedRowsError", "land_together"]

MOST_REJECTED: Final = 10_000  # they wait in memory, and nobody mends more by hand


class TooManyRejectedRowsError(InvalidInputError):
    """So many rows do not fit that the map, not the rows, is to be mended (the sender)."""

    code = "TOO_MANY_REJECTED_ROWS"


class StagedLanding:
    """Stores the objects of one sync. Used by one task at a time."""

    def __init__(self, services: LandingServices, target: LandingTarget) -> None:
        self._services = services
        self._target = target
        self._batches: list[pa.RecordBatch] = []
        self._waiting = 0
        self._landed: list[Part] = []
        self._rejected: list[RejectedRow] = []
        self._covers: tuple[dt.date, dt.date] | None = None

    @property
    def rows(self) -> int:
        """Good rows taken so far."""
        return self._waiting + sum(part.entry.rows for part in self._landed)

    async def add(self, batch: pa.RecordBatch, rejected: Sequence[RejectedRow]) -> None:
        """Take rows; stores an object when enough have come together.

        Raises:
            TooManyRejectedRowsError: More than 10,000 rows of the sync did not fit.
        """
        self._rejected.extend(rejected)
        if len(self._rejected) > MOST_REJECTED:
            first = self._rejected[0]
            raise TooManyRejectedRowsError(
                f"more than {MOST_REJECTED:,} rows do not fit, the first in line "
                f"{first.row_number}: {first.field} {first.message}",
                hint="mend the map and import again",
            )
        self._widen(batch)
        self._batches.append(batch)
        self._waiting += batch.num_rows
        if self._waiting >= ROWS_PER_OBJECT:
            await self._store()

    async def store_rest(self) -> None:
        """Store what is left; a sync without rows lands an empty object."""
        if self._batches or not self._landed:
            await self._store()

    @property
    def target(self) -> LandingTarget:
        """The sync."""
        return self._target

    @property
    def landed(self) -> Sequence[Part]:
        """Its objects that are stored."""
        return self._landed

    async def record(self, session: TenantSession) -> None:
        """Write down all that was stored and give the sync its version, unless it has one."""
        sync = await lock_sync(session, self._target.sync_id)
        if sync.state is not SyncState.EXTRACTING:
            return
        await record_parts(session, self._services, self._target, self._landed, self._rejected)
        if self._covers and FACTS[sync.fact].supersession is Supersession.SLICE:
            sync.slice_from, sync.slice_to = self._covers
        await give_version(session, self._services, sync)

    def _widen(self, batch: pa.RecordBatch) -> None:
        """Note the days of the rows: the sync replaces them all."""
        if not batch.num_rows:
            return
        found = pc.min_max(batch.column("reporting_date")).as_py()
        days = (found["min"], found["max"], *(self._covers or ()))
        self._covers = min(days), max(days)

    async def _store(self) -> None:
        batches, self._batches, self._waiting = self._batches, [], 0
        part = await store_part(self._services, self._target, len(self._landed), batches)
        self._landed.append(part)


async def land_together(services: LandingServices, stages: Sequence[StagedLanding]) -> None:
    """Let staged syncs of one tenant count, all of them in one transaction."""
    for stage in stages:
        await stage.store_rest()
    # People are locked by client, by everybody in the same order.
    in_order = sorted(stages, key=lambda stage: stage.target.client_id)
    parts = [part for stage in in_order for part in stage.landed]
    async with recording(services, [stage.target for stage in in_order], parts) as session:
        for stage in in_order:
            await stage.record(session)
