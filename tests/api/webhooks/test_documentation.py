"""The receivers of docs/webhooks.md take what is sent, and nothing else."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from api.webhooks.signing import new_secret, signed_headers

DOCUMENT = Path(__file__).parents[3] / "docs" / "webhooks.md"
AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECRET, OTHER = new_secret(bytes), new_secret(lambda size: b"x" * size)
BODY = b'{"type":"data.published"}'


@pytest.fixture(scope="module")
def receiver() -> dict[str, Any]:
    """The names that the examples define."""
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)  # noqa: S102  # our own document
    return names


def _headers(*secrets: Any, at: dt.datetime = AT) -> dict[str, str]:
    return signed_headers(secrets, message_id="msg_1", at=at, body=BODY)


def test_the_example_takes_what_is_ours(receiver: dict[str, Any]) -> None:
    is_from_bosco, now = receiver["is_from_bosco"], AT.timestamp()
    secret = SECRET.reveal()
    assert is_from_bosco(secret, _headers(SECRET), BODY, now=now)
    assert is_from_bosco(secret, _headers(OTHER, SECRET), BODY, now=now + 300)
    assert not is_from_bosco(secret, _headers(OTHER), BODY, now=now)
    assert not is_from_bosco(secret, _headers(SECRET), BODY + b" ", now=now)
    assert not is_from_bosco(secret, _headers(SECRET), BODY, now=now + 301)
    assert not is_from_bosco(secret, _headers(SECRET), BODY, now=now - 301)
    forged = {**_headers(SECRET), "webhook-id": "msg_2"}
    assert not is_from_bosco(secret, forged, BODY, now=now)


def test_the_example_with_a_library_takes_what_is_ours(receiver: dict[str, Any]) -> None:
    read_event = receiver["read_event"]
    fresh = _headers(OTHER, SECRET, at=dt.datetime.now(dt.UTC))  # it looks at the machine's clock
    assert read_event(SECRET.reveal(), fresh, BODY) == {"type": "data.published"}
    with pytest.raises(WebhookVerificationError):
        read_event(SECRET.reveal(), fresh, BODY + b" ")
    with pytest.raises(WebhookVerificationError):
        read_event(SECRET.reveal(), _headers(SECRET), BODY)
