"""The life of a request: what is refused, and a walk by random rules beside a plain model."""

import datetime as dt
import itertools
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.errors import InvalidInputError, UserError
from domain.privacy.deadlines import CURRENT_POLICY, WorkCalendar, due_at
from domain.privacy.request_machine import (
    TRANSITIONS,
    Case,
    Move,
    NotPossibleError,
    RequestMachine,
    SecondPersonError,
    TooLateError,
    possible_moves,
)
from domain.privacy.request_rules import CURRENT_RULES, is_enough, lower
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    RequestOutcome,
    RequestState,
    Right,
)

DAYS = WorkCalendar(ZoneInfo("Europe/Berlin"), lambda _: False)
MACHINE = RequestMachine(CURRENT_RULES, CURRENT_POLICY, DAYS)
NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)  # a Monday
DAY = dt.timedelta(days=1)
ANN, BEN = "user:ann", "user:ben"
S, Level = RequestState, IdentityLevel


def received(
    right: Right = Right.ERASURE,
    channel: IntakeChannel = IntakeChannel.FORM,
    identity: IdentityLevel = IdentityLevel.CLAIMED,
) -> Case:
    return MACHINE.receive(right, channel, identity, NOW)


def searched(case: Case, **known: Any) -> Case:
    return MACHINE.pass_gates(replace(case, **known), Move.SEARCH, actor="person", at=NOW)


@pytest.mark.parametrize(
    ("right", "channel", "identity", "known", "state"),
    [
        (Right.ERASURE, IntakeChannel.FORM, Level.VOUCHED, {}, S.MATCHING),
        (Right.ERASURE, IntakeChannel.FORM, Level.CLAIMED, {"has_subject": True}, S.IDENTIFYING),
        (Right.ERASURE, IntakeChannel.FORM, Level.REACHED, {"has_subject": True}, S.APPROVING),
        (Right.ERASURE, IntakeChannel.SHOPIFY, Level.VOUCHED, {"has_subject": True}, S.READY),
        (
            Right.ERASURE,
            IntakeChannel.SHOPIFY,
            Level.VOUCHED,
            {"has_subject": True, "is_held": True},
            S.HELD,
        ),
        (Right.ACCESS, IntakeChannel.FORM, Level.REACHED, {"has_subject": True}, S.READY),
        (
            Right.ACCESS,
            IntakeChannel.FORM,
            Level.REACHED,
            {"has_subject": True, "is_special": True},
            S.IDENTIFYING,
        ),
        (Right.WITHDRAWAL, IntakeChannel.FORM, Level.CLAIMED, {"has_subject": True}, S.READY),
        (
            Right.ACCESS,
            IntakeChannel.DESK,
            Level.VOUCHED,
            {"has_subject": True, "has_twin": True},
            S.MERGED,
        ),
        # A twin opens no door: who asks again proves who they are, too.
        (
            Right.ACCESS,
            IntakeChannel.FORM,
            Level.CLAIMED,
            {"has_subject": True, "has_twin": True},
            S.IDENTIFYING,
        ),
    ],
)
def test_first_gate(
    right: Right,
    channel: IntakeChannel,
    identity: IdentityLevel,
    known: dict[str, bool],
    state: RequestState,
) -> None:
    assert searched(received(right, channel, identity), **known).state is state


def test_every_state_that_is_open_has_a_way_on_and_a_final_one_has_none() -> None:
    for state in RequestState:
        assert bool(possible_moves(state)) is not state.is_final
    reached = {to for (state, _), states in TRANSITIONS.items() for to in states - {state}}
    assert reached == set(RequestState) - {S.RECEIVED}


@pytest.mark.parametrize(("state", "move"), list(itertools.product(RequestState, Move)))
def test_what_is_not_possible_says_what_is(state: RequestState, move: Move) -> None:
    case = replace(received(), state=state)
    of_stuck = {(S.RUNNING, Move.REFUSE), (S.RUNNING, Move.WITHDRAW)}
    if (state, move) in TRANSITIONS:
        MACHINE.check(replace(case, is_stuck=True), move)
    if (state, move) in TRANSITIONS.keys() - of_stuck:
        MACHINE.check(case, move)
        return
    with pytest.raises(NotPossibleError) as refusal:
        MACHINE.check(case, move)
    message = f"this request is {state.value}: {move.value} is not possible now"
    assert refusal.value.message == message
    possible = TRANSITIONS.keys() - of_stuck
    names = ", ".join(found.value for found in Move if (state, found) in possible)
    hint = f"possible now: {names}" if names else "it has ended; file a new request"
    assert refusal.value.hint == hint


