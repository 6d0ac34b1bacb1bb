"""Certificates as they should be, signed by keys that the tests hold, and ways to spoil them."""

import base64
import dataclasses
import datetime as dt
import hashlib
import json
import random
import uuid
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.audit.verify import Link
from domain.ids import public_id
from domain.privacy.canonical_json import canonical_json, readable_json
from domain.privacy.certificate import (
    CertificatePlace,
    join_signature,
    signing_input,
    state_erasure,
    write_file,
)
from domain.privacy.evidence import (
    CountUnit,
    ErasedCount,
    ErasureEvidence,
    MarkedModel,
    RecipientAnswer,
    RecipientNotice,
    Rescan,
    RescanMoment,
    Residual,
    ResidualKind,
    Treatment,
    TreatmentAction,
)
from domain.privacy.rights import RequestOutcome, Right

__all__ = [
    "AGENCY",
    "EVIDENCE",
    "OTHER_KEY",
    "OUR_KEY",
    "PLACE",
    "TAMPERINGS",
    "Key",
    "file_of",
    "sign",
]

AGENCY = uuid.UUID(int=7)


class Key:
    """An Ed25519 key made of a fixed seed."""

    def __init__(self, seed: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        x = _base64(self.private.public_key().public_bytes_raw())
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
        self.kid = _base64(hashlib.sha256(members.encode()).digest())
        self.jwk = {"crv": "Ed25519", "kid": self.kid, "kty": "OKP", "x": x}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


OUR_KEY, OTHER_KEY = Key(1), Key(2)

EVIDENCE = ErasureEvidence(
    request_id=uuid.UUID(int=9),
    request=public_id("req", uuid.UUID(int=9)),
    agency=public_id("ten", AGENCY),
    subject="sp_" + "a2" * 16,
    right=Right.ERASURE,
    received_at=dt.datetime(2026, 11, 2, 9, 14, tzinfo=dt.UTC),
    due_at=dt.datetime(2026, 12, 2, 23, 0, tzinfo=dt.UTC),
    closed_at=None,
    outcome=None,
    countersigned_by="",
    plan_hash="0f" * 32,
    treatments=(
        Treatment("postgres", "subject_identifiers", TreatmentAction.SHRED),
        Treatment("warehouse", "raw.shopify_orders", TreatmentAction.DELETE),
        Treatment("warehouse", "facts.orders", TreatmentAction.ANONYMISE, "totals of revenue stay"),
        Treatment("models", "forecast", TreatmentAction.KEEP, "learnt from sums only"),
    ),
    counts=(
        ErasedCount("postgres", "subject_identifiers", CountUnit.ROWS, 14),
        ErasedCount("warehouse", "raw.shopify_orders", CountUnit.ROWS, 1_200, ("job_1", "job_2")),
        ErasedCount("warehouse", "facts.orders", CountUnit.ROWS, 4, ("job_3",)),
        ErasedCount("landing", "raw.shopify_orders", CountUnit.OBJECTS, 22),
        ErasedCount("redis", "answers", CountUnit.KEYS, 9),
        ErasedCount("features", "customer", CountUnit.ENTITIES, 3, ("run_1",)),
    ),
    recipients=(
        RecipientNotice(
            "google_ads",
            RecipientAnswer.ACKNOWLEDGED,
            dt.datetime(2026, 11, 2, 10, 0, tzinfo=dt.UTC),
            receipt="g-77",
        ),
        RecipientNotice(
            "klaviyo",
            RecipientAnswer.ACKNOWLEDGED,
            dt.datetime(2026, 11, 2, 10, 1, tzinfo=dt.UTC),
        ),
        RecipientNotice(
            "hubspot",
            RecipientAnswer.WAITING,
            next_try_at=dt.datetime(2026, 11, 3, 10, 0, tzinfo=dt.UTC),
        ),
    ),
    residuals=(
        Residual(
            "warehouse", ResidualKind.TIME_TRAVEL, dt.datetime(2026, 11, 5, 10, tzinfo=dt.UTC)
        ),
        Residual("warehouse", ResidualKind.FAIL_SAFE, dt.datetime(2026, 11, 12, 10, tzinfo=dt.UTC)),
        Residual(
            "postgres",
            ResidualKind.BACKUPS,
            dt.datetime(2026, 12, 2, 10, tzinfo=dt.UTC),
            "tombstones are replayed on restore",
        ),
    ),
    rescans=(
        Rescan(RescanMoment.ERASURE, done_at=dt.datetime(2026, 11, 2, 11, tzinfo=dt.UTC), found=0),
        Rescan(RescanMoment.INGEST, done_at=dt.datetime(2026, 11, 3, 6, tzinfo=dt.UTC), found=0),
        Rescan(RescanMoment.MATERIALISATION),
        Rescan(RescanMoment.TIME_TRAVEL, due_at=dt.datetime(2026, 11, 13, 10, tzinfo=dt.UTC)),
    ),
    policy="gdpr-2026-11",
)
MARKED = dataclasses.replace(
    EVIDENCE,
    models=(
        MarkedModel("forecast", 3, dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC)),
        MarkedModel("response", 1, dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC)),
        MarkedModel(
            "forecast",
            2,
            dt.datetime(2026, 11, 30, 10, tzinfo=dt.UTC),
            dt.datetime(2026, 12, 1, 10, tzinfo=dt.UTC),
        ),
    ),
)
CLOSED = dataclasses.replace(
    EVIDENCE,
    closed_at=dt.datetime(2026, 11, 13, 12, tzinfo=dt.UTC),
    outcome=RequestOutcome.DONE,
)
PLACE = CertificatePlace(
    number=12,
    previous=b"\x01" * 32,
    revision=2,
    replaces=b"\x02" * 32,
    trail=Link(48_112, b"\x03" * 32),
    issued_at=dt.datetime(2026, 11, 3, 6, 30, tzinfo=dt.UTC),
)


