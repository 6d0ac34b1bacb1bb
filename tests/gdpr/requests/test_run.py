"""Requests are carried out, tried again, told of, and lost by nobody."""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
from sqlalchemy import select

from domain.errors import ConflictError, InternalError, InvalidInputError, NotFoundError, Transient
from domain.ids import TenantId
from domain.ports import Steps
from domain.privacy.identifiers import email
from domain.privacy.purposes import SUPPRESSIBLE, Purpose, SuppressionCause
from domain.privacy.request_machine import NotPossibleError
from domain.privacy.rights import IdentityLevel, IntakeChannel, RequestOutcome, RequestState, Right
from gdpr.requests.at_risk import tell_risks
from gdpr.requests.fulfilment import Fulfilled, Fulfiller
from gdpr.requests.holds import NewHold
from gdpr.requests.open import Requests, open_requests
from gdpr.requests.rulings import Ruled
from tenancy.approvals import Approvals
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobQueue, JobStatus
from tenancy.tables import (
    AlertKind,
    AlertSeverity,
    ApprovalDecision,
    ErasureCause,
    ErasureRun,
    ErasureRunRequest,
    LetterKind,
    RaisedAlert,
    RequestRun,
    Suppression,
)
from tenancy.unscoped import Doors
from tests.fakes.fake_jobs import FakeJobs
from tests.gdpr.requests.office import ACME, ADA, ANN, BEN, OTHER, Office

pytestmark = pytest.mark.anyio

DONE = Fulfilled(RequestOutcome.DONE, counts={"facts.orders": 3})
BOB = email("bob@northwind.example")


class AwayError(InternalError, Transient):
    code = "AWAY"


class BrokenError(InternalError):
    code = "BROKEN"


@dataclass(slots=True)
class Erasure:
    """Fake of `Fulfiller`.

    Attributes:
        answers: What it answers next, the last one for ever; an error is raised.
        asked: Requests that it was given.
    """

    answers: list[Fulfilled | Exception] = field(default_factory=lambda: [DONE])
    asked: list[uuid.UUID] = field(default_factory=list)

    async def fulfil(self, steps: Steps, tenant_id: TenantId, request_id: uuid.UUID) -> Fulfilled:
        self.asked.append(request_id)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

        async def touch() -> str:
            return str(tenant_id)

        await steps.run("touch", touch)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass(slots=True)
class Works:
    """The office with its jobs and rounds."""

    office: Office
    jobs: FakeJobs
    erasure: Erasure
    requests: Requests

    async def go(self) -> int:
        """A round, and the jobs that it queued."""
        queued = await self.requests.rounds.go_round()
        await self.jobs.work()
        return queued

    async def run(self, request_id: uuid.UUID) -> RequestRun:
        async with self.office.database.session(self.office.tenant_id) as session:
            return await session.get_one(RequestRun, (self.office.tenant_id, request_id))

    async def state(self, request_id: uuid.UUID) -> RequestState:
        return (await self.office.row(request_id)).state

    async def alerts(self) -> list[tuple[AlertKind, AlertSeverity, str]]:
        """Open ones."""
        query = select(RaisedAlert).where(RaisedAlert.cleared_at.is_(None))
        async with self.office.database.session(self.office.tenant_id) as session:
            rows = await session.scalars(query.order_by(RaisedAlert.kind))
            return [(one.kind, one.severity, one.title) for one in rows]


@pytest.fixture
async def works(office: Office) -> Works:
    jobs, erasure = FakeJobs(), Erasure()
    fulfillers: dict[Right, Fulfiller] = {
        Right.ERASURE: erasure,
        Right.RESTRICTION: Ruled(),
        Right.OBJECTION: Ruled(),
    }
    requests = open_requests(
        office.services,
        engine=jobs,  # type: ignore[arg-type]  # a fake
        doors=Doors(office.database),
        exclusive=Exclusive(office.database, "requests"),
        fulfillers=fulfillers,
        messenger=office.mail,
    )
    await office.know(ADA)
    return Works(office, jobs, erasure, requests)


