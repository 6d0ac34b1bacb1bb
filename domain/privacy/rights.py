"""The rights of people over their data, and where a request for one of them is.

Source: Regulation (EU) 2016/679 (GDPR), articles 7(3), 15 to 18 and 20 to 22.
"""

import enum

__all__ = [
    "IdentityLevel",
    "IntakeChannel",
    "ProcessingRole",
    "RequestOutcome",
    "RequestState",
    "Right",
]


class Right(enum.Enum):
    """What a person asks for; in brackets the article."""

    ACCESS = "access"  # 15
    RECTIFICATION = "rectification"  # 16
    ERASURE = "erasure"  # 17
    RESTRICTION = "restriction"  # 18
    PORTABILITY = "portability"  # 20
    OBJECTION = "objection"  # 21
    DECISION_REVIEW = "decision_review"  # 22(3)
    WITHDRAWAL = "withdrawal"  # 7(3)


class RequestState(enum.Enum):
    """Where a request is.

    `IDENTIFYING`: the requester has to prove who they are; the clock may stand still. `MATCHING`:
    nobody, or several people, fit; an officer decides. `APPROVING`: a second person has to agree.
    `HELD`: a legal hold keeps the data. `RUNNING`: it is being carried out. `WAITING`: carried out
    here; recipients have to answer, or a rescan is due. `COUNTERSIGNING`: carried out with no row
    found; an officer has to confirm that. The last four end it.
    """

    RECEIVED = "received"
    IDENTIFYING = "identifying"
    MATCHING = "matching"
    APPROVING = "approving"
    HELD = "held"
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    COUNTERSIGNING = "countersigning"
    COMPLETED = "completed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"

    @property
    def is_final(self) -> bool:
        """Nothing comes after it."""
        return self in _FINAL

    @property
    def is_carried_out(self) -> bool:
        """Nothing is left to do here: a controller whose processor we are has its help."""
        return self in _CARRIED_OUT


_FINAL = frozenset(
    {
        RequestState.COMPLETED,
        RequestState.REFUSED,
        RequestState.WITHDRAWN,
        RequestState.MERGED,
    }
)
_CARRIED_OUT = _FINAL | {RequestState.WAITING, RequestState.COUNTERSIGNING}


class RequestOutcome(enum.Enum):
    """What a completed request came to. `PARTLY`: a hold or an exception keeps a part."""

    DONE = "done"
    PARTLY = "partly"
    NOTHING_FOUND = "nothing_found"


class ProcessingRole(enum.Enum):
    """What the agency is to the data: its client's processor, or, of its own people, controller.

    Source: GDPR articles 4(7) and 4(8).
    """

    CONTROLLER = "controller"
    PROCESSOR = "processor"


class IntakeChannel(enum.Enum):
    """How a request came in."""

    DESK = "desk"
    FORM = "form"
    API = "api"
    BATCH = "batch"
    SHOPIFY = "shopify"
    META = "meta"


class IdentityLevel(enum.Enum):
    """How surely the requester is the person; the least first.

    `CLAIMED`: said so. `REACHED`: answered at an address that the data carries. `VOUCHED`: a
    platform that knows the person, or an officer who has seen a proof, says so.
    """

    CLAIMED = "claimed"
    REACHED = "reached"
    VOUCHED = "vouched"
