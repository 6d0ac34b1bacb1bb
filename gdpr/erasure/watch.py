"""What follows an erasure: searches when data could have come back, and erasing it again.

a sync was published, features were computed -> rescans that wait for that client
a round -> rescans whose day has come, of all agencies; models that should have been made anew
something found -> a run for whoever has a tombstone
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.ids import ClientId, TenantId
from domain.ports import Publication
from domain.privacy.evidence import RescanMoment
from domain.privacy.rights import RequestOutcome, RequestState, Right
from gdpr.erasure.job import ErasureJobs
from gdpr.erasure.models import alert_overdue_models
from gdpr.erasure.outcome import find_outcome
from gdpr.erasure.rescan import rescan_later
from tenancy import audit
from tenancy.tables import SubjectRequest
from tenancy.unscoped import Doors

__all__ = ["ErasureWatch", "Settle"]

_ACTOR: Final = "job:erasure"


# What a request waited for has happened.
Settle = Callable[[TenantId, uuid.UUID, RequestOutcome], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class ErasureWatch:
    """`domain.ports.PublicationListener`, told after features; and rounds of its own.

    Attributes:
        settle: Tells the desk.
    """

    jobs: ErasureJobs
    doors: Doors
    settle: Settle

    @property
    def name(self) -> str:
        """Names the durable step."""
        return "erasure"

    async def published(self, publication: Publication) -> None:
        """Do the rescans that wait for the next data of a client.

        Raises:
            BoscoError: A store does not answer; the next publication does them.
        """
        for moment in (RescanMoment.INGEST, RescanMoment.MATERIALISATION):
            await self._rescan(publication.tenant_id, (publication.client_id, moment))

    async def do_due(self) -> int:
        """Do the rescans whose time has come, and settle what waits for nothing any more.

        Models that are not trained anew in time are found here as well.

        Returns:
            The number of agencies that had a rescan to be done.

        Raises:
            BoscoError: A store does not answer; the next round does the rest.
        """
        stores = self.jobs.eraser.stores
        tenants = await self.doors.agencies_with_rescans(stores.clock())
        for tenant_id in tenants:
            await self._rescan(tenant_id, None)
        for tenant_id in await self.doors.agencies_with_overdue_models(stores.clock()):
            async with stores.database.session(tenant_id) as session:
                await alert_overdue_models(session, stores.clock(), stores.ids)
        for tenant_id in await self.doors.agencies_with_requests():
            await self._settle(tenant_id)
        return len(tenants)

    async def _rescan(
        self, tenant_id: TenantId, after: tuple[ClientId, RescanMoment] | None
    ) -> None:
        stores = self.jobs.eraser.stores
        found = await rescan_later(stores, tenant_id, after=after)
        if found is None:
            return
        if not found:
            await self._settle(tenant_id)
            return
        job = await self.jobs.replay(tenant_id)
        async with stores.database.session(tenant_id) as session:
            audit.record(
                session,
                clock=stores.clock,
                ids=stores.ids,
                actor=_ACTOR,
                action="erasure.residue_found",
                object_kind="erasure",
                object_id=job.job_id,
                details={"moment": after[1].value if after else "day", "found": found},
            )

    async def _settle(self, tenant_id: TenantId) -> None:
        """Tell the desk of requests for which no rescan is due any more."""
        waiting = select(SubjectRequest.id).where(
            SubjectRequest.right == Right.ERASURE, SubjectRequest.state == RequestState.WAITING
        )
        async with self.jobs.eraser.stores.database.session(tenant_id) as session:
            outcomes = {
                request_id: await find_outcome(session, request_id)
                for request_id in (await session.scalars(waiting)).all()
            }
        for request_id, outcome in outcomes.items():
            if outcome is not None and outcome.finished_at and not outcome.waits_for:
                found = RequestOutcome.DONE if outcome.total else RequestOutcome.NOTHING_FOUND
                await self.settle(tenant_id, request_id, found)
