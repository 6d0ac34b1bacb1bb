"""The life of a request as data: from which state what may happen, and where it leads.

    Case + Move -> allowed here? -> guards -> Case as it is afterwards

    RECEIVED -> MATCHING? -> IDENTIFYING? -> (twin: MERGED) -> APPROVING? -> HELD? -> READY
        -> RUNNING -> WAITING? -> COUNTERSIGNING? -> COMPLETED

Every move that settles a question leads through the same gates in the same order: who is it about,
is it really them, does a second person agree, does a hold keep the data. So no move can leave one
out. Whoever keeps a case writes down each move; this module decides, and knows no clock.

Decision: ADR-0026.
"""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from domain.errors import ConflictError, InvalidInputError
from domain.privacy.deadlines import DeadlinePolicy, WorkCalendar, due_at, is_without_delay
from domain.privacy.request_rules import RequestRules, is_enough
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    RequestOutcome,
    RequestState,
    Right,
)

__all__ = [
    "TRANSITIONS",
    "Case",
    "Move",
    "NotPossibleError",
    "RequestMachine",
    "SecondPersonError",
    "TooEarlyError",
    "TooLateError",
    "possible_moves",
]

_S = RequestState


class NotPossibleError(ConflictError):
    """The request is not where this can happen (the caller can do what is possible)."""

    code = "REQUEST_NOT_POSSIBLE"


class TooLateError(ConflictError):
    """The time in which this can be done has passed (nobody can mend that)."""

    code = "REQUEST_TOO_LATE"


class TooEarlyError(ConflictError):
    """The time from which this can be done has not come (the caller can wait)."""

    code = "REQUEST_TOO_EARLY"


class SecondPersonError(ConflictError):
    """Somebody else has to do this (another officer can)."""

    code = "SECOND_PERSON_NEEDED"


class Move(enum.Enum):
    """What can happen to a request; the value says it to people."""

    SEARCH = "look for the person"
    CHOOSE = "choose the person"
    DECLARE_NOBODY = "say that nobody fits"
    ASK_IDENTITY = "ask for identity"
    PROVE = "prove identity by code"
    VOUCH = "vouch for identity"
    APPROVE = "approve"
    HOLD = "put on hold"
    RELEASE = "release from hold"
    START = "start"
    FINISH_RUN = "finish the run"
    RUN_AGAIN = "run again"
    SETTLE = "settle what it waits for"
    COUNTERSIGN = "countersign"
    LOOK_AGAIN = "look for the person again"
    EXTEND = "extend"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


# Not yet begun: it can still be refused or taken back.
_BEFORE: Final = (_S.MATCHING, _S.IDENTIFYING, _S.APPROVING, _S.HELD, _S.READY)
_OPEN: Final = tuple(state for state in RequestState if not state.is_final)
_GATES: Final = frozenset({_S.MATCHING, _S.IDENTIFYING, _S.APPROVING, _S.HELD, _S.READY, _S.MERGED})
_PAUSABLE: Final = frozenset({_S.MATCHING, _S.IDENTIFYING})
# Of what is being carried out, only while nothing was done.
_OF_STUCK: Final = frozenset({Move.REFUSE, Move.WITHDRAW})
_ENDS_OF_RUN: Final = frozenset({_S.WAITING, _S.COUNTERSIGNING, _S.COMPLETED})

