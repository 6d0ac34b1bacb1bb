"""A certificate and the trail of its agency vouch for each other; newer revisions are found."""

import dataclasses
import json
import random
from typing import Any

import pytest

from domain.audit.entry import ChainedEntry
from domain.audit.verify import Link
from domain.privacy.certificate import CertificatePlace
from domain.privacy.certificate_summary import explain, summarise
from domain.privacy.certificate_trail import TrailVerdict, hold_against_trail
from domain.privacy.evidence import ErasureEvidence
from domain.privacy.verify_certificate import VerifiedCertificate, verify_certificate
from tests.domain.audit.chains import Chain, make_chain, rehash
from tests.domain.privacy.certificates import EVIDENCE, MARKED, OUR_KEY, PLACE, file_of


def _verified(place: CertificatePlace, evidence: ErasureEvidence = EVIDENCE) -> VerifiedCertificate:
    found = verify_certificate(file_of(evidence, place)).certificate
    assert found is not None
    return found


def _entry(chain: Chain, digest: bytes, number: int, revision: int, **more: Any) -> Chain:
    details = {"hash": digest.hex(), "number": number, "revision": revision}
    details["request"] = EVIDENCE.request
    text = json.dumps({**details, **more})
    new = chain[0]._replace(action="certificate.issued", details=text)
    return rehash([*chain, new], len(chain))


def _agency() -> tuple[list[VerifiedCertificate], Chain]:
    """Three revisions for one request, with other entries between them."""
    chain, made = make_chain(5), []
    previous: bytes | None = None
    for number in (1, 2, 3):
        place = dataclasses.replace(
            PLACE,
            number=number,
            revision=number,
            previous=previous,
            replaces=previous,
            trail=Link(len(chain), chain[-1].hash),
        )
        certificate = _verified(place)
        made.append(certificate)
        chain = _entry(chain, certificate.digest, number, number)
        chain = rehash([*chain, chain[1]], len(chain))
        previous = certificate.digest
    return made, chain


MADE, CHAIN = _agency()


def test_the_newest_revision_is_found_in_its_place() -> None:
    assert hold_against_trail(MADE[2], CHAIN) == TrailVerdict(10, 11)


@pytest.mark.parametrize(("which", "sequence"), [(0, 6), (1, 8)])
def test_an_older_revision_is_not_the_newest(which: int, sequence: int) -> None:
    verdict = hold_against_trail(MADE[which], CHAIN)
    assert verdict == TrailVerdict(sequence, 11, "it was replaced: revision 3 is the newest")


def test_an_older_revision_holds_against_a_trail_from_before_the_newer_one() -> None:
    assert hold_against_trail(MADE[0], CHAIN[:7]) == TrailVerdict(6, 7)


def _without(chain: Chain, place: int) -> Chain:
    return rehash([*chain[:place], *chain[place + 1 :]], place)


@pytest.mark.parametrize(
    ("certificate", "chain", "reason"),
    [
        (MADE[2], CHAIN[:9], "the audit trail does not name it"),
        (MADE[2], CHAIN[:3], "the audit trail has another entry 9"),
        (MADE[2], [], "the audit trail has another entry 9"),
        (MADE[2], _without(CHAIN, 7), "the audit trail has another entry 9"),
        (
            MADE[2],
            rehash([CHAIN[0]._replace(actor="user:evil"), *CHAIN[1:]], 0),
            "the audit trail has another entry 9",
        ),
        (
            MADE[0],
            [one._replace(tenant=bytes(16)) for one in CHAIN[:7]],
            "the audit trail is of another agency",
        ),
        (
            MADE[2],
            _entry(CHAIN, MADE[2].digest, 3, 3),
            "the audit trail names it twice",
        ),
        (
            _verified(dataclasses.replace(PLACE, trail=Link())),
            CHAIN,
            "the audit trail does not name it",
        ),
    ],
)
def test_what_speaks_against_it_is_told(
    certificate: VerifiedCertificate, chain: list[ChainedEntry], reason: str
) -> None:
    assert hold_against_trail(certificate, chain).reason == reason


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ({"previous": b"\x09" * 32}, "certificate 2 of the agency is another one"),
        ({"replaces": b"\x09" * 32}, "revision 2 of it is another one"),
        ({"number": 5}, "certificate 4 of the agency is another one"),
    ],
)
def test_certificates_that_were_put_in_another_order_do_not_hold(
    place: dict[str, Any], reason: str
) -> None:
    """A trail that names it, although the chain of certificates is another one."""
    right: dict[str, Any] = {
        "number": 3,
        "revision": 3,
        "previous": MADE[1].digest,
        "replaces": MADE[1].digest,
        "trail": Link(9, CHAIN[8].hash),
    }
    certificate = _verified(dataclasses.replace(PLACE, **(right | place)))
    number = certificate.statement["certificate"]["number"]
    named = _entry(list(CHAIN[:9]), certificate.digest, number, 3)
    assert hold_against_trail(certificate, named).reason == reason