async def test_only_erasures_wait_where_many_can(works: Works) -> None:
    """They do nothing else; what works for itself takes turns."""
    await works.office.receive(works.office.redact())
    await works.office.receive(works.office.intake(Right.OBJECTION))
    assert await works.go() == 2
    queues = [job.queue for job in works.jobs.jobs.values()]
    assert sorted(queues, key=str) == [JobQueue.ERASING, JobQueue.PRIVACY]


async def test_what_is_ready_is_carried_out_once(works: Works) -> None:
    received = await works.office.receive(works.office.redact())
    assert await works.go() == 1
    (job,) = works.jobs.jobs.values()
    assert (job.name, job.queue, job.deadline) == (
        "gdpr.request",
        JobQueue.ERASING,
        (await works.office.row(received.request_id)).due_at,
    )
    assert job.arguments == {
        "tenant_id": str(works.office.tenant_id),
        "request_id": str(received.request_id),
    }
    assert works.jobs.steps.names == ["begin", "touch", "end"]
    assert await works.state(received.request_id) is RequestState.COMPLETED
    assert await works.go() == 0
    assert works.erasure.asked == [received.request_id]
    assert await works.office.events(received.request_id) == [
        "received",
        "searched",
        "started",
        "carried_out",
    ]


async def test_nearest_deadline_comes_first(works: Works) -> None:
    await works.office.know(BOB)
    later = await works.office.receive(works.office.redact())
    works.office.now -= dt.timedelta(days=3)
    sooner = await works.office.receive(works.office.redact(BOB))
    works.office.wait(days=3)
    await works.requests.rounds.go_round()
    assert [job.arguments["request_id"] for job in works.jobs.jobs.values()] == [
        str(sooner.request_id),
        str(later.request_id),
    ]


async def test_a_job_lost_before_it_was_queued_is_queued_under_the_same_name(works: Works) -> None:
    received = await works.office.receive(works.office.redact())
    works.jobs.loses = True
    await works.requests.rounds.go_round()
    assert works.jobs.jobs == {}
    await works.go()
    assert list(works.jobs.jobs) == [f"request-{received.request_id}-1"]
    assert await works.state(received.request_id) is RequestState.COMPLETED


async def test_rounds_queue_no_second_job_while_one_waits_or_runs(works: Works) -> None:
    await works.office.receive(works.office.redact())
    assert [await works.requests.rounds.go_round() for _ in range(3)] == [1, 0, 0]
    (job,) = works.jobs.jobs.values()
    job.state = JobStatus.RUNNING
    assert await works.requests.rounds.go_round() == 0


async def test_a_passing_failure_is_tried_again_with_growing_waits(works: Works) -> None:
    works.erasure.answers = [AwayError("x"), AwayError("x"), AwayError("x"), DONE]
    received = await works.office.receive(works.office.redact())
    for number, minutes in enumerate((1, 4, 16), 1):
        assert await works.go() == 1
        run = await works.run(received.request_id)
        assert (run.attempts, run.failures, run.failure) == (number, number, "AWAY")
        assert run.next_attempt_at == works.office.now + dt.timedelta(minutes=minutes)
        works.office.wait(minutes=minutes, seconds=-1)
        assert await works.go() == 0
        works.office.wait(seconds=1)
    assert await works.alerts() == []
    assert await works.go() == 1
    assert await works.state(received.request_id) is RequestState.COMPLETED
    assert list(works.jobs.jobs) == [f"request-{received.request_id}-{n}" for n in (1, 2, 3, 4)]
    assert (await works.run(received.request_id)).failures == 0


async def test_near_the_deadline_people_are_told_and_it_is_tried_on(works: Works) -> None:
    works.erasure.answers = [AwayError("x")]
    received = await works.office.receive(works.office.redact())
    due = (await works.office.row(received.request_id)).due_at
    works.office.now = due - dt.timedelta(days=3, seconds=1)
    await works.go()
    late = [AlertKind.HELP_AT_RISK, AlertKind.REQUEST_AT_RISK]
    assert [kind for kind, *_ in await works.alerts()] == late
    works.office.wait(minutes=1)
    await works.go()
    assert [kind for kind, *_ in await works.alerts()] == [*late, AlertKind.REQUEST_STUCK]
    works.erasure.answers = [DONE]
    works.office.wait(minutes=4)
    await works.go()
    assert await works.state(received.request_id) is RequestState.COMPLETED
    assert await works.alerts() == []


