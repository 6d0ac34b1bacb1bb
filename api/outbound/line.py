"""The way out to addresses that agencies name.

    host name -> every address it has -> the public ones -> connection, pinned to what was checked

A host name may lead to this machine, the local network or a cloud's metadata service. The address
is checked and connected to in one go, so that a name cannot lead elsewhere between the two; a
redirect is never followed. Development allows everything, for receivers on the same laptop.

Sources: OWASP "Server-Side Request Forgery Prevention"; apprise.utils.http.
"""

import contextlib
import socket
import threading
from typing import Any, Final

from apprise.utils.http import HTTPPolicy, is_public_ip_address

from api.outbound.patience import Patience

__all__ = ["Line"]

# Apprise looks up 16 names at a time, over all threads, and refuses more: here they queue.
_LOOKUPS: Final = threading.BoundedSemaphore(12)


class Line(HTTPPolicy):  # type: ignore[misc]  # untyped
    """Connections for one message.

    Args:
        patience: With the other side.
        public_only: Refuse private, local and reserved addresses.
    """

    def __init__(self, patience: Patience, *, public_only: bool) -> None:
        super().__init__(
            address_filter=self._may_reach if public_only else None,
            resolve_timeout=patience.connect,
        )
        self.patience = patience
        self.has_refused = False
        self._open: list[socket.socket] = []
        self._is_over = False

    def resolve(self, host: str, port: int) -> Any:
        """The addresses of a name that may be connected to."""
        with _LOOKUPS:
            return super().resolve(host, port)

    def create_connection(self, *arguments: Any, **options: Any) -> socket.socket:
        """Connect to an address that was checked."""
        connection: socket.socket = super().create_connection(*arguments, **options)
        self._open.append(connection.dup())  # TLS takes the original over
        if self._is_over:  # it was given up while this connected
            self.hang_up()
        return connection

    def hang_up(self) -> None:
        """End every connection, also one that a thread waits on or is about to open."""
        self._is_over = True
        while self._open:
            with contextlib.suppress(OSError, IndexError), self._open.pop() as connection:
                connection.shutdown(socket.SHUT_RDWR)

    def _may_reach(self, address: str) -> bool:
        is_public = bool(is_public_ip_address(address))
        self.has_refused = self.has_refused or not is_public
        return is_public