def test_asking_soon_stops_the_clock_and_asking_late_does_not() -> None:
    case = searched(received(), has_subject=True)
    assert case.due_at == dt.datetime(2026, 4, 2, 22, tzinfo=dt.UTC)
    soon = MACHINE.ask_identity(case, at=NOW + DAY)
    assert soon.paused_at == NOW + DAY
    assert MACHINE.ask_identity(soon, at=NOW + 2 * DAY).paused_at == NOW + DAY
    late = MACHINE.ask_identity(case, at=NOW + 4 * DAY)
    assert late.paused_at is None
    proved = replace(soon, identity=Level.REACHED)
    done = MACHINE.pass_gates(proved, Move.PROVE, actor="person", at=NOW + 11 * DAY)
    assert done.state is S.APPROVING
    assert (done.paused_at, done.paused) == (None, 10 * DAY)
    assert done.due_at == dt.datetime(2026, 4, 13, 22, tzinfo=dt.UTC)  # the 12th is a Sunday


def test_extension_is_for_the_first_month_once_and_with_a_reason() -> None:
    case = searched(received(), has_subject=True)
    with pytest.raises(InvalidInputError, match="an extension needs a reason"):
        MACHINE.extend(case, " ", at=NOW)
    last_moment = case.due_at - dt.timedelta(microseconds=1)
    extended = MACHINE.extend(case, "many systems", at=last_moment)
    assert extended.due_at == dt.datetime(2026, 6, 2, 22, tzinfo=dt.UTC)
    with pytest.raises(TooLateError, match="was extended before"):
        MACHINE.extend(extended, "more systems", at=last_moment)
    with pytest.raises(TooLateError, match="the first month is over"):
        MACHINE.extend(case, "many systems", at=case.due_at)


def test_refusal_needs_reason_and_remedy() -> None:
    case = searched(received(), has_subject=True)
    with pytest.raises(InvalidInputError, match="a refusal needs a reason"):
        MACHINE.refuse(case, "", "the authority", at=NOW)
    with pytest.raises(InvalidInputError, match="a refusal names the remedies"):
        MACHINE.refuse(case, "unfounded", "\n", at=NOW)
    assert MACHINE.refuse(case, "unfounded", "the authority", at=NOW).state is S.REFUSED


def test_nothing_found_needs_another_officer() -> None:
    nobody = MACHINE.declare_nobody(searched(received()), actor=ANN, at=NOW)
    assert (nobody.state, nobody.outcome) == (S.COUNTERSIGNING, RequestOutcome.NOTHING_FOUND)
    with pytest.raises(SecondPersonError, match="you had this request carried out yourself"):
        MACHINE.countersign(nobody, actor=ANN)
    assert MACHINE.countersign(nobody, actor=BEN).state is S.COMPLETED


def test_looking_again_forgets_what_was_proved_of_somebody_else() -> None:
    run = replace(
        received(identity=Level.REACHED), state=S.RUNNING, has_subject=True, is_approved=True
    )
    found = MACHINE.finish_run(run, RequestOutcome.NOTHING_FOUND, has_to_wait=False)
    again = MACHINE.look_again(found)
    assert (again.state, again.identity, again.has_subject, again.is_approved) == (
        S.MATCHING,
        Level.CLAIMED,
        False,
        False,
    )
    vouched = MACHINE.look_again(replace(found, identity=Level.VOUCHED))
    assert vouched.identity is Level.VOUCHED


