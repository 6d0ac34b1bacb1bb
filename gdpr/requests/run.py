"""The durable job that carries a request out, by the fulfiller of its right.

    begin (READY -> RUNNING) -> Fulfiller.fulfil, its own steps -> end (WAITING, COUNTERSIGNING,
        COMPLETED) or failed (when to try again, whom to tell)

Each attempt is a job of its own: it holds no place while it waits for the next one, and a crash
inside one goes on at the step where it was. What fails with a `Transient` error is tried again with
growing waits; near the deadline, or when trying again cannot help, people are told.

Decision: ADR-0026.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from domain.errors import BoscoError, ConflictError, Transient
from domain.ids import TenantId
from domain.ports import Steps
from domain.privacy.rights import RequestOutcome, RequestState, Right
from gdpr.requests.docket import Docket, alert_subject, open_docket, public_request_id
from gdpr.requests.fulfilment import Fulfilled, Fulfiller
from gdpr.requests.letters import write_letter
from gdpr.requests.services import RequestServices
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.jobs import JobEngine
from tenancy.session import TenantSession
from tenancy.tables import LetterKind, RequestRun

__all__ = ["NO_FULFILLER", "REQUEST_JOB", "Fulfillers", "RequestJobs", "note_failure", "run_row"]

_LOG: Final = structlog.get_logger(__name__)

REQUEST_JOB: Final = "gdpr.request"
NO_FULFILLER: Final = "RIGHT_NOT_SUPPORTED"
_ACTOR: Final = f"job:{REQUEST_JOB}"
_FIRST_WAIT: Final = dt.timedelta(minutes=1)
_LONGEST_WAIT: Final = dt.timedelta(hours=6)
_GROWTH: Final = 4

Fulfillers = Mapping[Right, Fulfiller]


@dataclass(frozen=True, slots=True)
class RequestJobs:
    """Runs requests, and settles what they wait for.

    Attributes:
        fulfillers: By right; a right without one cannot be carried out yet, and says so.
    """

    services: RequestServices
    jobs: JobEngine
    fulfillers: Fulfillers

    def register(self) -> None:
        """Make the job known to the engine; before it starts."""
        self.jobs.register(REQUEST_JOB, self._run)

    async def settle(
        self,
        tenant_id: TenantId,
        request_id: uuid.UUID,
        outcome: RequestOutcome,
        *,
        actor: str = _ACTOR,
        reason: str | None = None,
    ) -> RequestState:
        """What a request waited for has happened: recipients answered, rescans found nothing.

        It goes on waiting when a hold kept a part of the data: that is still to be carried out.

        Args:
            tenant_id: The agency.
            request_id: Of a request that is WAITING.
            outcome: In the end.
            actor: Who found that out.
            reason: Told to the person in the letter; None: as it was.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: It does not wait.
        """
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            case = docket.machine.settle(docket.case, outcome)
            run = await _run_of(docket)
            if run.held_categories:
                waits_for = [_kept(one) for one in run.held_categories]
                if run.waits_for != waits_for:
                    run.waits_for = waits_for
                    docket.note("settled_but_held", actor, {"categories": run.held_categories})
                return docket.case.state
            told = {"outcome": outcome.value}
            await docket.record(case, "settled", actor, reason=reason, details=told)
            await _tell_completion(docket)
            return case.state

    async def retry(self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str) -> None:
        """Carry a request out again at once: the cause of its failure is mended.

        Raises:
            NotFoundError: The agency has no such request.
            ConflictError: It did not fail, or is being carried out.
        """
        now = self.services.clock()
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            run = await _run_of(docket)
            if docket.case.state is not RequestState.RUNNING or run.job_id:
                raise ConflictError(
                    "there is nothing to try again", hint="bosco gdpr requests show tells its state"
                )
            run.next_attempt_at = now
            docket.note("retried", actor, {})

    async def _run(self, steps: Steps, arguments: Mapping[str, Any]) -> None:
        tenant_id = TenantId(uuid.UUID(arguments["tenant_id"]))
        request_id = uuid.UUID(arguments["request_id"])
        job = (tenant_id, request_id)
        right: str = await steps.run("begin", partial(self._begin, *job))
        if not right:
            return
        fulfiller = self.fulfillers.get(Right(right))
        if fulfiller is None:
            await steps.run("failed", partial(self._failed, *job, NO_FULFILLER, may_help=False))
            return
        try:
            fulfilled = await fulfiller.fulfil(steps, *job)
        except BoscoError as error:
            _LOG.warning("request_failed", request_id=str(request_id), code=error.code)
            may_help = isinstance(error, Transient)
            await steps.run("failed", partial(self._failed, *job, error.code, may_help=may_help))
            return
        await steps.run("end", partial(self._end, *job, fulfilled))

    async def _begin(self, tenant_id: TenantId, request_id: uuid.UUID) -> str:
        """The right to carry out; empty: the request is not ready any more."""
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            state = docket.case.state
            if state is RequestState.READY and not docket.case.is_held:
                case = docket.machine.start(docket.case)
                await docket.record(case, "started", _ACTOR)
            elif state is not RequestState.RUNNING:
                (await _run_of(docket)).job_id = ""
                return ""
            run = await _run_of(docket)
            run.held_categories = list(docket.held_categories)
            right: str = docket.row.right.value
            return right

    async def _end(self, tenant_id: TenantId, request_id: uuid.UUID, fulfilled: Fulfilled) -> str:
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            if docket.case.state is not RequestState.RUNNING:
                return docket.case.state.name
            run = await _run_of(docket)
            run.job_id, run.failures, run.failure, run.next_attempt_at = "", 0, None, None
            run.waits_for = [*fulfilled.waits_for, *map(_kept, run.held_categories)]
            case = docket.machine.finish_run(
                docket.case, fulfilled.outcome, has_to_wait=bool(run.waits_for)
            )
            counts = {"outcome": fulfilled.outcome.value, **_flat(fulfilled.counts)}
            await docket.record(case, "carried_out", _ACTOR, details=counts)
            now, about = self.services.clock(), alert_subject(request_id)
            await clear_alert(session, AlertKind.REQUEST_STUCK, about, now=now)
            await _tell_completion(docket)
            return case.state.name

    async def _failed(
        self, tenant_id: TenantId, request_id: uuid.UUID, code: str, *, may_help: bool
    ) -> str:
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            await note_failure(docket, code, may_help=may_help)
            return code


async def note_failure(docket: Docket, code: str, *, may_help: bool) -> None:
    """Write down that an attempt failed, when the next one is due, and tell people if they must.

    Args:
        docket: Of a request that is carried out.
        code: Of the error.
        may_help: Trying again may help.
    """
    now, run = docket.services.clock(), await _run_of(docket)
    run.job_id, run.failure, run.failures = "", code, run.failures + 1
    wait = min(_FIRST_WAIT * _GROWTH ** min(run.failures - 1, 8), _LONGEST_WAIT)
    run.next_attempt_at = now + wait if may_help else None
    is_near = now >= docket.case.due_at - docket.machine.policy.retry_until
    docket.note("failed", _ACTOR, {"code": code, "attempt": run.attempts})
    if may_help and not is_near:
        return
    await raise_alert(
        docket.session,
        Alert(
            kind=AlertKind.REQUEST_STUCK,
            severity=AlertSeverity.CRITICAL,
            subject=alert_subject(docket.row.id),
            client_id=docket.row.client_id,
            title="A person's request cannot be carried out",
            text=f"{public_request_id(docket.row.id)} ({docket.row.right.value}): {code}",
            hint=(
                "this right is not supported yet: work it by hand, or refuse it with reasons"
                if code == NO_FULFILLER
                else "mend the cause, then: bosco gdpr requests retry"
            ),
            due_at=docket.case.due_at,
        ),
        now=now,
        ids=docket.services.ids,
    )


async def run_row(session: TenantSession, request_id: uuid.UUID) -> RequestRun:
    """How far the carrying out is; begun here if it was not."""
    row = await session.get(RequestRun, (session.tenant_id, request_id))
    if row is None:
        row = RequestRun(
            request_id=request_id,
            attempts=0,
            failures=0,
            job_id="",
            failure=None,
            next_attempt_at=None,
            waits_for=[],
            held_categories=[],
        )
        session.add(row)
        await session.flush()
    return row


async def _run_of(docket: Docket) -> RequestRun:
    return await run_row(docket.session, docket.row.id)


async def _tell_completion(docket: Docket) -> None:
    if docket.case.state is RequestState.COMPLETED:
        await write_letter(docket, LetterKind.COMPLETION, reason=docket.row.reason or "")


def _kept(category: str) -> str:
    return f"the end of a legal hold over {category}"


def _flat(counts: Mapping[str, Any]) -> dict[str, str | int]:
    return {f"count.{name}": value for name, value in counts.items() if isinstance(value, int)}
