"""The independent check: every tampering fails, for the reason that is told; nothing else does."""

import base64
import dataclasses
import json
import random
from collections import Counter
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from joserfc import jws
from joserfc.jwk import OKPKey

from domain.privacy.canonical_json import canonical_json, readable_json
from domain.privacy.certificate import hash_of, state_erasure, write_file
from domain.privacy.verify_certificate import TrustedKeys, thumbprint_of, verify_certificate
from tests.domain.privacy.certificates import (
    CLOSED,
    EVIDENCE,
    MARKED,
    OTHER_KEY,
    OUR_KEY,
    PLACE,
    TAMPERINGS,
    file_of,
    sign,
)

MODEL = {
    "kind": "forecast",
    "version": 1,
    "retrainBy": "2026-11-30T10:00:00Z",
    "retrainedAt": None,
}
OURS = TrustedKeys(frozenset({OUR_KEY.kid}))
FILE = file_of()


def _spoilt(seed: int) -> tuple[str, str]:
    """How it was tampered with, and the reason that is told."""
    tamper = TAMPERINGS[seed % len(TAMPERINGS)]
    data = tamper(FILE, random.Random(seed))  # noqa: S311  # no secret
    assert data != FILE, (seed, tamper.__name__)
    verdict = verify_certificate(data, OURS)
    assert (verdict.certificate is None) == bool(verdict.reason)
    return tamper.__name__, verdict.reason


