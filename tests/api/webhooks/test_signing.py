"""Signatures: the reference vector, and what somebody else's library computes."""

import base64
import datetime as dt
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from api.webhooks.signing import new_secret, signed_headers
from tenancy.vault import Secret

AT = dt.datetime(2021, 2, 25, 15, 2, 10, 999_999, tzinfo=dt.UTC)
ID, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_signs_the_reference_vector() -> None:
    # standard-webhooks, libraries/python/tests/test_webhooks.py, "sign function works".
    assert signed_headers([SECRET], message_id=ID, at=AT, body=BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_vector_by_hand() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert len(key) == 24
    padded = key.ljust(64, b"\0")  # HMAC, RFC 2104 section 2
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
    inner.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + BODY)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner.digest())
    signature = signed_headers([SECRET], message_id=ID, at=AT, body=BODY)["webhook-signature"]
    assert signature == f"v1,{base64.b64encode(outer.digest()).decode()}"


@given(st.binary(min_size=24, max_size=64), st.text())
def test_the_library_signs_alike(key: bytes, text: str) -> None:
    secret = f"whsec_{base64.b64encode(key).decode()}"
    headers = signed_headers([Secret(secret)], message_id=ID, at=AT, body=text.encode())
    assert headers["webhook-signature"] == Webhook(secret).sign(ID, AT, text)


def test_two_secrets_are_two_signatures() -> None:
    other = new_secret(bytes)
    both = signed_headers([other, SECRET], message_id=ID, at=AT, body=BODY)["webhook-signature"]
    assert both.split(" ") == [
        Webhook(other.reveal()).sign(ID, AT, BODY.decode()),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ]


def test_a_secret_is_32_bytes_in_base64() -> None:
    secret = new_secret(lambda size: bytes(range(size))).reveal()
    assert secret == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert base64.b64decode(secret.removeprefix("whsec_")) == bytes(range(32))
    assert "AAECAw" not in repr(new_secret(lambda size: bytes(range(size))))


def test_another_id_instant_or_body_is_another_signature() -> None:
    signatures = {
        signed_headers([SECRET], message_id=ID, at=AT, body=BODY)["webhook-signature"],
        signed_headers([SECRET], message_id="msg_x", at=AT, body=BODY)["webhook-signature"],
        signed_headers([SECRET], message_id=ID, at=AT, body=BODY + b" ")["webhook-signature"],
        signed_headers([SECRET], message_id=ID, at=AT + dt.timedelta(seconds=1), body=BODY)[
            "webhook-signature"
        ],
    }
    assert len(signatures) == 4
    key = base64.b64decode(SECRET.reveal().removeprefix("whsec_"))
    raw = hmac.digest(key, ID.encode() + b".1614265330." + BODY, "sha256")
    assert f"v1,{base64.b64encode(raw).decode()}" in signatures
