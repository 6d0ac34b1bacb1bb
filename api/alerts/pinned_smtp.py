"""SMTP over a line: connected to the address that was checked."""

import smtplib
import socket
import ssl

from api.outbound.line import Line

__all__ = ["PinnedSmtp", "PinnedSmtpOverTls"]


class PinnedSmtp(smtplib.SMTP):
    """SMTP over a line.

    Args:
        line: Connects.
        host: Of the server.
        port: Of the server.
        own_name: What we call ourselves.
    """

    def __init__(self, line: Line, host: str, port: int, *, own_name: str) -> None:
        self._line = line
        super().__init__(host, port, local_hostname=own_name, timeout=line.patience.answer)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._line.create_connection(host, port, timeout=timeout)


class PinnedSmtpOverTls(smtplib.SMTP_SSL):
    """SMTP over a line, encrypted from the first byte; see `PinnedSmtp`."""

    def __init__(
        self, line: Line, host: str, port: int, *, own_name: str, tls: ssl.SSLContext
    ) -> None:
        self._line = line
        self._tls = tls
        super().__init__(
            host, port, local_hostname=own_name, timeout=line.patience.answer, context=tls
        )

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = self._line.create_connection(host, port, timeout=timeout)
        return self._tls.wrap_socket(connection, server_hostname=host)
