"""The journal of a run: which steps are done, what they did, and who may go on.

    open_run -> begin (this executor's) -> count, once -> finish -> ... -> close_run

A step's counts are kept before its rows change, since afterwards there is nothing to count. Who
begins a step takes it from whoever began it before: the other one can finish it no more.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from domain.errors import InternalError, Transient
from domain.ids import TenantId
from domain.ports import Clock
from gdpr.erasure.plan import Plan
from tenancy.session import Database, TenantSession
from tenancy.tables import ErasureCause, ErasureRun, ErasureStep, StepState

__all__ = ["FencedError", "Journal", "StepRecord"]

Counts = Mapping[str, int]  # request -> how many


class FencedError(InternalError, Transient):
    """Another executor has taken the step over; this one has to stop."""

    code = "ERASURE_FENCED"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step as the journal has it for one agency."""

    is_done: bool
    counts: Counts | None
    operations: tuple[str, ...]


class Journal:
    """The journal as one executor writes it."""

    def __init__(self, database: Database, clock: Clock, executor: str) -> None:
        self._database = database
        self._clock = clock
        self._executor = executor

    async def open_run(
        self, session: TenantSession, run_id: uuid.UUID, plan: Plan, cause: ErasureCause
    ) -> int:
        """Write down what the run will do for the session's agency, unless it is there.

        Returns:
            The round that the run is in; 0: the first.
        """
        run = insert(ErasureRun).values(
            tenant_id=session.tenant_id,
            id=run_id,
            cause=cause,
            plan=plan.to_json(),
            plan_hash=plan.hash,
            round=0,
            started_at=self._clock(),
        )
        await session.execute(run.on_conflict_do_nothing())
        steps = [
            {
                "tenant_id": session.tenant_id,
                "run_id": run_id,
                "number": number,
                "name": step.name,
                "state": StepState.WAITING,
                "operations": [],
                "attempts": 0,
            }
            for number, step in enumerate(plan.steps)
        ]
        await session.execute(insert(ErasureStep).on_conflict_do_nothing(), steps)
        return (await session.get_one(ErasureRun, (session.tenant_id, run_id))).round

    async def begin(self, run_id: uuid.UUID, number: int, tenant_id: TenantId) -> StepRecord:
        """Take a step over, unless it is done; what is known of it."""
        async with self._database.session(tenant_id) as session:
            step = await _locked(session, run_id, number)
            if step.state is not StepState.DONE:
                step.state, step.executor = StepState.RUNNING, self._executor
                step.started_at = step.started_at or self._clock()
                step.attempts += 1
            return _record(step)

    async def count(
        self, run_id: uuid.UUID, number: int, tenant_id: TenantId, counts: Counts
    ) -> None:
        """Keep what a step will do, before it does it; what is kept already stays."""
        async with self._database.session(tenant_id) as session:
            step = await self._own(session, run_id, number)
            if step.counts is None:
                step.counts = dict(counts)

    async def add(
        self, session: TenantSession, run_id: uuid.UUID, number: int, counts: Counts
    ) -> None:
        """Keep what a part of a step did, in the transaction that does it."""
        step = await self._own(session, run_id, number)
        known = dict(step.counts or {})
        for request, more in counts.items():
            known[request] = known.get(request, 0) + more
        step.counts = known

    async def finish(
        self,
        session: TenantSession,
        run_id: uuid.UUID,
        number: int,
        operations: Sequence[str] = (),
    ) -> None:
        """Say that a step is done, in the transaction that ends it.

        Raises:
            FencedError: Somebody else has begun it meanwhile.
        """
        step = await self._own(session, run_id, number)
        step.state, step.finished_at = StepState.DONE, self._clock()
        step.operations = list(operations)
        step.counts = step.counts or {}

    async def begin_anew(self, session: TenantSession, run_id: uuid.UUID, last: int) -> None:
        """Open the steps once more, up to the last round's search, since it found something.

        Args:
            session: Of the agency.
            run_id: Which run.
            last: Round that found it; nothing happens when the next one has begun already.
        """
        run = await session.get_one(ErasureRun, (session.tenant_id, run_id), with_for_update=True)
        if run.round > last:
            return
        run.round = last + 1
        steps = update(ErasureStep).where(ErasureStep.run_id == run_id)
        await session.execute(steps.values(state=StepState.WAITING))

    async def close_run(
        self, session: TenantSession, run_id: uuid.UUID, residuals: Mapping[str, Any]
    ) -> None:
        """Say that the run is over for the session's agency; once."""
        await session.execute(
            update(ErasureRun)
            .where(ErasureRun.id == run_id, ErasureRun.finished_at.is_(None))
            .values(finished_at=self._clock(), residuals=dict(residuals))
        )

    async def read(self, run_id: uuid.UUID, tenant_id: TenantId) -> dict[str, StepRecord]:
        """All steps of a run for an agency, by name."""
        query = select(ErasureStep).where(ErasureStep.run_id == run_id)
        async with self._database.session(tenant_id) as session:
            steps = await session.scalars(query.order_by(ErasureStep.number))
            return {step.name: _record(step) for step in steps}

    async def _own(self, session: TenantSession, run_id: uuid.UUID, number: int) -> ErasureStep:
        step = await _locked(session, run_id, number)
        if step.state is StepState.DONE or step.executor != self._executor:
            raise FencedError(f"step {number} of run {run_id} is another executor's by now")
        return step


async def _locked(session: TenantSession, run_id: uuid.UUID, number: int) -> ErasureStep:
    key = (session.tenant_id, run_id, number)
    return await session.get_one(ErasureStep, key, with_for_update=True)


def _record(step: ErasureStep) -> StepRecord:
    return StepRecord(step.state is StepState.DONE, step.counts, tuple(step.operations))