async def test_what_trying_again_does_not_mend_waits_for_people(works: Works) -> None:
    works.erasure.answers = [BrokenError("x"), DONE]
    received = await works.office.receive(works.office.redact())
    await works.go()
    assert await works.alerts() == [
        (
            AlertKind.REQUEST_STUCK,
            AlertSeverity.CRITICAL,
            "A person's request cannot be carried out",
        )
    ]
    works.office.wait(days=1)
    assert await works.go() == 0
    request = (works.office.tenant_id, received.request_id)
    with pytest.raises(NotFoundError):
        await works.requests.jobs.retry(OTHER, received.request_id, actor=ANN)
    await works.requests.jobs.retry(*request, actor=ANN)
    await works.go()
    assert await works.state(received.request_id) is RequestState.COMPLETED
    assert await works.alerts() == []
    with pytest.raises(ConflictError, match="nothing to try again"):
        await works.requests.jobs.retry(*request, actor=ANN)


async def test_a_job_that_broke_is_found_and_tried_again(works: Works) -> None:
    works.erasure.answers = [ZeroDivisionError("ours"), DONE]
    received = await works.office.receive(works.office.redact())
    await works.go()
    assert await works.state(received.request_id) is RequestState.RUNNING
    await works.go()
    run = await works.run(received.request_id)
    assert (run.failure, run.next_attempt_at) == (
        "JOB_FAILED",
        works.office.now + dt.timedelta(minutes=1),
    )
    works.office.wait(minutes=1)
    await works.go()
    assert await works.state(received.request_id) is RequestState.COMPLETED


async def test_a_right_without_fulfiller_says_so(works: Works) -> None:
    received = await works.office.receive(works.office.intake(Right.WITHDRAWAL))
    await works.go()
    assert (await works.run(received.request_id)).failure == "RIGHT_NOT_SUPPORTED"
    async with works.office.database.session(works.office.tenant_id) as session:
        hint = await session.scalar(
            select(RaisedAlert.hint).where(RaisedAlert.kind == AlertKind.REQUEST_STUCK)
        )
    assert hint == "this right is not supported yet: work it by hand, or refuse it with reasons"


async def test_nothing_found_waits_for_a_countersignature(works: Works) -> None:
    works.erasure.answers = [Fulfilled(RequestOutcome.NOTHING_FOUND)]
    received = await works.office.receive(works.office.redact())
    await works.go()
    assert await works.state(received.request_id) is RequestState.COUNTERSIGNING
    await works.requests.decisions.countersign(
        works.office.tenant_id, received.request_id, actor=BEN
    )
    assert await works.state(received.request_id) is RequestState.COMPLETED


async def test_what_it_waits_for_is_settled(works: Works) -> None:
    waits = ("rescan after time travel, 2026-12-08",)
    works.erasure.answers = [Fulfilled(RequestOutcome.PARTLY, waits_for=waits)]
    received = await works.office.receive(works.office.redact())
    await works.go()
    seen = await works.requests.book.show(works.office.tenant_id, received.request_id)
    assert (seen.line.state, tuple(seen.waits_for)) == (RequestState.WAITING, waits)
    settle = partial(works.requests.jobs.settle, outcome=RequestOutcome.PARTLY)
    with pytest.raises(NotFoundError):
        await settle(OTHER, received.request_id)
    assert await settle(works.office.tenant_id, received.request_id) is RequestState.COMPLETED
    with pytest.raises(NotPossibleError):
        await settle(works.office.tenant_id, received.request_id)