def test_a_hold_stops_what_is_ready_and_a_start_looks_again() -> None:
    ready = searched(
        received(channel=IntakeChannel.SHOPIFY, identity=Level.VOUCHED), has_subject=True
    )
    with pytest.raises(NotPossibleError, match="a legal hold keeps the data"):
        MACHINE.start(replace(ready, is_held=True))
    with pytest.raises(NotPossibleError, match="put on hold changes nothing now"):
        MACHINE.pass_gates(ready, Move.HOLD, actor=ANN, at=NOW)
    held = MACHINE.pass_gates(replace(ready, is_held=True), Move.HOLD, actor=ANN, at=NOW)
    assert held.state is S.HELD
    free = MACHINE.pass_gates(replace(held, is_held=False), Move.RELEASE, actor=BEN, at=NOW)
    assert MACHINE.start(free).state is S.RUNNING


class RequestWalk(RuleBasedStateMachine):
    """People, officers, holds and time act on several requests of one right, in any order.

    The model knows little: a set of open fingerprints, one due date reckoned anew from what was
    told, and who did what. Every change goes through `_keep`, which writes the history.
    """

    numbers = Bundle("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.cases: dict[int, Case] = {}
        self.fingerprints: dict[int, int] = {}
        self.subjects: dict[int, int] = {}  # by request, once chosen
        self.history: dict[int, list[tuple[RequestState, RequestState, str]]] = {}
        self.held: set[int] = set()  # subjects
        self.stuck: set[int] = set()  # requests whose carrying out failed before it did anything
        self.told: dict[int, dt.datetime] = {}  # by request: when it was extended
        self.stood: dict[int, dt.timedelta] = {}
        self.stands: dict[int, dt.datetime] = {}
        self.refusals: list[UserError] = []

    def _keep(self, number: int, case: Case, actor: str) -> None:
        before = self.cases[number]
        assert not before.state.is_final
        assert case.due_at >= before.due_at
        assert case.received_at == before.received_at
        if case.state is S.RUNNING and before.state is not S.RUNNING:
            assert self.subjects[number] not in self.held
            assert is_enough(
                case.identity,
                CURRENT_RULES.needed_identity(case.right, is_special=case.is_special),
            )
            assert case.is_approved or case.channel is IntakeChannel.SHOPIFY
        if case.state not in {S.MATCHING, S.IDENTIFYING} and number in self.stands:
            self.stood[number] += self.now - self.stands.pop(number)
        self.history[number].append((before.state, case.state, actor))
        self.cases[number] = case

    def _try(self, number: int, move: Move, actor: str, change: object) -> None:
        """The change happens exactly when the table allows it, or is refused in words."""
        case = self.cases[number]
        try:
            moved = change(self._seen(number))  # type: ignore[operator]
        except NotPossibleError as refusal:
            depends = move in {Move.HOLD, Move.START}  # on a hold
            depends |= (case.state, move) == (S.WAITING, Move.REFUSE)  # on the right
            if case.state is S.RUNNING and move in {Move.REFUSE, Move.WITHDRAW}:
                assert number not in self.stuck
                depends = True
            assert depends or (case.state, move) not in TRANSITIONS
            self.refusals.append(refusal)
            return
        except UserError as refusal:
            self.refusals.append(refusal)
            return
        assert moved.state in TRANSITIONS[case.state, move]
        if case.state is S.RUNNING and move in {Move.REFUSE, Move.WITHDRAW}:
            assert number in self.stuck
        self._keep(number, moved, actor)

    def _seen(self, number: int) -> Case:
        subject = self.subjects.get(number)
        past = {S.APPROVING, S.HELD, S.READY, S.RUNNING, S.WAITING, S.COUNTERSIGNING}
        twins = [
            other
            for other, theirs in self.subjects.items()
            if other != number and theirs == subject and self.cases[other].state in past
        ]
        is_past = self.cases[number].state in past
        return replace(
            self.cases[number],
            has_subject=subject is not None,
            has_twin=bool(twins) and not is_past,
            is_held=subject in self.held,
            is_stuck=number in self.stuck and self.cases[number].state is S.RUNNING,
        )

    @rule(
        target=numbers,
        fingerprint=st.integers(0, 3),
        channel=st.sampled_from([IntakeChannel.FORM, IntakeChannel.DESK, IntakeChannel.SHOPIFY]),
        identity=st.sampled_from(IdentityLevel),
        person=st.sampled_from([None, 1, 2]),
    )
    def receive(
        self,
        fingerprint: int,
        channel: IntakeChannel,
        identity: IdentityLevel,
        person: int | None,
    ) -> int:
        for number, theirs in self.fingerprints.items():
            if theirs == fingerprint and not self.cases[number].state.is_final:
                return number
        number = len(self.cases)
        identity = lower(identity, CURRENT_RULES.most_of_channel[channel])
        self.cases[number] = MACHINE.receive(Right.ERASURE, channel, identity, self.now)
        self.fingerprints[number], self.history[number] = fingerprint, []
        self.stood[number] = dt.timedelta(0)
        if person is not None:
            self.subjects[number] = person
        self._gates(number, Move.SEARCH, "person")
        return number

    def _gates(self, number: int, move: Move, actor: str) -> None:
        self._try(
            number,
            move,
            actor,
            lambda case: MACHINE.pass_gates(case, move, actor=actor, at=self.now),
        )

    @rule(number=numbers, person=st.integers(1, 2), actor=st.sampled_from([ANN, BEN]))
    def choose(self, number: int, person: int, actor: str) -> None:
        if self.cases[number].state is S.MATCHING:
            self.subjects[number] = person
        self._gates(number, Move.CHOOSE, actor)

    @rule(number=numbers)
    def ask(self, number: int) -> None:
        before = self.cases[number]
        self._try(
            number, Move.ASK_IDENTITY, ANN, lambda case: MACHINE.ask_identity(case, at=self.now)
        )
        if before.paused_at is None and self.cases[number].paused_at is not None:
            self.stands[number] = self.now
            asked_within = {
                DAYS.day_of(before.received_at) + count * DAY for count in range(6)
            }  # three working days, with a weekend between
            assert DAYS.day_of(self.now) in asked_within

    @rule(
        number=numbers,
        level=st.sampled_from([Level.REACHED, Level.VOUCHED]),
        actor=st.sampled_from([ANN, BEN]),
    )
    def prove(self, number: int, level: IdentityLevel, actor: str) -> None:
        move = Move.PROVE if level is Level.REACHED else Move.VOUCH
        raised = level if is_enough(level, self.cases[number].identity) else None
        self._try(
            number,
            move,
            actor,
            lambda case: MACHINE.pass_gates(
                replace(case, identity=raised or case.identity), move, actor=actor, at=self.now
            ),
        )

    @rule(number=numbers, actor=st.sampled_from([ANN, BEN]))
    def approve(self, number: int, actor: str) -> None:
        self._try(
            number,
            Move.APPROVE,
            actor,
            lambda case: MACHINE.approve(case, actor=actor, at=self.now),
        )

    @rule(person=st.integers(1, 2))
    def hold(self, person: int) -> None:
        self.held.add(person)
        for number, case in list(self.cases.items()):
            if case.state is S.READY and self.subjects[number] == person:
                self._gates(number, Move.HOLD, ANN)
                assert self.cases[number].state is S.HELD

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(sorted(self.held)))
        self.held.discard(person)
        for number, case in list(self.cases.items()):
            if case.state is S.HELD and self.subjects[number] == person:
                self._gates(number, Move.RELEASE, BEN)
                assert self.cases[number].state is S.READY

    @rule(number=numbers)
    def start(self, number: int) -> None:
        self._try(number, Move.START, "job:gdpr.request", MACHINE.start)

    @rule(number=numbers, fails=st.booleans())
    def fail(self, number: int, *, fails: bool) -> None:
        if fails:
            self.stuck.add(number)
        else:
            self.stuck.discard(number)

    @rule(number=numbers, outcome=st.sampled_from(RequestOutcome), waits=st.booleans())
    def finish(self, number: int, outcome: RequestOutcome, *, waits: bool) -> None:
        self._try(
            number,
            Move.FINISH_RUN,
            "job:gdpr.request",
            lambda case: MACHINE.finish_run(case, outcome, has_to_wait=waits),
        )

    @rule(number=numbers, outcome=st.sampled_from(RequestOutcome))
    def settle(self, number: int, outcome: RequestOutcome) -> None:
        self._try(
            number,
            Move.SETTLE,
            "job:gdpr.request",
            lambda case: MACHINE.settle(case, outcome),
        )

    @rule(number=numbers)
    def run_again(self, number: int) -> None:
        self._gates(number, Move.RUN_AGAIN, "job:gdpr.request")

    @rule(number=numbers, actor=st.sampled_from([ANN, BEN]))
    def declare_nobody(self, number: int, actor: str) -> None:
        self._try(
            number,
            Move.DECLARE_NOBODY,
            actor,
            lambda case: MACHINE.declare_nobody(case, actor=actor, at=self.now),
        )

    @rule(number=numbers, actor=st.sampled_from([ANN, BEN]))
    def countersign(self, number: int, actor: str) -> None:
        run_by = self.cases[number].run_by
        self._try(
            number,
            Move.COUNTERSIGN,
            actor,
            lambda case: MACHINE.countersign(case, actor=actor),
        )
        if self.cases[number].state is S.COMPLETED and self.history[number][-1][2] == actor:
            assert actor != run_by

    @rule(number=numbers)
    def look_again(self, number: int) -> None:
        if self.cases[number].state is S.COUNTERSIGNING:
            self.subjects.pop(number, None)
        self._try(number, Move.LOOK_AGAIN, ANN, MACHINE.look_again)

    @rule(number=numbers)
    def extend(self, number: int) -> None:
        before = self.cases[number]
        self._try(
            number,
            Move.EXTEND,
            ANN,
            lambda case: MACHINE.extend(case, "many systems", at=self.now),
        )
        if self.cases[number].extended_at != before.extended_at:
            assert before.extended_at is None
            self.told[number] = self.now
            assert self.now < before.due_at or before.paused_at is not None

    @rule(number=numbers)
    def refuse(self, number: int) -> None:
        self._try(
            number,
            Move.REFUSE,
            ANN,
            lambda case: MACHINE.refuse(case, "unfounded", "the authority", at=self.now),
        )

    @rule(number=numbers)
    def withdraw(self, number: int) -> None:
        self._try(number, Move.WITHDRAW, "person", lambda case: MACHINE.withdraw(case, at=self.now))

    @rule(hours=st.integers(1, 24 * 12))
    def wait(self, hours: int) -> None:
        self.now += dt.timedelta(hours=hours)

    @invariant()
    def one_open_request_of_a_fingerprint(self) -> None:
        still_open = [
            fingerprint
            for number, fingerprint in self.fingerprints.items()
            if not self.cases[number].state.is_final
        ]
        assert len(still_open) == len(set(still_open))

    @invariant()
    def one_request_of_a_person_is_past_identity(self) -> None:
        past = [
            self.subjects[number]
            for number, case in self.cases.items()
            if case.state in {S.APPROVING, S.HELD, S.READY, S.RUNNING, S.WAITING}
        ]
        assert len(past) == len(set(past))

    @invariant()
    def due_is_what_was_told(self) -> None:
        for number, case in self.cases.items():
            reckoned = due_at(
                CURRENT_POLICY,
                case.received_at,
                DAYS,
                is_extended=number in self.told,
                paused=self.stood[number],
            )
            assert case.due_at == reckoned
            assert case.paused_at == self.stands.get(number)

    @invariant()
    def history_leads_here_and_nothing_comes_after_an_end(self) -> None:
        for number, steps in self.history.items():
            state = S.RECEIVED
            for before, after, _ in steps:
                assert before is state
                assert not before.is_final
                state = after
            assert state is self.cases[number].state

    @invariant()
    def every_refusal_says_what_to_do(self) -> None:
        assert all(refusal.message and refusal.hint for refusal in self.refusals)

    @invariant()
    def nothing_found_was_countersigned(self) -> None:
        for number, case in self.cases.items():
            nothing = case.outcome is RequestOutcome.NOTHING_FOUND
            if case.state is S.COMPLETED and nothing:
                before, _, actor = self.history[number][-1]
                assert before is S.COUNTERSIGNING
                assert actor in {ANN, BEN}
                assert actor != case.run_by


def _walk(runs: int, steps: int) -> None:
    run_state_machine_as_test(
        RequestWalk,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_walks() -> None:
    _walk(200, 40)


@pytest.mark.slow
def test_twenty_thousand_walks() -> None:
    _walk(20_000, 50)
