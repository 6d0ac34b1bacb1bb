"""Requests to an address that an agency names, once.

    url, body, headers -> line (checked, pinned) -> status and Retry-After, or why there is none

Redirects are not followed, and nobody reads the body of an answer to `post`: it may repeat what was
sent. `ask` reads as much of it as it is told.
The reasons hold no secret. Loads Apprise, which takes half a second: whoever only might send
imports this late.
"""

from collections.abc import Mapping
from typing import Final

import requests
from apprise.utils.http import HTTPPolicySession

from api.outbound.answer import Answer
from api.outbound.line import Line

__all__ = ["PRIVATE", "SILENT", "UNREACHED", "UNTRUSTED", "ask", "post"]

PRIVATE: Final = "the name leads to a private or local address; messages go to public ones only"
UNTRUSTED: Final = "its certificate is not trusted, or it speaks no TLS"
SILENT: Final = "it does not answer in time"
UNREACHED: Final = "the name does not exist, or nobody takes connections there"


def post(line: Line, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send once; blocks its thread. Only 2xx counts as taken."""
    return ask(line, url, body, headers)[0]


def ask(
    line: Line,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    method: str = "POST",
    most_bytes: int = 0,
) -> tuple[Answer, bytes]:
    """Send once, and read at most so many bytes of the answer; blocks its thread."""
    told = b""
    try:
        with (
            HTTPPolicySession(line) as http,
            http.request(
                method,
                url,
                data=body,
                headers=dict(headers),
                timeout=(line.patience.connect, line.patience.answer),
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            status, retry_after = answer.status_code, answer.headers.get("Retry-After", "")
            if most_bytes:
                told = _beginning(answer, most_bytes)
    except requests.RequestException as error:
        return Answer(None, "", _why(error, line)), b""
    if status in range(200, 300):
        return Answer(status, "", ""), told
    hint = "; redirects are not followed" if status in range(300, 400) else ""
    return Answer(status, retry_after, f"it answered {status}{hint}"), told


def _beginning(answer: requests.Response, most_bytes: int) -> bytes:
    """At most so many bytes, in however many chunks they come."""
    told = bytearray()
    for chunk in answer.iter_content(most_bytes):
        told += chunk
        if len(told) >= most_bytes:
            break
    return bytes(told[:most_bytes])


def _why(error: requests.RequestException, line: Line) -> str:
    """Why a request got no answer."""
    if line.has_refused:
        return PRIVATE
    match error:
        case requests.exceptions.SSLError():
            return UNTRUSTED
        case requests.exceptions.Timeout():
            return SILENT
        case requests.exceptions.InvalidURL():
            return "the address cannot be used"
    return UNREACHED