async def test_a_held_category_is_carried_out_when_its_hold_ends(works: Works) -> None:
    hold = NewHold(
        ACME,
        "tax audit",
        "cfo",
        category="user.behavior.purchase_history",
        expires_at=works.office.now + dt.timedelta(days=2),
    )
    await works.office.holds.put(works.office.tenant_id, hold, actor=ANN)
    works.erasure.answers = [Fulfilled(RequestOutcome.PARTLY), DONE]
    received = await works.office.receive(works.office.redact())
    await works.go()
    seen = await works.requests.book.show(works.office.tenant_id, received.request_id)
    assert seen.line.state is RequestState.WAITING
    kept = ["the end of a legal hold over user.behavior.purchase_history"]
    assert list(seen.waits_for) == kept

    async def settle() -> RequestState:
        return await works.requests.jobs.settle(
            works.office.tenant_id, received.request_id, RequestOutcome.PARTLY
        )

    assert await settle() is RequestState.WAITING  # a rescan that is done frees nothing
    works.office.wait(days=2)
    assert await settle() is RequestState.WAITING  # the rest is not carried out yet
    assert len(works.erasure.asked) == 1
    assert "settled_but_held" not in await works.office.events(received.request_id)  # no news
    await works.go()
    assert await works.state(received.request_id) is RequestState.COMPLETED
    assert len(works.erasure.asked) == 2


async def test_a_hold_that_runs_out_lets_requests_go_on_by_themselves(works: Works) -> None:
    hold = NewHold(ACME, "court order", "cfo", expires_at=works.office.now + dt.timedelta(hours=1))
    await works.office.holds.put(works.office.tenant_id, hold, actor=ANN)
    received = await works.office.receive(works.office.redact())
    await works.go()
    assert (await works.state(received.request_id), works.erasure.asked) == (RequestState.HELD, [])
    works.office.wait(hours=1)
    await works.go()
    assert await works.state(received.request_id) is RequestState.COMPLETED


async def test_a_hold_between_queue_and_start_wins(works: Works) -> None:
    received = await works.office.receive(works.office.redact())
    await works.requests.rounds.go_round()
    hold = NewHold(ACME, "court order", "cfo")
    hold_id = await works.office.holds.put(works.office.tenant_id, hold, actor=ANN)
    await works.jobs.work()
    assert (await works.state(received.request_id), works.erasure.asked) == (RequestState.HELD, [])
    await works.office.holds.release(works.office.tenant_id, hold_id, actor=BEN)
    await works.go()
    assert await works.state(received.request_id) is RequestState.COMPLETED


async def test_an_agreement_on_the_page_of_approvals_counts(works: Works) -> None:
    received = await works.office.receive(
        works.office.intake(
            Right.ERASURE,
            channel=IntakeChannel.DESK,
            identity=IdentityLevel.VOUCHED,
            requested_by=ANN,
        )
    )
    assert received.state is RequestState.APPROVING
    approvals = Approvals(works.office.clock, works.office.ids)
    assert await works.go() == 0
    async with works.office.database.session(works.office.tenant_id) as session:
        (asked,) = await approvals.list_recent(session)
        await approvals.decide(session, asked.id, ApprovalDecision.APPROVED, decided_by=BEN)
    assert await works.go() == 1
    row = await works.office.row(received.request_id)
    assert (row.state, row.run_by) == (RequestState.COMPLETED, BEN)


async def test_deadlines_at_risk_are_told_at_seven_days_two_days_and_when_over(
    works: Works,
) -> None:
    received = await works.office.receive(works.office.intake(Right.ERASURE))
    due = (await works.office.row(received.request_id)).due_at
    told, kind = [], AlertKind.REQUEST_AT_RISK
    for left in (
        dt.timedelta(days=7, seconds=1),
        dt.timedelta(days=7),
        dt.timedelta(days=2),
        dt.timedelta(0),
    ):
        works.office.now = due - left
        await works.go()
        told.append([one for one in await works.alerts() if one[0] is kind])
    assert told == [
        [],
        [(kind, AlertSeverity.WARNING, "A person's request is due within 7 days")],
        [(kind, AlertSeverity.CRITICAL, "A person's request is due within 2 days")],
        [(kind, AlertSeverity.CRITICAL, "A person's request is overdue")],
    ]
    await works.requests.decisions.refuse(
        works.office.tenant_id, received.request_id, "unfounded", actor=ANN
    )
    assert await works.alerts() == []