TRANSITIONS: Final[Mapping[tuple[RequestState, Move], frozenset[RequestState]]] = {
    (_S.RECEIVED, Move.SEARCH): _GATES,
    (_S.MATCHING, Move.SEARCH): _GATES,
    (_S.MATCHING, Move.CHOOSE): _GATES,
    (_S.MATCHING, Move.DECLARE_NOBODY): frozenset({_S.COUNTERSIGNING}),
    (_S.MATCHING, Move.ASK_IDENTITY): frozenset({_S.MATCHING}),
    (_S.MATCHING, Move.VOUCH): frozenset({_S.MATCHING}),
    (_S.IDENTIFYING, Move.ASK_IDENTITY): frozenset({_S.IDENTIFYING}),
    (_S.IDENTIFYING, Move.PROVE): _GATES,
    (_S.IDENTIFYING, Move.VOUCH): _GATES,
    (_S.APPROVING, Move.APPROVE): _GATES,
    (_S.READY, Move.HOLD): frozenset({_S.HELD}),
    (_S.HELD, Move.RELEASE): _GATES,
    (_S.READY, Move.START): frozenset({_S.RUNNING}),
    (_S.RUNNING, Move.FINISH_RUN): _ENDS_OF_RUN,
    (_S.WAITING, Move.RUN_AGAIN): frozenset({_S.READY, _S.HELD}),
    (_S.WAITING, Move.SETTLE): _ENDS_OF_RUN - {_S.WAITING},
    (_S.COUNTERSIGNING, Move.COUNTERSIGN): frozenset({_S.COMPLETED}),
    (_S.COUNTERSIGNING, Move.LOOK_AGAIN): frozenset({_S.MATCHING}),
    **{(state, Move.EXTEND): frozenset({state}) for state in _OPEN},
    **{(s, Move.REFUSE): frozenset({_S.REFUSED}) for s in (*_BEFORE, _S.RUNNING, _S.WAITING)},
    **{(state, Move.WITHDRAW): frozenset({_S.WITHDRAWN}) for state in (*_BEFORE, _S.RUNNING)},
}


@dataclass(frozen=True, slots=True)
class Case:
    """What decides about a request.

    Attributes:
        identity: How surely the requester is the person, so far.
        received_at: UTC instant.
        due_at: UTC instant, by law.
        is_special: It touches special categories of data.
        has_subject: It is known whom it is about.
        has_twin: Another open request for the same, of the same person, is past identity.
        is_approved: A second person has agreed.
        is_held: A legal hold keeps all that it would touch.
        is_everybody: It names nobody: it is about all people of a connection. Then a second person
            agrees, however it came in.
        extended_at: When the person was told that it takes longer.
        paused_at: Since when the clock stands still.
        paused: How long it stood still before.
        run_by: Who let it be carried out, or found that there is nobody; empty: nobody yet.
        outcome: Of the last run.
        is_stuck: It is being carried out, that has failed, and nothing was done: it can still be
            refused or taken back.
    """

    right: Right
    channel: IntakeChannel
    state: RequestState
    identity: IdentityLevel
    received_at: dt.datetime
    due_at: dt.datetime
    is_special: bool = False
    has_subject: bool = False
    has_twin: bool = False
    is_approved: bool = False
    is_held: bool = False
    is_everybody: bool = False
    extended_at: dt.datetime | None = None
    paused_at: dt.datetime | None = None
    paused: dt.timedelta = dt.timedelta(0)
    run_by: str = ""
    outcome: RequestOutcome | None = None
    is_stuck: bool = False

    @property
    def possible_moves(self) -> tuple[Move, ...]:
        """What can happen to it, in the order of `Move`."""
        return possible_moves(self.state, is_stuck=self.is_stuck)


def possible_moves(state: RequestState, *, is_stuck: bool = False) -> tuple[Move, ...]:
    """What can happen to a request in a state, in the order of `Move`.

    Args:
        state: Of the request.
        is_stuck: See `Case`.
    """
    moves = tuple(move for move in Move if (state, move) in TRANSITIONS)
    if state is _S.RUNNING and not is_stuck:
        return tuple(move for move in moves if move not in _OF_STUCK)
    return moves


