"""Meta's signed requests: the documented ones are taken, and no forged one is."""

import base64
import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from gdpr.inbound.meta import (
    MetaMessage,
    confirmation_code,
    is_confirmation_code,
    open_signed,
    read_meta,
)
from gdpr.inbound.refusal import InboundRefusedError, NotSignedError
from tests.gdpr.inbound.signed import (
    DELETION,
    ISSUED_AT,
    META_SECRET,
    base64url,
    mac,
    meta_payload,
    signed_request,
)

NOW = dt.datetime.fromtimestamp(ISSUED_AT + 3, dt.UTC)
SECRETS = (META_SECRET,)


def test_the_documented_request_is_read() -> None:
    found = read_meta(signed_request(), SECRETS, NOW)
    assert (found.person, found.page) == ("218471", "")
    assert found.issued_at == dt.datetime(2010, 12, 8, 19, 33, 20, tzinfo=dt.UTC)


def test_the_published_vector_of_the_first_sdks_opens() -> None:
    """It stands in the tests of many of them, with the secret `secret`."""
    vector = (
        "vlXgu64BQGFSQrY0ZcJBZASMvYvTHu9GQ0YM9rjPSso"
        ".eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsIjAiOiJwYXlsb2FkIn0"
    )
    assert open_signed(vector, ("secret",)) == {"algorithm": "HMAC-SHA256", "0": "payload"}


def test_a_page_that_is_taken_out_is_read() -> None:
    payload = meta_payload(user_id=0, profile_id="324556365474")
    found = read_meta(signed_request(payload), SECRETS, NOW)
    assert (found.person, found.page) == ("", "324556365474")


def test_nothing_shows_in_a_log() -> None:
    assert "218471" not in repr(read_meta(signed_request(), SECRETS, NOW))


RIGHT = signed_request()
SIGNATURE, PAYLOAD = RIGHT.split(".")
OTHER = base64url(meta_payload(user_id="218472"))


def _signed(payload: bytes) -> str:
    return signed_request(payload)


UNSIGNED = {
    "wrong secret": signed_request(secret="appsecreT"),  # of a test
    "another's payload": f"{SIGNATURE}.{OTHER}",
    "payload encoded again": f"{SIGNATURE}.{base64url(json.dumps(json.loads(DELETION)).encode())}",
    "over the decoded payload": f"{base64url(mac(META_SECRET, DELETION))}.{PAYLOAD}",
    "hexadecimal": f"{mac(META_SECRET, PAYLOAD.encode()).hex()}.{PAYLOAD}",
    "padded signature": f"{SIGNATURE}=.{PAYLOAD}",
    "padded payload": f"{SIGNATURE}.{PAYLOAD}==",
    "signed with padding": (f"{base64url(mac(META_SECRET, f'{PAYLOAD}=='.encode()))}.{PAYLOAD}=="),
    "base64 of the other alphabet": (
        base64.b64encode(b"\xff" * 32).decode().rstrip("=") + f".{PAYLOAD}"
    ),
    "one letter changed": f"{chr(ord(SIGNATURE[0]) ^ 1)}{SIGNATURE[1:]}.{PAYLOAD}",
    "another last letter": f"{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}.{PAYLOAD}",
    "signature cut short": f"{SIGNATURE[:-1]}.{PAYLOAD}",
    "payload cut short": f"{SIGNATURE}.{PAYLOAD[:-1]}",
    "no signature": f".{PAYLOAD}",
    "no payload": f"{SIGNATURE}.",
    "no dot": f"{SIGNATURE}{PAYLOAD}",
    "three parts": f"{RIGHT}.{PAYLOAD}",
    "swapped": f"{PAYLOAD}.{SIGNATURE}",
    "a newline more": f"{RIGHT}\n",
    "empty": "",
    "no ASCII": f"{SIGNATURE}.{PAYLOAD}\u212a",
    "SHA-1": f"{base64url(mac(META_SECRET, PAYLOAD.encode(), hashes.SHA1()))}.{PAYLOAD}",  # noqa: S303
    "algorithm none": _signed(meta_payload(algorithm="none")),
    "algorithm HMAC-SHA1": _signed(meta_payload(algorithm="HMAC-SHA1")),
    "algorithm in lower case": _signed(meta_payload(algorithm="hmac-sha256")),
    "no algorithm": _signed(meta_payload(algorithm=None)),
    "algorithm no text": _signed(meta_payload(algorithm=["HMAC-SHA256"])),
    "too long": signed_request(meta_payload(more="x" * 8_192)),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_a_forged_request_is_refused(name: str) -> None:
    with pytest.raises(NotSignedError) as refused:
        read_meta(UNSIGNED[name], SECRETS, NOW)
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("payload", "message", "status"),
    [
        (meta_payload(issued_at=ISSUED_AT + 400), "the signed request is not of now", 401),
        (
            meta_payload(issued_at=ISSUED_AT - 3 * 86_400),
            "the signed request is not of now",
            401,
        ),
        (meta_payload(expires=ISSUED_AT), "the signed request has run out", 401),
        (meta_payload(issued_at=None), "the signed request does not say when it was made", 400),
        (meta_payload(issued_at="soon"), "the signed request does not say when it was made", 400),
        (meta_payload(issued_at=True), "the signed request does not say when it was made", 400),
        (meta_payload(issued_at=10**30), "the signed request does not say when it was made", 400),
        (meta_payload(user_id=None), "the signed request is about nobody", 400),
        (meta_payload(user_id="0"), "the signed request is about nobody", 400),
        (meta_payload(user_id="218471; --"), "the signed request is about nobody", 400),
        (meta_payload(user_id="٢١٨"), "the signed request is about nobody", 400),
        (
            b'{"algorithm":"HMAC-SHA256","issued_at":1291836800,"user_id":"1","user_id":"2"}',
            "the message is not JSON that can be read",
            400,
        ),
        (b"[]", "the message is not a JSON object", 400),
    ],
)
def test_what_is_signed_and_of_no_use_is_refused(payload: bytes, message: str, status: int) -> None:
    with pytest.raises(InboundRefusedError) as refused:
        read_meta(signed_request(payload), SECRETS, NOW)
    assert (refused.value.message, refused.value.status) == (message, status)