def test_a_certificate_that_the_trail_names_before_it_was_made() -> None:
    chain = CHAIN[:9]
    later = dataclasses.replace(PLACE, number=3, revision=3, previous=MADE[1].digest)
    later = dataclasses.replace(later, replaces=MADE[1].digest, trail=Link(12, b"\x05" * 32))
    certificate = _verified(later)
    named = _entry(list(chain), certificate.digest, 3, 3)
    named = rehash([*named, *make_chain(2)], len(named))
    end = named[-1]._replace(hash=b"\x05" * 32)
    verdict = hold_against_trail(certificate, [*named[:-1], end])
    assert verdict.reason == "the audit trail names it before it was made"


def test_a_trail_with_any_issued_entry_changed_fails() -> None:
    """Two hundred seeds: hash, number or revision of one of the entries that name certificates."""
    for seed in range(200):
        rng = random.Random(seed)  # noqa: S311  # no secret
        place = rng.choice([5, 7, 9])
        details = json.loads(CHAIN[place].details)
        match rng.choice(["hash", "number", "revision"]):
            case "hash":
                details["hash"] = details["hash"][::-1]
            case name:
                details[name] += rng.choice([4, -4])  # neither is one of another entry
        changed = CHAIN[place]._replace(details=json.dumps(details))
        chain = rehash([*CHAIN[:place], changed, *CHAIN[place + 1 :]], place)
        assert hold_against_trail(MADE[2], chain).reason, (seed, details)


def test_is_summed_up_in_ten_lines() -> None:
    certificate = _verified(PLACE)
    assert summarise(certificate, TrailVerdict(48_113, 48_120)) == [
        (
            f"request     erasure {EVIDENCE.request}, received 2026-11-02 09:14 UTC, agency"
            f" {EVIDENCE.agency}, due 2026-12-02, not closed yet"
        ),
        f"subject     {EVIDENCE.subject} (pseudonym; no personal data in this file)",
        (
            "erased      postgres 14 rows · warehouse 1,204 rows in 2 places (3 jobs) · landing 22"
            " objects rewritten · redis 9 keys · features 3 entities (1 job)"
        ),
        "stays       1 place without the person · 1 place kept",
        "told        google_ads, klaviyo: acknowledged · hubspot: waiting, retry 2026-11-03",
        (
            "remains     warehouse time travel until 2026-11-05 · warehouse fail-safe until"
            " 2026-11-12 · postgres backups until 2026-12-02 (tombstones are replayed on restore)"
        ),
        (
            "rescans     after erasure 0 found · after next ingest 0 found · after next"
            " materialisation: to come · after time travel: due 2026-11-13"
        ),
        "certificate 12 of the agency, revision 2 for this request, made 2026-11-03 06:30 UTC",
        f"chain       entry 48,113 of 48,120 · signature valid (Ed25519, key {OUR_KEY.kid})",
    ]


def test_models_that_are_to_be_made_anew_are_summed_up() -> None:
    lines, plain = summarise(_verified(PLACE, MARKED)), summarise(_verified(PLACE))
    assert lines[6] == (
        "models      2 to be retrained until 2026-11-30 (forecast 3, response 1)"
        " · 1 retrained on 2026-12-01 (forecast 2)"
    )
    assert [*lines[:6], *lines[7:]] == plain


def test_what_stays_is_explained_by_reason() -> None:
    assert explain(_verified(PLACE)) == [
        "models forecast: learnt from sums only",
        "warehouse facts.orders: totals of revenue stay",
    ]


def test_without_a_trail_the_entry_before_it_is_told() -> None:
    line = summarise(_verified(PLACE))[-1]
    assert line == (
        "chain       after entry 48,112 of the agency's audit trail · signature valid"
        f" (Ed25519, key {OUR_KEY.kid})"
    )
