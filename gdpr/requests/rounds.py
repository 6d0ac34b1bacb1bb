"""The round that keeps requests going, over all agencies, every half minute.

    agency with an open request -> codes and holds that are over -> agreements given elsewhere
        -> READY, or due for another attempt -> job -> jobs that ended badly -> deadlines at risk
        -> letters

Each part looks at what is stored, so that a round that was missed, or a process that was killed
anywhere, is made good by the next one. Jobs are queued by the nearest deadline.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import select, update

from domain.errors import BoscoError, ConflictError
from domain.ids import TenantId
from domain.privacy.request_machine import Case
from domain.privacy.rights import RequestState, Right
from gdpr.requests.at_risk import tell_risks
from gdpr.requests.docket import Docket, open_docket
from gdpr.requests.dual_control import find_decider, use_approval
from gdpr.requests.holds import free
from gdpr.requests.letters import Letters
from gdpr.requests.run import REQUEST_JOB, note_failure, run_row
from gdpr.requests.services import RequestServices
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine, JobQueue, JobStatus
from tenancy.session import TenantSession
from tenancy.tables import IdentityCode, RequestRun, SubjectRequest
from tenancy.unscoped import Doors

__all__ = ["ROUND_SECONDS", "RequestRounds"]

_LOG: Final = structlog.get_logger(__name__)

ROUND_SECONDS: Final = 30.0
_ACTOR: Final = "job:gdpr.round"
_UNDER_WAY: Final = (RequestState.READY, RequestState.RUNNING)


@dataclass(frozen=True, slots=True)
class RequestRounds:
    """Keeps requests going.

    Attributes:
        exclusive: One round at a time, over all processes.
        letters: Sends those that wait.
    """

    services: RequestServices
    jobs: JobEngine
    doors: Doors
    exclusive: Exclusive
    letters: Letters

    async def go_round(self) -> int:
        """One round; an agency that fails is left for the next one.

        Returns:
            Number of jobs queued.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        queued = 0
        async with self.exclusive():
            for tenant_id in await self.doors.agencies_with_requests():
                try:
                    queued += await self.go_to(tenant_id)
                except BoscoError:
                    _LOG.exception("requests_not_looked_after", tenant_id=str(tenant_id))
        return queued

    async def go_to(self, tenant_id: TenantId) -> int:
        """The round at one agency; how many jobs were queued."""
        async with self.services.database.session(tenant_id) as session:
            await self._end_codes(session)
            await free(self.services, session, _ACTOR)
        await self._use_agreements(tenant_id)
        queued = 0
        for request_id in await self._list(tenant_id, _UNDER_WAY):
            queued += await self._keep_going(tenant_id, request_id)
        async with self.services.database.session(tenant_id) as session:
            await tell_risks(self.services, session)
        await self.letters.send_waiting(tenant_id, actor=_ACTOR)
        return queued

    async def _end_codes(self, session: TenantSession) -> None:
        now = self.services.clock()
        await session.execute(
            update(IdentityCode)
            .where(IdentityCode.ended_at.is_(None), IdentityCode.expires_at <= now)
            .values(ended_at=now)
        )

    async def _use_agreements(self, tenant_id: TenantId) -> None:
        """Go on where a second person agreed on the page of approvals."""
        for request_id in await self._list(tenant_id, (RequestState.APPROVING,)):
            try:
                async with self.services.database.session(tenant_id) as session:
                    docket = await open_docket(self.services, session, request_id)
                    decider = await find_decider(self.services, session, docket.row)
                    if decider is not None and docket.case.state is RequestState.APPROVING:
                        await use_approval(self.services, session, docket.row, decider)
                        now = self.services.clock()
                        case = docket.machine.approve(docket.case, actor=decider, at=now)
                        await docket.record(case, "approved", decider)
            except ConflictError as refusal:  # it was no second person: another one has to agree
                _LOG.warning("agreement_not_used", request_id=str(request_id), code=refusal.code)

    async def _keep_going(self, tenant_id: TenantId, request_id: uuid.UUID) -> bool:
        """Queue a job for a request that has none; whether one was queued."""
        status = await self._job_status(tenant_id, request_id)
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            run = await run_row(session, request_id)
            if docket.case.state not in _UNDER_WAY:
                return False
            if run.job_id and status in (JobStatus.QUEUED, JobStatus.RUNNING):
                return False
            if run.job_id and status in (JobStatus.FAILED, JobStatus.CANCELLED):
                await note_failure(docket, "JOB_FAILED", may_help=True)
                return False
            if run.job_id and status is JobStatus.SUCCEEDED:
                run.job_id = ""  # it found the request not ready
            if not run.job_id and not self._is_due(docket, run):
                return False
            if not run.job_id:
                run.attempts, run.next_attempt_at = run.attempts + 1, None
                run.job_id = f"request-{request_id}-{run.attempts}"
            job_id, case = run.job_id, docket.case
        await self._enqueue(tenant_id, request_id, job_id, case)
        return True

    def _is_due(self, docket: Docket, run: RequestRun) -> bool:
        if docket.case.state is RequestState.READY:
            return not docket.case.is_held
        return run.next_attempt_at is not None and run.next_attempt_at <= self.services.clock()

    async def _job_status(self, tenant_id: TenantId, request_id: uuid.UUID) -> JobStatus | None:
        """Where the job of the request is; None: it has none, or was never queued."""
        async with self.services.database.session(tenant_id) as session:
            row = await session.get(RequestRun, (tenant_id, request_id))
        if row is None or not row.job_id:
            return None
        handle = await self.jobs.find(row.job_id)
        return None if handle is None else await handle.status()

    async def _enqueue(
        self, tenant_id: TenantId, request_id: uuid.UUID, job_id: str, case: Case
    ) -> None:
        await self.jobs.enqueue(
            REQUEST_JOB,
            {"tenant_id": str(tenant_id), "request_id": str(request_id)},
            queue=JobQueue.ERASING if case.right is Right.ERASURE else JobQueue.PRIVACY,
            job_id=job_id,
            priority_deadline=case.due_at,
        )

    async def _list(
        self, tenant_id: TenantId, states: Sequence[RequestState]
    ) -> Sequence[uuid.UUID]:
        """Requests in these states, the nearest deadline first."""
        query = select(SubjectRequest.id).where(SubjectRequest.state.in_(states))
        async with self.services.database.session(tenant_id) as session:
            found = await session.scalars(query.order_by(SubjectRequest.due_at, SubjectRequest.id))
            return found.all()
