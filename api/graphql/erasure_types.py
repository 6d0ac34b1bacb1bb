"""What an erasure will do, did, and still waits for, as callers see it."""

import datetime as dt

import strawberry

from api.graphql.scalars import Count
from domain.ids import public_id
from domain.privacy.evidence import CountUnit, RescanMoment, ResidualKind, TreatmentAction
from domain.privacy.evidence import ErasedCount as CountOf
from domain.privacy.evidence import Treatment as TreatmentOf
from gdpr.desk.preview import Preview
from gdpr.erasure.outcome import ErasureOutcome
from tenancy.tables import Certificate as CertificateRow
from tenancy.tables import NoticeState
from tenancy.tables import RecipientNotice as NoticeRow

__all__ = [
    "ErasureEvidence",
    "ErasureNotice",
    "ErasurePreview",
    "PrivacyCertificate",
    "certificate_of",
    "evidence_of",
    "notice_of",
    "preview_of",
]

strawberry.enum(
    TreatmentAction,
    name="ErasureAction",
    description="ANONYMISE: rows stay and tell of nobody. SHRED: their key is gone.",
)
strawberry.enum(CountUnit, name="ErasureUnit", description="What is counted.")
strawberry.enum(RescanMoment, name="RescanMoment", description="When every store is searched.")
strawberry.enum(ResidualKind, name="ResidualKind", description="What keeps data for a while.")
strawberry.enum(NoticeState, name="RecipientNoticeState", description="What became of telling.")


@strawberry.type(name="ErasureTreatment", description="What becomes of one place.")
class Treatment:
    """See the description."""

    store: str
    place: str
    action: TreatmentAction
    reason: str = strawberry.field(description="Why it stays, or stays in part; may be empty.")


@strawberry.type(name="ErasureFound", description="How many rows of a kind are about somebody.")
class Found:
    """See the description."""

    title: str
    rows: Count


@strawberry.type(description="What erasing a person comes to, before it is done.")
class ErasurePreview:
    """See the description."""

    plan_hash: str
    total: Count = strawberry.field(description="Rows about the person now.")
    found: list[Found]
    treatments: list[Treatment]


@strawberry.type(name="ErasureCount", description="How much was erased at one place.")
class Erased:
    """See the description."""

    store: str
    place: str
    unit: CountUnit
    count: Count


@strawberry.type(name="ErasureRescan", description="A search of every store.")
class Rescan:
    """See the description."""

    moment: RescanMoment
    due_at: dt.datetime | None = strawberry.field(description="At the latest.")
    done_at: dt.datetime | None
    found: Count | None = strawberry.field(description="null: it is not done yet.")


@strawberry.type(name="ErasureResidual", description="What still exists, and until when.")
class Residual:
    """See the description."""

    store: str
    kind: ResidualKind
    ends_at: dt.datetime


@strawberry.type(description="How far an erasure is, and what it did.")
class ErasureEvidence:
    """See the description."""

    plan_hash: str
    finished_at: dt.datetime | None
    treatments: list[Treatment]
    counts: list[Erased]
    residuals: list[Residual]
    rescans: list[Rescan]


@strawberry.type(description="What somebody who was given the data was told.")
class ErasureNotice:
    """See the description."""

    recipient: str
    state: NoticeState
    sent_at: dt.datetime | None
    ended_at: dt.datetime | None


@strawberry.type(description="A signed certificate; `bosco gdpr certificate` writes its file.")
class PrivacyCertificate:
    """See the description."""

    number: Count
    revision: int
    request_id: strawberry.ID
    issued_at: dt.datetime
    digest: str = strawberry.field(description="SHA-256 of what is signed, hexadecimal.")
    key: str = strawberry.field(description="Id of the key that signed.")


def preview_of(found: Preview) -> ErasurePreview:
    """A preview as callers see it."""
    return ErasurePreview(
        plan_hash=found.plan_hash,
        total=Count(found.total),
        found=[Found(title=one.title, rows=Count(one.rows)) for one in found.found],
        treatments=[_treatment(one) for one in found.treatments],
    )


def evidence_of(found: ErasureOutcome) -> ErasureEvidence:
    """The outcome of a run as callers see it."""
    return ErasureEvidence(
        plan_hash=found.plan_hash,
        finished_at=found.finished_at,
        treatments=[_treatment(one) for one in found.treatments],
        counts=[_count(one) for one in found.counts],
        residuals=[
            Residual(store=one.store, kind=one.kind, ends_at=one.ends_at) for one in found.residuals
        ],
        rescans=[
            Rescan(
                moment=one.moment,
                due_at=one.due_at,
                done_at=one.done_at,
                found=None if one.found is None else Count(one.found),
            )
            for one in found.rescans
        ],
    )


def notice_of(recipient: str, row: NoticeRow) -> ErasureNotice:
    """A notice as callers see it."""
    return ErasureNotice(
        recipient=recipient, state=row.state, sent_at=row.sent_at, ended_at=row.ended_at
    )


def certificate_of(row: CertificateRow) -> PrivacyCertificate:
    """A certificate as callers see it."""
    return PrivacyCertificate(
        number=Count(row.number),
        revision=row.revision,
        request_id=strawberry.ID(public_id("req", row.request_id)),
        issued_at=row.issued_at,
        digest=row.digest.hex(),
        key=row.kid,
    )


def _treatment(one: TreatmentOf) -> Treatment:
    return Treatment(store=one.store, place=one.place, action=one.action, reason=one.reason)


def _count(one: CountOf) -> Erased:
    return Erased(store=one.store, place=one.place, unit=one.unit, count=Count(one.count))