@dataclass(frozen=True, slots=True)
class RequestMachine:
    """Decides for one controller.

    Attributes:
        rules: What a request needs.
        policy: The law's figures.
        days: Where the controller is.
    """

    rules: RequestRules
    policy: DeadlinePolicy
    days: WorkCalendar

    def receive(
        self,
        right: Right,
        channel: IntakeChannel,
        identity: IdentityLevel,
        received_at: dt.datetime,
        *,
        is_special: bool = False,
    ) -> Case:
        """A new case; its clock runs."""
        due = due_at(self.policy, received_at, self.days)
        return Case(right, channel, _S.RECEIVED, identity, received_at, due, is_special=is_special)

    def check(self, case: Case, move: Move) -> None:
        """Refuse what cannot happen in this state.

        Raises:
            NotPossibleError: It cannot; says what can.
        """
        if move in case.possible_moves:
            return
        possible = ", ".join(found.value for found in case.possible_moves)
        raise NotPossibleError(
            f"this request is {case.state.value}: {move.value} is not possible now",
            hint=f"possible now: {possible}" if possible else "it has ended; file a new request",
        )

    def pass_gates(self, case: Case, move: Move, *, actor: str, at: dt.datetime) -> Case:
        """Go as far as the case is ready for, after a question was settled.

        Args:
            case: With the answer in it already.
            move: `SEARCH`, `CHOOSE`, `PROVE`, `VOUCH`, `APPROVE`, `RELEASE`, `HOLD`, `RUN_AGAIN`.
            actor: Whoever lets it become ready has it carried out.
            at: UTC instant.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, move)
        target = self._gate(case)
        if target not in TRANSITIONS[case.state, move]:
            raise NotPossibleError(
                f"this request is {case.state.value}: {move.value} changes nothing now",
                hint="look at the request again",
            )
        if target not in _PAUSABLE:
            case = self._resume(case, at)
        run_by = case.run_by or (actor if target is _S.READY else "")
        return replace(case, state=target, run_by=run_by)

    def ask_identity(self, case: Case, *, at: dt.datetime) -> Case:
        """The requester is asked who they are; asked soon enough, the clock stands still.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, Move.ASK_IDENTITY)
        soon = is_without_delay(self.policy, case.received_at, at, self.days)
        return replace(case, paused_at=case.paused_at or at) if soon else case

    def approve(self, case: Case, *, actor: str, at: dt.datetime) -> Case:
        """A second person agrees: who they are has been checked.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, Move.APPROVE)
        agreed = replace(case, is_approved=True, run_by=actor)
        return self.pass_gates(agreed, Move.APPROVE, actor=actor, at=at)

    def start(self, case: Case) -> Case:
        """It is being carried out.

        Raises:
            NotPossibleError: Not in this state, or held.
        """
        self.check(case, Move.START)
        if case.is_held:
            raise NotPossibleError(
                "a legal hold keeps the data of this request", hint="release the hold first"
            )
        return replace(case, state=_S.RUNNING)

    def finish_run(self, case: Case, outcome: RequestOutcome, *, has_to_wait: bool) -> Case:
        """It was carried out here.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, Move.FINISH_RUN)
        return replace(case, state=_after(outcome, has_to_wait=has_to_wait), outcome=outcome)

    def settle(self, case: Case, outcome: RequestOutcome) -> Case:
        """What it waited for has happened.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, Move.SETTLE)
        return replace(case, state=_after(outcome, has_to_wait=False), outcome=outcome)

    def declare_nobody(self, case: Case, *, actor: str, at: dt.datetime) -> Case:
        """An officer finds that the data knows no such person.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, Move.DECLARE_NOBODY)
        running = self._resume(case, at)
        nothing = RequestOutcome.NOTHING_FOUND
        return replace(running, state=_S.COUNTERSIGNING, outcome=nothing, run_by=actor)

    def countersign(self, case: Case, *, actor: str) -> Case:
        """Another officer confirms that nothing was found.

        Raises:
            NotPossibleError: Not in this state.
            SecondPersonError: The same officer had it carried out.
        """
        self.check(case, Move.COUNTERSIGN)
        if actor == case.run_by:
            raise SecondPersonError(
                "you had this request carried out yourself",
                hint="another officer has to confirm that nothing was found",
            )
        return replace(case, state=_S.COMPLETED)

    def look_again(self, case: Case) -> Case:
        """An officer does not believe that there is nothing.

        An address that was reached is that of the person chosen before: it proves nothing of
        another one.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, Move.LOOK_AGAIN)
        return replace(
            case,
            state=_S.MATCHING,
            identity=(
                IdentityLevel.CLAIMED if case.identity is IdentityLevel.REACHED else case.identity
            ),
            has_subject=False,
            is_approved=False,
            run_by="",
            outcome=None,
        )

    def extend(self, case: Case, reason: str, *, at: dt.datetime) -> Case:
        """Take the longer time; the person is told why in the same act.

        Raises:
            NotPossibleError: The request has ended.
            InvalidInputError: No reason.
            TooLateError: The first month is over, or it was extended before.
        """
        self.check(case, Move.EXTEND)
        if not reason.strip():
            raise InvalidInputError(
                "an extension needs a reason", hint="say what makes the request complex"
            )
        if case.extended_at is not None:
            raise TooLateError("this request was extended before", hint="the law allows it once")
        if case.paused_at is None and at >= case.due_at:
            raise TooLateError(
                "the first month is over: it can no longer be extended",
                hint="answer, or refuse with reasons, at once",
            )
        extended = replace(case, extended_at=at)
        return replace(extended, due_at=self._due(extended))

    def refuse(self, case: Case, reason: str, remedy: str, *, at: dt.datetime) -> Case:
        """Do not act, say why, and say what the person can do about that.

        Raises:
            NotPossibleError: Not in this state.
            InvalidInputError: No reason, or no remedy (article 12(4) asks for both).
        """
        self.check(case, Move.REFUSE)
        if case.state is _S.WAITING and case.right not in self.rules.ruled_rights:
            raise NotPossibleError(
                "this request was carried out: it can no longer be refused",
                hint="settle what it waits for",
            )
        if not reason.strip():
            raise InvalidInputError("a refusal needs a reason", hint="GDPR article 12(4)")
        if not remedy.strip():
            raise InvalidInputError(
                "a refusal names the remedies", hint="name the authority and the courts"
            )
        return replace(self._resume(case, at), state=_S.REFUSED)

    def withdraw(self, case: Case, *, at: dt.datetime) -> Case:
        """The person takes it back.

        Raises:
            NotPossibleError: Not in this state.
        """
        self.check(case, Move.WITHDRAW)
        return replace(self._resume(case, at), state=_S.WITHDRAWN)

    def _gate(self, case: Case) -> RequestState:
        needed = self.rules.needed_identity(case.right, is_special=case.is_special)
        if not case.has_subject:
            return _S.MATCHING
        if not is_enough(case.identity, needed):
            return _S.IDENTIFYING
        if case.has_twin:
            return _S.MERGED
        is_grave = self.rules.needs_approval(case.right, case.channel) or case.is_everybody
        if is_grave and not case.is_approved:
            return _S.APPROVING
        return _S.HELD if case.is_held else _S.READY

    def _resume(self, case: Case, at: dt.datetime) -> Case:
        if case.paused_at is None:
            return case
        stood = max(at - case.paused_at, dt.timedelta(0))
        running = replace(case, paused_at=None, paused=case.paused + stood)
        return replace(running, due_at=max(case.due_at, self._due(running)))

    def _due(self, case: Case) -> dt.datetime:
        return due_at(
            self.policy,
            case.received_at,
            self.days,
            is_extended=case.extended_at is not None,
            paused=case.paused,
        )


def _after(outcome: RequestOutcome, *, has_to_wait: bool) -> RequestState:
    if has_to_wait:
        return _S.WAITING
    return _S.COUNTERSIGNING if outcome is RequestOutcome.NOTHING_FOUND else _S.COMPLETED
