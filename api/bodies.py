"""Request bodies of a known greatest size.

The length header is not trusted: reading stops as soon as more has come than is allowed.
"""

from starlette.requests import Request

__all__ = ["BodyTooLargeError", "read_body"]


class BodyTooLargeError(Exception):
    """The body is longer than allowed."""


async def read_body(request: Request, maximum_bytes: int) -> bytes:
    """Read a body of at most `maximum_bytes`.

    Raises:
        BodyTooLargeError: It is longer; the rest is not read.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > maximum_bytes:
        raise BodyTooLargeError
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > maximum_bytes:
            raise BodyTooLargeError
    return bytes(received)
