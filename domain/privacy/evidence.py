"""What is known of an erasure, as its certificate will state it.

    erasure engine -> ErasureEvidence -> certificate (signed, one revision for each new state)

Pseudonyms, ids, counts and instants only: a certificate is shown to people, regulators and courts,
and none of them may learn from it who was erased.

Sources: GDPR articles 5(2), 12(3), 17 and 19.
Decision: ADR-0030.
"""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass

from domain.privacy.rights import RequestOutcome, Right

__all__ = [
    "CountUnit",
    "ErasedCount",
    "ErasureEvidence",
    "MarkedModel",
    "RecipientAnswer",
    "RecipientNotice",
    "Rescan",
    "RescanMoment",
    "Residual",
    "ResidualKind",
    "Treatment",
    "TreatmentAction",
]


class TreatmentAction(enum.Enum):
    """What becomes of a place where the person was.

    `ANONYMISE`: rows stay, so that totals do, and tell of nobody. `SHRED`: the key is gone, what it
    sealed is noise. `KEEP`: stays as it is; the reason says why. `RETRAIN`: a model is made anew.
    """

    DELETE = "delete"
    ANONYMISE = "anonymise"
    SHRED = "shred"
    KEEP = "keep"
    RETRAIN = "retrain"


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the plan does at one place.

    Attributes:
        store: For example `postgres`, `warehouse`, `landing`, `redis`, `features`, `models`.
        place: Table, kind of object or of key in it, for example `facts.orders`.
        reason: Why it stays, or stays in part; empty: nothing does.
    """

    store: str
    place: str
    action: TreatmentAction
    reason: str = ""


class CountUnit(enum.Enum):
    """What is counted."""

    ROWS = "rows"
    OBJECTS = "objects"  # files that were written anew without the person
    KEYS = "keys"
    ENTITIES = "entities"


@dataclass(frozen=True, slots=True)
class ErasedCount:
    """How much was erased or made anonymous at one place.

    Attributes:
        store: As in the plan.
        place: As in the plan.
        operations: Ids of jobs or statements that did it, as the store knows them.
    """

    store: str
    place: str
    unit: CountUnit
    count: int
    operations: tuple[str, ...] = ()


class RecipientAnswer(enum.Enum):
    """What a recipient of the data said when it was told (article 19)."""

    WAITING = "waiting"  # told, or still to be told
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    IMPOSSIBLE = "impossible"  # it has no way to be told, or that would be disproportionate


@dataclass(frozen=True, slots=True)
class RecipientNotice:
    """A recipient of the data, and whether it knows that the person is to be forgotten.

    Attributes:
        recipient: For example `google_ads`.
        answered_at: UTC instant of the answer; None: there is none yet.
        next_try_at: When it is told again; None: it is not.
        receipt: The recipient's own id of our notice; empty: it gave none.
    """

    recipient: str
    answer: RecipientAnswer
    answered_at: dt.datetime | None = None
    next_try_at: dt.datetime | None = None
    receipt: str = ""


class ResidualKind(enum.Enum):
    """What a store keeps for a while although it was told to forget."""

    TIME_TRAVEL = "time_travel"  # BigQuery, 2 to 7 days
    FAIL_SAFE = "fail_safe"  # BigQuery, 7 days more
    BACKUPS = "backups"
    OBJECT_VERSIONS = "object_versions"  # of a bucket


@dataclass(frozen=True, slots=True)
class Residual:
    """What still exists somewhere, and until when.

    Attributes:
        store: For example `warehouse`.
        ends_at: UTC instant from which nothing is left.
        note: What keeps it from coming back, for people; may be empty.
    """

    store: str
    kind: ResidualKind
    ends_at: dt.datetime
    note: str = ""


class RescanMoment(enum.Enum):
    """When every store is searched again."""

    ERASURE = "erasure"  # at once
    INGEST = "ingest"  # after the next sync
    MATERIALISATION = "materialisation"  # of features, the next one
    TIME_TRAVEL = "time_travel"  # when it has ended


@dataclass(frozen=True, slots=True)
class Rescan:
    """A search for what should be gone.

    Attributes:
        due_at: UTC instant, at the latest; None: nobody has said.
        done_at: UTC instant; None: not yet.
        found: How many rows, keys or objects of the person were there; None: not done yet.
    """

    moment: RescanMoment
    due_at: dt.datetime | None = None
    done_at: dt.datetime | None = None
    found: int | None = None


@dataclass(frozen=True, slots=True)
class MarkedModel:
    """A version of a model that had seen figures of the agency before the erasure.

    Attributes:
        kind: For example `forecast`.
        version: 1, 2, 3 ... of the kind.
        retrain_by: UTC instant by which another one has to take its place.
        retrained_at: Since when another one has, and this one is deleted; None: not yet.
    """

    kind: str
    version: int
    retrain_by: dt.datetime
    retrained_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class ErasureEvidence:
    """Everything that is known of one erasure now.

    Attributes:
        request_id: Of the request, in `subject_requests`.
        request: Its id for the outside.
        agency: Id of the agency for the outside.
        subject: Pseudonym of the person, `sp_...`; never an identifier.
        received_at: UTC instants from here on; from this one the law counts.
        due_at: By law.
        closed_at: None: it is not complete yet.
        outcome: None: likewise.
        countersigned_by: Actor who confirmed that nothing was found; empty: nobody had to.
        plan_hash: SHA-256 of the plan that was carried out, in hexadecimal.
        policy: Version of the rules that gave the dates and the plan.
        models: Versions that are, or were, to be made anew.
    """

    request_id: uuid.UUID
    request: str
    agency: str
    subject: str
    right: Right
    received_at: dt.datetime
    due_at: dt.datetime
    closed_at: dt.datetime | None
    outcome: RequestOutcome | None
    countersigned_by: str
    plan_hash: str
    treatments: tuple[Treatment, ...]
    counts: tuple[ErasedCount, ...]
    recipients: tuple[RecipientNotice, ...]
    residuals: tuple[Residual, ...]
    rescans: tuple[Rescan, ...]
    policy: str
    models: tuple[MarkedModel, ...] = ()
