"""The verifier: every tampering is found, and nothing is found where there was none."""

import random
import uuid
from collections import Counter

import pytest

from domain.audit.entry import ChainedEntry, compute_hash
from domain.audit.verify import Anchor, ChainVerifier, Fault, Finding, Link, verify_chain
from domain.ids import TenantId
from tests.domain.audit.chains import (
    TAMPERINGS,
    TENANT,
    anchor_at,
    fork,
    make_chain,
    rehash,
)

CHAIN = make_chain(200)
END = anchor_at(CHAIN, 200)


def _tampered(seed: int) -> tuple[str, Finding | None]:
    rng = random.Random(seed)  # noqa: S311  # no secret
    tamper = TAMPERINGS[seed % len(TAMPERINGS)]
    return tamper.__name__, verify_chain(TENANT, tamper(list(CHAIN), rng), [END])


@pytest.mark.parametrize(
    "count", [600, pytest.param(10_000, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_every_tampering_is_found(count: int) -> None:
    results = [_tampered(seed) for seed in range(count)]
    assert [seed for seed, (_, finding) in enumerate(results) if finding is None] == []
    kinds = Counter(name for name, _ in results)
    assert set(kinds) == {"edit", "drop", "swap", "truncate", "fork", "insert"}
    assert min(kinds.values()) >= count // 6
    assert {finding.fault for _, finding in results if finding} == set(Fault)


@pytest.mark.parametrize("length", [0, 1, 2, 200])
def test_what_was_not_tampered_with_is_in_order(length: int) -> None:
    chain = CHAIN[:length]
    anchors = [anchor_at(chain, number) for number in range(1, length + 1, 7)]
    assert verify_chain(TENANT, chain, anchors) is None


def test_what_was_added_since_the_export_is_in_order() -> None:
    assert verify_chain(TENANT, CHAIN, [anchor_at(CHAIN, 150)]) is None


@pytest.mark.parametrize(
    ("tampered", "fault", "message"),
    [
        (
            [*CHAIN[:4], CHAIN[4]._replace(actor="user:9"), *CHAIN[5:]],
            Fault.EDITED,
            "entry 5 was changed: its hash is not its own",
        ),
        (
            [*CHAIN[:4], *CHAIN[5:]],
            Fault.MISSING,
            "entry 5 is not there: entry 6 comes in its place",
        ),
        (
            [*CHAIN[:5], CHAIN[4], *CHAIN[5:]],
            Fault.REPEATED,
            "two entries have the number 5",
        ),
        (
            [*CHAIN[:5], CHAIN[1], *CHAIN[5:]],
            Fault.OUT_OF_ORDER,
            "entry 2 comes after entry 5",
        ),
        (
            [*CHAIN[:3], *rehash([*CHAIN[:3], CHAIN[9]], 3)[3:], *CHAIN[4:]],
            Fault.WRONG_PREVIOUS,
            "entry 5 does not follow the one before it",
        ),
        (
            [CHAIN[0]._replace(tenant=bytes(16)), *CHAIN[1:]],
            Fault.FOREIGN,
            "entry 1 is of another agency",
        ),
        (
            CHAIN[:7],
            Fault.SHORTER,
            "the chain ends at entry 7, but the export knows entry 200",
        ),
        (
            rehash([CHAIN[1], *CHAIN[1:]], 0),
            Fault.FORKED,
            (
                "entry 200 is another one than the export knows:"
                " the chain was written anew, here or before"
            ),
        ),
    ],
)
def test_the_first_bad_entry_is_named(
    tampered: list[ChainedEntry], fault: Fault, message: str
) -> None:
    finding = verify_chain(TENANT, tampered, [END])
    assert finding is not None
    assert (finding.fault, finding.message) == (fault, message)


def test_entries_alone_do_not_show_a_cut_or_a_fork() -> None:
    """Why there are anchors: this is the limit that ADR-0018 states."""
    assert verify_chain(TENANT, CHAIN[:100]) is None
    rng = random.Random(1)  # noqa: S311  # no secret
    assert verify_chain(TENANT, fork(list(CHAIN), rng)) is None


def test_a_fork_after_the_last_anchor_is_not_found() -> None:
    forked = rehash([*CHAIN[:150], *(one._replace(actor="user:9") for one in CHAIN[150:])], 150)
    assert verify_chain(TENANT, forked, [anchor_at(CHAIN, 150)]) is None
    finding = verify_chain(TENANT, forked, [anchor_at(CHAIN, 151)])
    assert finding is not None
    assert (finding.fault, finding.sequence) == (Fault.FORKED, 151)


def test_batches_change_nothing() -> None:
    verifier = ChainVerifier(TENANT, [anchor_at(CHAIN, 3), anchor_at(CHAIN, 3), END])
    for start in range(0, 200, 3):
        assert verifier.feed(CHAIN[start : start + 3]) is None
    assert verifier.finish() is None
    assert (verifier.last, verifier.anchors_met) == (Link(200, CHAIN[-1].hash), 3)


def test_nothing_is_looked_at_after_the_first_bad_entry() -> None:
    verifier = ChainVerifier(TENANT)
    first = verifier.feed(CHAIN[1:2])
    assert first is not None
    assert verifier.feed(CHAIN[:1]) is first
    assert verifier.finish() is first


def test_goes_on_from_a_trusted_link() -> None:
    start = Link(150, CHAIN[149].hash)
    anchors = [anchor_at(CHAIN, 100), anchor_at(CHAIN, 150), END]
    verifier = ChainVerifier(TENANT, anchors, start=start)
    assert verifier.feed(CHAIN[150:]) is None
    assert (verifier.finish(), verifier.anchors_met) == (None, 2)


def test_a_trusted_link_of_another_chain_is_told() -> None:
    wrong = Anchor(Link(150, bytes(32)), "the checkpoint")
    verifier = ChainVerifier(TENANT, [wrong], start=Link(150, CHAIN[149].hash))
    assert verifier.feed(CHAIN[150:]) == verifier.finish()
    assert verifier.finish() is not None


def test_a_whole_chain_of_another_agency_is_told() -> None:
    finding = verify_chain(TenantId(uuid.UUID(int=8)), CHAIN)
    assert finding is not None
    assert (finding.fault, finding.sequence) == (Fault.FOREIGN, 1)


def test_a_chain_with_right_hashes_and_wrong_numbers_is_told() -> None:
    linked = CHAIN[4]._replace(sequence=7)
    numbered = [*CHAIN[:4], linked._replace(hash=compute_hash(linked))]
    finding = verify_chain(TENANT, numbered)
    assert finding is not None
    assert (finding.fault, finding.sequence) == (Fault.MISSING, 5)
