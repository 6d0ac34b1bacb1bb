"""Certificates are issued one after the other, signed, recorded, and never changed."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import ProgrammingError

from domain.ids import public_id
from domain.privacy.certificate import UnfitEvidenceError
from domain.privacy.certificate_trail import hold_against_trail
from domain.privacy.evidence import (
    ErasureEvidence,
    RecipientAnswer,
    RecipientNotice,
    Rescan,
    RescanMoment,
    Treatment,
    TreatmentAction,
)
from domain.privacy.rights import RequestOutcome
from domain.privacy.verify_certificate import TrustedKeys, VerifiedCertificate, verify_certificate
from gdpr.evidence.desk import CertificateDesk
from gdpr.evidence.keys import PACE, EvidenceKeys
from tenancy.audit import iter_chain
from tenancy.session import Database
from tenancy.tables import AuditEntry, Certificate, SigningKey
from tenancy.vault import MasterKey, MasterKeyError
from tests.domain.privacy.certificates import EVIDENCE
from tests.tenancy.privacy.agency import AGENCY, NOON, REQUEST, People, people

__all__ = ["people"]

pytestmark = pytest.mark.anyio

OURS = dataclasses.replace(
    EVIDENCE,
    request_id=REQUEST,
    request=public_id("req", REQUEST),
    agency=public_id("ten", AGENCY),
)


@dataclass(slots=True)
class Evidence:
    """The desk of an agency at a time that the tests set."""

    people: People
    now: dt.datetime = NOON
    seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def database(self) -> Database:
        return self.people.database

    @property
    def desk(self) -> CertificateDesk:
        return CertificateDesk(self.keys(), lambda: self.now, self.people.ids)

    def keys(self, master_key: bytes = b"m" * 32) -> EvidenceKeys:
        make = lambda size: bytes([next(self.seeds)]) * size  # noqa: E731
        return EvidenceKeys(MasterKey(master_key), lambda: self.now, make)

    async def issue(self, evidence: ErasureEvidence = OURS) -> Certificate:
        async with self.database.session(AGENCY) as session:
            return await self.desk.issue(session, evidence, actor="job:erase")

    async def verified(
        self, certificate: Certificate, trusted: TrustedKeys | None = None
    ) -> VerifiedCertificate:
        async with self.database.session(AGENCY) as session:
            data = await self.desk.write_file(session, certificate)
        verdict = verify_certificate(data, trusted or TrustedKeys(frozenset({certificate.kid})))
        assert verdict.certificate is not None, verdict.reason
        return verdict.certificate

    async def held(self, certificate: Certificate) -> tuple[int, int, str]:
        """Number of its entry, length of the trail, and what speaks against it."""
        checked = await self.verified(certificate)
        async with self.database.session(AGENCY) as session:
            entries = [entry async for batch in iter_chain(session) for entry in batch]
        verdict = hold_against_trail(checked, entries)
        return verdict.sequence, verdict.length, verdict.reason


@pytest.fixture
async def evidence(people: People) -> Evidence:
    return Evidence(people)


def _with_rescan_done(evidence: ErasureEvidence) -> ErasureEvidence:
    done = Rescan(RescanMoment.MATERIALISATION, done_at=NOON, found=0)
    return dataclasses.replace(evidence, rescans=(*evidence.rescans[:2], done))


async def test_what_is_issued_verifies_and_stands_in_the_trail(evidence: Evidence) -> None:
    certificate = await evidence.issue()
    checked = await evidence.verified(certificate)
    assert checked.digest == certificate.digest
    assert checked.statement["request"]["id"] == OURS.request
    assert checked.statement["certificate"] == {
        "issuedAt": "2026-03-01T12:00:00Z",
        "number": 1,
        "previous": None,
        "replaces": None,
        "revision": 1,
    }
    assert checked.statement["auditTrail"] == {"hash": "00" * 32, "sequence": 0}
    async with evidence.database.session(AGENCY) as session:
        entry = (await session.scalars(select(AuditEntry))).one()
    assert (entry.actor, entry.action, entry.object_kind, entry.object_id, entry.details) == (
        "job:erase",
        "certificate.issued",
        "certificate",
        str(certificate.id),
        {
            "hash": certificate.digest.hex(),
            "number": 1,
            "request": OURS.request,
            "revision": 1,
        },
    )
    assert await evidence.held(certificate) == (1, 1, "")


async def test_a_later_state_is_a_revision_that_names_the_former(evidence: Evidence) -> None:
    first = await evidence.issue()
    evidence.now += dt.timedelta(days=1)
    second = await evidence.issue(_with_rescan_done(OURS))
    said = (await evidence.verified(second)).statement
    assert said["certificate"]["revision"] == 2
    assert said["certificate"]["replaces"] == first.digest.hex()
    assert said["certificate"]["previous"] == first.digest.hex()
    assert said["auditTrail"]["sequence"] == 1
    assert await evidence.held(second) == (2, 2, "")
    assert await evidence.held(first) == (1, 2, "it was replaced: revision 2 is the newest")


async def test_the_same_evidence_again_is_the_same_certificate(evidence: Evidence) -> None:
    first = await evidence.issue()
    evidence.now += dt.timedelta(hours=1)
    again = await evidence.issue()
    assert again.id == first.id
    async with evidence.database.session(AGENCY) as session:
        assert await session.scalar(select(func.count()).select_from(Certificate)) == 1
        assert await session.scalar(select(func.count()).select_from(AuditEntry)) == 1


async def test_a_try_more_to_reach_a_recipient_is_no_news(evidence: Evidence) -> None:
    waiting = RecipientNotice("tiktok", RecipientAnswer.WAITING, next_try_at=NOON)
    later = dataclasses.replace(waiting, next_try_at=NOON + dt.timedelta(hours=6))
    first = await evidence.issue(dataclasses.replace(OURS, recipients=(waiting,)))
    assert (await evidence.issue(dataclasses.replace(OURS, recipients=(later,)))).id == first.id
    refused = dataclasses.replace(waiting, answer=RecipientAnswer.REFUSED, answered_at=NOON)
    second = await evidence.issue(dataclasses.replace(OURS, recipients=(refused,)))
    assert second.revision == 2


async def test_after_a_revocation_the_same_evidence_is_signed_anew(evidence: Evidence) -> None:
    first = await evidence.issue()
    async with evidence.database.session(AGENCY) as session:
        key = await session.get_one(SigningKey, first.kid)
        key.revoked_at = key.retired_at = evidence.now
    second = await evidence.issue()
    assert (second.revision, second.kid == first.kid) == (2, False)
    await evidence.verified(second)


async def test_many_at_once_are_numbered_without_gaps_and_chained(evidence: Evidence) -> None:
    closed = [
        dataclasses.replace(OURS, closed_at=NOON + dt.timedelta(hours=hour), outcome=outcome)
        for hour in range(6)
        for outcome in (RequestOutcome.DONE, RequestOutcome.PARTLY)
    ]
    await asyncio.gather(*map(evidence.issue, closed))
    async with evidence.database.session(AGENCY) as session:
        rows = (await session.scalars(select(Certificate).order_by(Certificate.number))).all()
    assert [(row.number, row.revision) for row in rows] == [(n, n) for n in range(1, 13)]
    said = [(await evidence.verified(row)).statement["certificate"] for row in rows]
    assert [one["previous"] for one in said] == [None, *(row.digest.hex() for row in rows[:-1])]
    assert len({row.kid for row in rows}) == 1
    assert (await evidence.held(rows[-1]))[2] == ""


async def test_a_rolled_back_transaction_leaves_nothing(evidence: Evidence) -> None:
    with contextlib.suppress(RuntimeError):
        async with evidence.database.session(AGENCY) as session:
            await evidence.desk.issue(session, OURS, actor="job:erase")
            raise RuntimeError
    async with evidence.database.session(AGENCY) as session:
        assert (await session.scalars(select(Certificate))).all() == []
        assert (await session.scalars(select(AuditEntry))).all() == []


async def test_nobody_may_change_or_delete_a_certificate(evidence: Evidence) -> None:
    await evidence.issue()
    for statement in (update(Certificate).values(revision=9), delete(Certificate)):
        with pytest.raises(ProgrammingError, match="permission denied for table certificates"):
            async with evidence.database.session(AGENCY) as session:
                await session.execute(statement)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"agency": public_id("ten", REQUEST)},
            "evidence of an erasure names another agency",
        ),
        (
            {"subject": "ada@northwind.example"},
            "the subject of an erasure is named by something else than sp_...",
        ),
        ({"plan_hash": "0F" * 32}, "the hash of the plan is no SHA-256 in hexadecimal"),
        (
            {"treatments": (Treatment("models", "forecast", TreatmentAction.KEEP),)},
            "models forecast stays, and nothing says why",
        ),
        ({"closed_at": NOON}, "a request is closed if and only if it has an outcome"),
        (
            {"rescans": (Rescan(RescanMoment.INGEST, found=0),)},
            "a rescan is done if and only if it has found so many",
        ),
        (
            {"countersigned_by": "ada@northwind.example"},
            "evidence of an erasure holds an e-mail address",
        ),
    ],
)
async def test_evidence_that_is_unfit_becomes_no_certificate(
    evidence: Evidence, change: dict[str, object], why: str
) -> None:
    with pytest.raises(UnfitEvidenceError) as caught:
        await evidence.issue(dataclasses.replace(OURS, **change))  # type: ignore[arg-type]
    assert caught.value.message == why


async def test_keys_rotate_with_overlap_and_old_certificates_hold(evidence: Evidence) -> None:
    first = await evidence.issue()
    evidence.now = NOON + PACE.signs_for - PACE.publish_ahead
    second = await evidence.issue(_with_rescan_done(OURS))
    assert second.kid == first.kid
    async with evidence.database.session(AGENCY) as session:
        published = await evidence.keys().public_keys(session)
    assert [key.jwk["kid"] == first.kid for key in published] == [False, True]
    evidence.now += PACE.publish_ahead
    third = await evidence.issue()
    assert third.kid == published[0].jwk["kid"]
    async with evidence.database.session(AGENCY) as session:
        keys = await evidence.keys().public_keys(session)
    assert [key.retired_at for key in keys] == [None, evidence.now]
    known = TrustedKeys(frozenset(key.jwk["kid"] for key in keys))
    for certificate in (first, second, third):
        await evidence.verified(certificate, known)


async def test_a_key_put_into_the_table_is_not_believed(evidence: Evidence) -> None:
    """Whoever can write there, but lacks the master key, signs nothing in our name."""
    certificate = await evidence.issue()
    foreign = evidence.keys(b"x" * 32)
    async with evidence.database.session(AGENCY) as session:
        key = await session.get_one(SigningKey, certificate.kid)
        key.retired_at = evidence.now
        await session.flush()
        await foreign.signer(session)
        ours = await evidence.keys().public_keys(session)
    assert [one.jwk["kid"] for one in ours] == [certificate.kid]


async def test_another_master_key_signs_nothing(evidence: Evidence) -> None:
    await evidence.issue()
    desk = dataclasses.replace(evidence.desk, keys=evidence.keys(b"x" * 32))
    with pytest.raises(MasterKeyError):
        async with evidence.database.session(AGENCY) as session:
            await desk.issue(session, _with_rescan_done(OURS), actor="job:erase")