def test_times_at_the_edge_count() -> None:
    late = NOW + dt.timedelta(days=2) - dt.timedelta(seconds=3)
    payload = meta_payload(expires=0)
    assert read_meta(signed_request(payload), SECRETS, late).person == "218471"
    early = dt.datetime.fromtimestamp(ISSUED_AT - 300, dt.UTC)
    assert read_meta(signed_request(payload), SECRETS, early).person == "218471"
    with pytest.raises(InboundRefusedError):
        read_meta(signed_request(payload), SECRETS, late + dt.timedelta(seconds=1))
    with pytest.raises(InboundRefusedError):
        read_meta(signed_request(payload), SECRETS, early - dt.timedelta(seconds=1))


@given(st.text(max_size=120))
def test_no_made_up_request_is_taken(text: str) -> None:
    with pytest.raises(NotSignedError):
        read_meta(text, SECRETS, NOW)


def message(text: str) -> MetaMessage:
    return read_meta(text, SECRETS, NOW)


def test_a_code_is_the_same_for_the_same_request_alone() -> None:
    code = confirmation_code(message(signed_request()), META_SECRET)
    assert code == confirmation_code(message(signed_request()), META_SECRET)
    assert len(code) == 48
    assert code.isalnum()
    others = {
        confirmation_code(message(signed_request(meta_payload(user_id="1"))), META_SECRET),
        confirmation_code(message(signed_request(meta_payload(x=1))), META_SECRET),
        confirmation_code(message(signed_request()), "another secret"),
        code,
    }
    assert len(others) == 4


def test_a_code_is_known_as_ours() -> None:
    code = confirmation_code(message(signed_request()), META_SECRET)
    assert is_confirmation_code(code, SECRETS)
    assert is_confirmation_code(code, ("newer", META_SECRET))
    assert not is_confirmation_code(code, ("newer",))
    assert not is_confirmation_code(code, ())
    for place in (0, 23, 24, 47):
        changed = "a" if code[place] != "a" else "b"
        assert not is_confirmation_code(f"{code[:place]}{changed}{code[place + 1 :]}", SECRETS)
    for other in ("", code.upper(), f"{code} ", code[:-1], f"{code}a", "1" * 48, "é" * 48):
        assert not is_confirmation_code(other, SECRETS)
