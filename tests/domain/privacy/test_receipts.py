"""Receipts prove themselves; ones that were changed, or are of another kind, do not."""

import base64
import datetime as dt
import json
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from domain.privacy.consent import Consent, ConsentState
from domain.privacy.purposes import Purpose
from domain.privacy.receipts import (
    NoticeShown,
    Receipt,
    UnprovenReceiptError,
    join_receipt,
    read_receipt,
    receipt_input,
)
from domain.privacy.verify_certificate import thumbprint_of

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


JWK = {"kty": "OKP", "crv": "Ed25519", "x": _text(KEY.public_key().public_bytes_raw())}
KID = thumbprint_of(JWK)
KEYS = {KID: {**JWK, "kid": KID}}
RECEIPT = Receipt(
    record_id="rcp_1",
    principal="sp_1",
    controller="cli_1",
    processor="ten_1",
    signal="1",
    events=[Consent(Purpose.ADVERTISING, "gpc", ConsentState.DENIED, NOON, NOON, uuid.UUID(int=1))],
    notice=NoticeShown("v1", "de", "ab" * 32),
)


def _signed(kid: str = KID) -> str:
    signed = receipt_input(RECEIPT, kid)
    return join_receipt(signed, KEY.sign(signed))


def test_a_receipt_is_read_as_it_was_signed() -> None:
    assert read_receipt(_signed(), KEYS) == RECEIPT.statement
    assert RECEIPT.statement["notice"] == {"version": "v1", "language": "de", "sha256": "ab" * 32}
    assert RECEIPT.statement["consentTimestamp"] == "2026-03-01T12:00:00Z"


@given(st.data())
def test_a_receipt_of_which_one_letter_is_another_proves_nothing(data: st.DataObject) -> None:
    jws = _signed()
    at = data.draw(st.integers(0, len(jws) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda one: one != jws[at]))
    with pytest.raises(UnprovenReceiptError):
        read_receipt(jws[:at] + letter + jws[at + 1 :], KEYS)


@pytest.mark.parametrize(
    ("jws", "message"),
    [
        ("", "that is no receipt"),
        ("a.b", "that is no receipt"),
        ("a.b.c.d", "that is no receipt"),
        ("." * 100_001, "that is no receipt"),
        ("a.b.c", "the receipt is signed by a key that is not trusted"),
    ],
)
def test_what_is_no_receipt(jws: str, message: str) -> None:
    with pytest.raises(UnprovenReceiptError) as refused:
        read_receipt(jws, KEYS)
    assert refused.value.message == message


def test_a_key_under_another_id_is_refused() -> None:
    with pytest.raises(UnprovenReceiptError, match="another id"):
        read_receipt(_signed("mine"), {"mine": JWK})
    with pytest.raises(UnprovenReceiptError, match="not trusted"):
        read_receipt(_signed("mine"), KEYS)


def test_a_certificate_is_not_taken_for_a_receipt() -> None:
    header = json.dumps({"alg": "EdDSA", "kid": KID, "typ": "another"}, separators=(",", ":"))
    signed = f"{_text(header.encode())}.{_signed().split('.')[1]}".encode()
    with pytest.raises(UnprovenReceiptError, match="not trusted"):
        read_receipt(join_receipt(signed, KEY.sign(signed)), KEYS)