@pytest.mark.parametrize(
    "count", [1_300, pytest.param(10_000, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_every_tampering_fails(count: int) -> None:
    results = [_spoilt(seed) for seed in range(count)]
    assert [seed for seed, (_, reason) in enumerate(results) if not reason] == []
    kinds = Counter(name for name, _ in results)
    assert len(kinds) == 13
    assert min(kinds.values()) >= count // 13


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_every_single_byte_counts(step: int) -> None:
    """Not by chance: each byte of the file once, with one of its bits."""
    accepted = [
        place
        for place in range(0, len(FILE), step)
        if not verify_certificate(
            FILE[:place] + bytes([FILE[place] ^ 1 << place % 8]) + FILE[place + 1 :], OURS
        ).reason
    ]
    assert accepted == []


@pytest.mark.parametrize("evidence", [EVIDENCE, CLOSED], ids=["open", "closed"])
def test_what_was_not_tampered_with_is_in_order(evidence: Any) -> None:
    data = file_of(evidence)
    verdict = verify_certificate(data, OURS)
    assert verdict.reason == ""
    assert verdict.certificate is not None
    assert verdict.certificate.statement == state_erasure(evidence, PLACE)
    assert verdict.certificate.key_id == OUR_KEY.kid
    assert verdict.certificate.digest == hash_of(json.loads(data)["signed"])


def test_without_trusted_keys_the_file_s_own_key_is_told() -> None:
    verdict = verify_certificate(file_of(key=OTHER_KEY))
    assert verdict.certificate is not None
    assert verdict.certificate.key_id == OTHER_KEY.kid


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")  # every reader knows it
def test_another_implementation_reads_it() -> None:
    """joserfc, which nothing of this uses, from the documentation alone."""
    file = json.loads(FILE)
    key = OKPKey.import_key({name: file["publicKey"][name] for name in ("crv", "kty", "x")})
    assert key.thumbprint() == file["publicKey"]["kid"]
    read = jws.deserialize_compact(file["signed"], key, algorithms=["EdDSA"])
    assert json.loads(read.payload) == file["statement"]
    assert read.headers()["typ"] == "bosco-erasure-certificate+jws"


def test_thumbprint_is_that_of_the_standard() -> None:
    """RFC 8037 appendix A.3."""
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert (
        thumbprint_of({"kty": "OKP", "crv": "Ed25519", "x": x})
        == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    )


def _file(**changes: Any) -> bytes:
    return readable_json({**json.loads(FILE), **changes})


def _signed_statement(**changes: Any) -> bytes:
    """A file whose contents we signed, although they are not as they should be."""
    statement = {**state_erasure(EVIDENCE, PLACE), **changes}
    return write_file(statement, sign(statement), OUR_KEY.jwk)


def _signed_bytes(payload: bytes) -> bytes:
    header = json.loads(FILE)["signed"].split(".")[0]
    text = f"{header}.{_base64(payload)}"
    signature = _base64(OUR_KEY.private.sign(text.encode()))
    return _file(signed=f"{text}.{signature}")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


STATEMENT = state_erasure(EVIDENCE, PLACE)
SAID: Any = STATEMENT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file cannot be read: it is no JSON: Expecting value in line 1"),
        (b"\xff", "the file cannot be read: it is no JSON in UTF-8"),
        (b"[" * 100_000, "the file cannot be read: it is no JSON in UTF-8"),
        (b'{"a": 1.0}', "the file cannot be read: it holds a number that is not whole"),
        (b'{"a": 1, "a": 1}', "the file cannot be read: a name stands twice in an object"),
        (b" " * (16 * 1024 * 1024 + 1), "the file is too large"),
        (b"[]\n", "the file is no bosco-erasure-certificate-1"),
        (_file(format="bosco-erasure-certificate-2"), "the file is no bosco-erasure-certificate-1"),
        (_file(more=1), "the file is no bosco-erasure-certificate-1"),
        (_file(publicKey=None), "the file brings no public key"),
        (_file(publicKey={**OUR_KEY.jwk, "d": "x"}), "the file brings no public key"),
        (
            _file(publicKey={**OUR_KEY.jwk, "kty": "EC"}),
            "its key cannot be used: it is no Ed25519 key",
        ),
        (
            _file(publicKey={**OTHER_KEY.jwk, "kid": OUR_KEY.kid}),
            "its key has another id than it says",
        ),
        (
            file_of(key=OTHER_KEY),
            f"it is signed by key {OTHER_KEY.kid}, which is not trusted",
        ),
        (_file(signed="a.b"), "its signed part is none"),
        (_file(signed=7), "its signed part is none"),
        (_file(signed="\u00e9.b.c"), "its signed part cannot be read"),
        (_file(signed="YR.YQ.YQ"), "its signed part cannot be read"),
        (_file(signed="YQ.YQ.YQ"), "its signed part is of another kind, or by another key"),
        (
            _file(statement={**SAID, "policy": "gdpr-2027"}),
            "the readable part is not what was signed: policy differs",
        ),
        (
            _file(statement={**SAID, "rescans": SAID["rescans"][:3]}),
            "the readable part is not what was signed: rescans differs",
        ),
        (
            _file(statement={**SAID, "certificate": {**SAID["certificate"], "number": True}}),
            "the readable part is not what was signed: certificate.number differs",
        ),
        (_file(statement=[]), "the readable part is not what was signed: all of it differs"),
        (
            FILE.replace(b"\n", b"\r\n"),
            "the file was written anew: take it from where it was put, unchanged",
        ),
        (_signed_bytes(b"{"), (
            "what is signed cannot be read: it is no JSON: Expecting property name enclosed in"
            " double quotes in line 1"
        )),
        (
            _signed_bytes(json.dumps(STATEMENT).encode()),
            "what is signed is not written in the canonical way",
        ),
        (_signed_bytes(b"7"), "what is signed is no certificate: it is no object"),
        (
            _signed_statement(extra=1),
            "what is signed is no certificate: extra is not known",
        ),
        (
            _signed_statement(subject="ada"),
            "what is signed is no certificate: subject is no pseudonym",
        ),
        (
            _signed_statement(certificate={**SAID["certificate"], "replaces": None}),
            (
                "what is signed is no certificate: certificate.replaces does not go with"
                " certificate.revision"
            ),
        ),
        (
            _signed_statement(request={**SAID["request"], "dueAt": "2026-02-30T00:00:00Z"}),
            "what is signed is no certificate: request.dueAt is no instant",
        ),
        (
            _signed_statement(request={**SAID["request"], "closedAt": "2026-11-30T00:00:00Z"}),
            (
                "what is signed is no certificate: request.closedAt does not go with"
                " request.outcome"
            ),
        ),
        (
            _signed_statement(rescans=[{"moment": "erasure", "dueAt": None, "doneAt": None}]),
            "what is signed is no certificate: rescans[0].found is missing",
        ),
        (
            _signed_statement(
                plan={
                    "hash": "00" * 32,
                    "treatments": [
                        {"store": "a", "place": "b", "action": "keep", "reason": ""},
                    ],
                }
            ),
            (
                "what is signed is no certificate: plan.treatments[0] stays, and nothing says"
                " why"
            ),
        ),
        (
            _signed_statement(erased=[{**SAID["erased"][0], "count": True}]),
            "what is signed is no certificate: erased[0].count is no number of something",
        ),
    ],
)  # fmt: skip
def test_the_first_reason_is_told(data: bytes, reason: str) -> None:
    verdict = verify_certificate(data, OURS)
    assert (verdict.certificate, verdict.reason) == (None, reason)


@pytest.mark.parametrize(
    ("models", "flaw"),
    [
        ([], "models is empty"),
        (None, "models is no list"),
        ([MODEL | {"retrainBy": None}], "models[0].retrainBy is no instant"),
        ([MODEL | {"version": 0}], "models[0].version is no number from 1 on"),
        ([MODEL | {"agency": "x"}], "models[0].agency is not known"),
        ([MODEL, {"kind": "forecast"}], "models[1].retrainBy is missing"),
    ],
)
def test_models_are_told_whole_or_not_at_all(models: Any, flaw: str) -> None:
    verdict = verify_certificate(_signed_statement(models=models), OURS)
    assert verdict.reason == f"what is signed is no certificate: {flaw}"
    assert verify_certificate(_signed_statement(models=[MODEL]), OURS).certificate is not None


def test_models_cannot_be_taken_out_or_put_in() -> None:
    """A certificate without them is one as it was before there were models."""
    with_models, without = json.loads(file_of(MARKED)), json.loads(FILE)
    assert "models" not in without["statement"]
    for file, other in ((with_models, without), (without, with_models)):
        shown = {**file, "statement": other["statement"]}
        verdict = verify_certificate(readable_json(shown), OURS)
        assert verdict.reason == ("the readable part is not what was signed: models differs")
    rng = random.Random(5)  # noqa: S311  # no secret
    for tamper in TAMPERINGS:
        assert verify_certificate(tamper(file_of(MARKED), rng), OURS).certificate is None


def test_a_revoked_key_proves_nothing_even_if_it_is_among_the_valid_ones() -> None:
    revoked = TrustedKeys(frozenset({OUR_KEY.kid}), frozenset({OUR_KEY.kid}))
    verdict = verify_certificate(FILE, revoked)
    assert verdict.reason == f"its key {OUR_KEY.kid} was revoked: others may have had it"


def test_a_signature_under_another_statement_of_ours_does_not_fit() -> None:
    other = sign(state_erasure(CLOSED, PLACE)).split(".")
    mine = json.loads(FILE)["signed"].split(".")
    verdict = verify_certificate(_file(signed=".".join((*mine[:2], other[2]))), OURS)
    assert verdict.reason == "its signature does not fit: what it says was changed"


def test_a_signature_is_over_exactly_these_bytes() -> None:
    """RFC 7515 section 5.1: header, dot, payload, each in base64url."""
    header, payload, signature = json.loads(FILE)["signed"].split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    OUR_KEY.private.public_key().verify(raw, f"{header}.{payload}".encode())
    with pytest.raises(InvalidSignature):
        OUR_KEY.private.public_key().verify(raw, canonical_json(STATEMENT))


def test_an_older_revision_alone_is_in_order() -> None:
    """Why the trail is asked too: by itself a file does not know what came after it."""
    older = dataclasses.replace(PLACE, revision=1, replaces=None)
    assert verify_certificate(file_of(EVIDENCE, older), OURS).reason == ""