def sign(statement: dict[str, Any], key: Key = OUR_KEY) -> str:
    """The compact JWS, as the product makes it."""
    signed = signing_input(statement, key.kid)
    return join_signature(signed, key.private.sign(signed))


def file_of(
    evidence: ErasureEvidence = EVIDENCE, place: CertificatePlace = PLACE, key: Key = OUR_KEY
) -> bytes:
    """A whole file that is in order."""
    statement = state_erasure(evidence, place)
    return write_file(statement, sign(statement, key), key.jwk)


# What somebody may do to a file. Each takes the file and gives another one, which is never equal.


def flip_a_bit(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def change_a_byte(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    new = rng.choice([one for one in b' \n\t0123abcZ"\\{}[],:=-_.\x00\xff' if one != data[place]])
    return data[:place] + bytes([new]) + data[place + 1 :]


def drop_bytes(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.randrange(1, 40) :]


def insert_bytes(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return (
        data[:place]
        + rng.choice([b" ", b"\n", b"\xef\xbb\xbf", b"\x00", b"a", b"="])
        + data[place:]
    )


def change_the_readable_part(data: bytes, rng: random.Random) -> bytes:
    """Any one value of it, written as bosco writes."""
    file = json.loads(data)
    _change_somewhere(file["statement"], rng)
    return readable_json(file)


def change_both_parts(data: bytes, rng: random.Random) -> bytes:
    """The same change in what is signed, under the old signature."""
    file = json.loads(data)
    _change_somewhere(file["statement"], rng)
    header, _, signature = file["signed"].split(".")
    file["signed"] = ".".join((header, _base64(canonical_json(file["statement"])), signature))
    return readable_json(file)


def sign_anew(data: bytes, rng: random.Random) -> bytes:
    """A change that somebody else signs, whole in itself; sometimes under our key's name."""
    file = json.loads(data)
    _change_somewhere(file["statement"], rng)
    file["signed"] = sign(file["statement"], OTHER_KEY)
    match rng.randrange(3):
        case 0:
            file["publicKey"] = OTHER_KEY.jwk
        case 1:
            file["publicKey"] = {**OTHER_KEY.jwk, "kid": OUR_KEY.kid}
        case _:
            pass
    return readable_json(file)


def swap_parts(data: bytes, rng: random.Random) -> bytes:
    """Parts of another certificate of ours: its signed part, its readable part, its signature."""
    other_place = dataclasses.replace(PLACE, number=13, revision=3)
    file, other = json.loads(data), json.loads(file_of(CLOSED, other_place))
    mine, theirs = file["signed"].split("."), other["signed"].split(".")
    match rng.randrange(4):
        case 0:
            file["signed"] = other["signed"]
        case 1:
            file["statement"] = other["statement"]
        case 2:
            file["signed"] = ".".join((*mine[:2], theirs[2]))
        case _:
            file["signed"] = ".".join((mine[0], theirs[1], mine[2]))
    return readable_json(file)


def change_the_header(data: bytes, rng: random.Random) -> bytes:
    """Another algorithm or type, no signature, more members."""
    file = json.loads(data)
    _, payload, signature = file["signed"].split(".")
    known = {"alg": "EdDSA", "kid": OUR_KEY.kid, "typ": "bosco-erasure-certificate+jws"}
    change: dict[str, Any] = rng.choice(
        [
            {"alg": "none"},
            {"alg": "None"},
            {"alg": "ES256"},
            {"alg": "HS256"},
            {"alg": "Ed25519"},
            {"alg": ["EdDSA"]},
            {"typ": "bosco-audit-checkpoint+jws"},
            {"typ": "at+jwt"},
            {"typ": "JWT"},
            {"kid": OTHER_KEY.kid},
            {"kid": ""},
            {"crit": ["b64"], "b64": False},
            {"jwk": OTHER_KEY.jwk},
        ]
    )
    new = canonical_json({**known, **change})
    if rng.random() < 0.3:
        new = json.dumps(known).encode()  # the same, with spaces
    signature = rng.choice(["", signature])
    file["signed"] = ".".join((_base64(new), payload, signature))
    return readable_json(file)


def double_a_name(data: bytes, rng: random.Random) -> bytes:
    """A member twice in an object, so that two readers see two things."""
    text = data.decode()
    places = [place for place in range(len(text)) if text.startswith("{\n", place)]
    place = rng.choice(places) + 1
    name = text[place:].split('"', 2)[1]
    value = rng.choice(["0", "null", '"x"', "[]"])
    return f'{text[:place]}\n"{name}": {value},{text[place:]}'.encode()


def write_in_another_way(data: bytes, rng: random.Random) -> bytes:
    """The same meaning in other bytes: escapes, look-alikes, order, spaces, padding."""
    text = data.decode()
    file = json.loads(data)
    match rng.randrange(7):
        case 0:
            place = rng.choice([place for place, one in enumerate(text) if one.isalpha()])
            new = f"{text[:place]}\\u{ord(text[place]):04x}{text[place + 1 :]}"
        case 1:
            alike = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441", "p": "\u0440"}
            place = rng.choice([place for place, one in enumerate(text) if one in alike])
            new = text[:place] + alike[text[place]] + text[place + 1 :]
        case 2:
            new = json.dumps(file)
        case 3:
            new = json.dumps(dict(reversed(file.items())), indent=2) + "\n"
        case 4:
            new = text.replace("\n", "\r\n")
        case 5:
            new = text.replace(file["signed"], file["signed"] + "=" * rng.randrange(1, 3))
        case _:
            place = rng.choice([place for place, one in enumerate(text) if one.isalpha()])
            joiner = rng.choice(("\u200b", "\u0301", "\u202e", "\u00ad"))
            new = text[: place + 1] + joiner + text[place + 1 :]
    return new.encode()


def take_something_away(data: bytes, rng: random.Random) -> bytes:
    """A rescan, a recipient, a count, a residual or a treatment less, in one part or in both."""
    file = json.loads(data)
    said = file["statement"]
    lists = [said["rescans"], said["recipients"], said["erased"], said["residuals"]]
    chosen = rng.choice([*lists, said["plan"]["treatments"]])
    del chosen[rng.randrange(len(chosen))]
    if rng.random() < 0.5:
        header, _, signature = file["signed"].split(".")
        file["signed"] = ".".join((header, _base64(canonical_json(said)), signature))
    return readable_json(file)


def change_the_signature(data: bytes, rng: random.Random) -> bytes:
    """Also by the order of the curve, which a lenient verifier takes (RFC 8032 section 5.1.7)."""
    file = json.loads(data)
    header, payload, signature = file["signed"].split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    order = 2**252 + 27742317777372353535851937790883648493
    match rng.randrange(3):
        case 0:
            scalar = int.from_bytes(raw[32:], "little") + order
            raw[32:] = scalar.to_bytes(32, "little")
        case 1:
            raw[rng.randrange(64)] ^= 1 << rng.randrange(8)
        case _:
            raw = bytearray(64)
    file["signed"] = f"{header}.{payload}.{_base64(bytes(raw))}"
    return readable_json(file)


TAMPERINGS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_a_bit,
    change_a_byte,
    drop_bytes,
    insert_bytes,
    change_the_readable_part,
    change_both_parts,
    sign_anew,
    swap_parts,
    change_the_header,
    double_a_name,
    write_in_another_way,
    take_something_away,
    change_the_signature,
)


def _change_somewhere(value: Any, rng: random.Random) -> None:
    """Change one leaf of a tree, in place."""
    leaves = list(_leaves(value))
    holder, key = rng.choice(leaves)
    holder[key] = _changed(holder[key], rng)


def _leaves(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in list(pairs):
        if isinstance(one, dict | list) and one:
            yield from _leaves(one)
        else:
            yield value, key


def _changed(value: Any, rng: random.Random) -> Any:
    match value:
        case None | []:
            return rng.choice([0, "", False, ["x"]])
        case int():
            return value + rng.choice((-1, 1, 1000))
        case str() if not value:
            return "x"
        case str():
            place = rng.randrange(len(value))
            new = rng.choice([one for one in "0a-Z" if one != value[place]])
            return value[:place] + new + value[place + 1 :]
    raise TypeError(value)
