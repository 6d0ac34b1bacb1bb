"""The lightest fair HTTP client: one keep-alive connection, blocking, no parsing of the body.

bytes of a request -> socket -> head, `content-length` -> bytes of the body
"""

import json
import re
import socket
import threading
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

__all__ = ["CannedServer", "KeepAlive", "post_json"]

_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_CHUNK: Final = 1 << 20


def post_json(path: str, body: object, token: str) -> bytes:
    """A whole POST of JSON as a browser would send it."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
        f"content-type: application/json\r\nauthorization: Bearer {token}\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class KeepAlive:
    """One connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, request: bytes) -> bytes:
        """Send a request and read its answer whole.

        Returns:
            The body.

        Raises:
            ConnectionError: The answer is not 200, or the server hung up.
        """
        self._socket.sendall(request)
        received = self._more()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head, body = received[:end], bytearray(received[end + 4 :])
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise ConnectionError(bytes(received[:500]))
        while len(body) < int(length[1]):
            body += self._more()
        return bytes(body)

    def _more(self) -> bytes:
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server hung up")
        return data


class CannedServer:
    """Answers every request of one connection with the same bytes: the cost of a client alone."""

    def __init__(self, body: bytes) -> None:
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while connection.recv(_CHUNK):  # requests of the bench come whole
            connection.sendall(self._answer)
        connection.close()
        self._listener.close()