async def test_an_extension_and_a_clock_that_stands_end_the_risk(works: Works) -> None:
    extended = await works.office.receive(works.office.intake(Right.ERASURE))
    paused = await works.office.receive(works.office.intake(Right.ACCESS))
    await works.requests.identity.ask(works.office.tenant_id, paused.request_id, actor=ANN)
    works.office.wait(days=28)
    await works.go()
    kinds = [kind for kind, *_ in await works.alerts()]
    assert kinds == [AlertKind.HELP_AT_RISK, AlertKind.REQUEST_AT_RISK]
    await works.requests.decisions.extend(
        works.office.tenant_id, extended.request_id, "many systems", actor=ANN
    )
    await works.go()
    kinds = [kind for kind, *_ in await works.alerts()]
    assert kinds == [AlertKind.HELP_AT_RISK]  # the client's 72 hours are not extended


async def test_a_client_s_time_for_our_help_is_told_a_day_before_and_when_it_is_over(
    works: Works,
) -> None:
    received = await works.office.receive(works.office.intake(Right.OBJECTION))
    await works.requests.rounds.go_round()
    helped_by = (await works.office.row(received.request_id)).assist_by
    assert helped_by == works.office.now + dt.timedelta(hours=72)
    told = []
    for left in (dt.timedelta(days=1, seconds=1), dt.timedelta(days=1), dt.timedelta(0)):
        works.office.now = helped_by - left
        async with works.office.database.session(works.office.tenant_id) as session:
            await tell_risks(works.office.services, session)
        told.append(await works.alerts())
    kind, words = AlertKind.HELP_AT_RISK, "Our help with a person's request is"
    assert told == [
        [],
        [(kind, AlertSeverity.WARNING, f"{words} due to the client within a day")],
        [(kind, AlertSeverity.CRITICAL, f"{words} overdue to the client")],
    ]
    await works.go()  # carried out here: an officer has to rule
    await works.go()
    assert await works.state(received.request_id) is RequestState.WAITING
    assert await works.alerts() == []


async def test_what_failed_before_anything_was_done_can_be_refused_or_taken_back(
    works: Works,
) -> None:
    works.erasure.answers = [BrokenError("a bug")]
    tenant_id, decisions = works.office.tenant_id, works.requests.decisions
    await works.office.know(BOB)
    refused, taken_back, begun = [
        (await works.office.receive(works.office.redact(*who, scope={"n": n}))).request_id
        for n, who in enumerate([(), (BOB,), ()])
    ]
    await works.go()
    assert await works.state(refused) is RequestState.RUNNING
    await take_by_a_run(works, begun)
    shown = await works.requests.book.show(tenant_id, refused)
    assert {"refuse", "withdraw"} <= set(shown.possible)
    shown = await works.requests.book.show(tenant_id, begun)
    assert {"refuse", "withdraw"}.isdisjoint(shown.possible)
    state = await decisions.refuse(tenant_id, refused, "unfounded", actor=ANN)
    assert state is RequestState.REFUSED
    state = await decisions.withdraw(tenant_id, taken_back, actor=ANN)
    assert state is RequestState.WITHDRAWN
    for verb in (
        decisions.refuse(tenant_id, begun, "unfounded", actor=ANN),
        decisions.withdraw(tenant_id, begun, actor=ANN),
    ):
        with pytest.raises(NotPossibleError, match="is not possible now"):
            await verb
    await works.go()
    assert await works.state(refused) is RequestState.REFUSED
    assert len(works.erasure.asked) == 3
    assert [kind for kind, *_ in await works.alerts()] == [AlertKind.REQUEST_STUCK]  # the begun one


async def take_by_a_run(works: Works, request_id: uuid.UUID) -> None:
    """A run of erasure has begun with a request."""
    run_id = works.office.ids()
    async with works.office.database.session(works.office.tenant_id) as session:
        session.add(
            ErasureRun(
                id=run_id,
                cause=ErasureCause.REQUESTS,
                plan={"steps": []},
                plan_hash="0" * 64,
                round=0,
                residuals=None,
                started_at=works.office.now,
                finished_at=None,
            )
        )
        await session.flush()
        session.add(
            ErasureRunRequest(
                id=works.office.ids(),
                run_id=run_id,
                request_id=request_id,
                client_id=ACME,
                subject_id=None,
                finished_at=None,
            )
        )


async def test_a_restriction_waits_for_a_ruling(works: Works) -> None:
    received = await works.office.receive(
        works.office.intake(
            Right.RESTRICTION,
            channel=IntakeChannel.DESK,
            identity=IdentityLevel.VOUCHED,
            requested_by=ANN,
        )
    )
    request = (works.office.tenant_id, received.request_id)
    rulings = works.requests.rulings
    with pytest.raises(NotPossibleError, match="waits for no ruling"):
        await rulings.grant(*request, "restricted", actor=ANN)
    await works.go()
    with pytest.raises(InvalidInputError, match="says what is done"):
        await rulings.grant(*request, " ", actor=ANN)
    with pytest.raises(NotFoundError):
        await rulings.grant(OTHER, received.request_id, "restricted", actor=ANN)
    assert await rulings.grant(*request, "It is restricted.", actor=ANN) is RequestState.COMPLETED
    async with works.office.database.session(works.office.tenant_id) as session:
        rows = (await session.scalars(select(Suppression))).all()
    assert {(one.purpose, one.cause, one.origin, one.events_from) for one in rows} == {
        (purpose, SuppressionCause.RESTRICTION, str(received.request_id), None)
        for purpose in SUPPRESSIBLE
    }
    kinds = [one.kind for one in await works.office.letters_of(received.request_id)]
    assert kinds == [LetterKind.ACKNOWLEDGEMENT, LetterKind.COMPLETION]


async def test_an_objection_to_one_purpose_takes_out_that_one(works: Works) -> None:
    received = await works.office.receive(
        works.office.intake(Right.OBJECTION, scope={"purposes": ["advertising"]})
    )
    await works.go()
    request = (works.office.tenant_id, received.request_id)
    await works.requests.rulings.grant(*request, "No more advertising.", actor=ANN)
    async with works.office.database.session(works.office.tenant_id) as session:
        (only,) = await session.scalars(select(Suppression))
    assert (only.purpose, only.cause) == (Purpose.ADVERTISING, SuppressionCause.OBJECTION)


async def test_a_ruling_may_be_a_refusal_but_what_was_erased_is_not_refused(works: Works) -> None:
    restriction = await works.office.receive(
        works.office.intake(
            Right.RESTRICTION, channel=IntakeChannel.DESK, identity=IdentityLevel.VOUCHED
        )
    )
    works.erasure.answers = [Fulfilled(RequestOutcome.DONE, waits_for=("rescan",))]
    erasure = await works.office.receive(works.office.redact())
    await works.go()
    refuse = works.requests.decisions.refuse
    state = await refuse(works.office.tenant_id, restriction.request_id, "unfounded", actor=ANN)
    assert state is RequestState.REFUSED
    with pytest.raises(NotPossibleError, match="it can no longer be refused"):
        await refuse(works.office.tenant_id, erasure.request_id, "unfounded", actor=ANN)


async def test_one_agency_s_failure_stays_with_it(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with works.office.database.session(OTHER) as session:
        from tenancy.tables import Tenant  # noqa: PLC0415

        tenant = await session.get_one(Tenant, OTHER)
        assert tenant.slug == "south"
    south = await works.requests.desk.receive(OTHER, works.office.intake(client_id=None))
    assert south.is_new
    received = await works.office.receive(works.office.redact())
    go_to: Callable[[TenantId], Awaitable[int]] = works.requests.rounds.go_to

    async def stumble(tenant_id: TenantId) -> int:
        if tenant_id == OTHER:
            raise BrokenError("away")
        return await go_to(tenant_id)

    monkeypatch.setattr(type(works.requests.rounds), "go_to", lambda _, one: stumble(one))
    assert await works.go() == 1
    assert await works.state(received.request_id) is RequestState.COMPLETED
