"""A mail server on loopback: takes mail, and can refuse at each step.

    serve_mail(MailRules(...)) -> EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA -> MailServer.mails

The certificate is made for the test; `trusting` convinces a client of it.
"""

import asyncio
import base64
import datetime as dt
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Certificate", "Mail", "MailRules", "MailServer", "make_certificate", "serve_mail"]

_FROM = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_UNTIL = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Of `localhost`, signed by itself."""

    file: Path

    def serving(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


@dataclass(frozen=True, slots=True)
class MailRules:
    """How the server behaves.

    Attributes:
        tls: `starttls` offers it, `tls` speaks nothing else, empty: neither.
        login: User and password that it wants, or None.
        refused: Recipients that it does not know.
        says: The answer to a command, in place of the usual one.
        is_silent: It takes connections and says nothing.
    """

    tls: str = ""
    login: tuple[str, str] | None = None
    refused: frozenset[str] = frozenset()
    says: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was taken."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    was_encrypted: bool


@dataclass(slots=True)
class MailServer:
    """A running server, and what it took."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


def make_certificate(folder: Path) -> Certificate:
    """A certificate and its key, in one file of `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return Certificate(file)


@asynccontextmanager
async def serve_mail(
    rules: MailRules, certificate: Certificate | None = None
) -> AsyncIterator[MailServer]:
    """Serve on a free port of 127.0.0.1."""
    running = MailServer()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Dialogue(rules, running, certificate, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client went away
        finally:
            writer.close()

    tls = certificate.serving() if certificate and rules.tls == "tls" else None
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        await server.wait_closed()


@dataclass(slots=True)
class _Dialogue:
    rules: MailRules
    server: MailServer
    certificate: Certificate | None
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sender: str = ""
    recipients: list[str] = field(default_factory=list)

    async def run(self) -> None:
        if self.rules.is_silent:
            await self.reader.read()
            return
        await self._say(self.rules.says.get("CONNECT", "220 ready"))
        while line := (await self.reader.readline()).decode().strip():
            word = line.split(maxsplit=1)[0].upper()
            self.server.commands.append(word)
            if word in self.rules.says:
                await self._say(self.rules.says[word])
            elif word == "QUIT":
                await self._say("221 bye")
                return
            elif word == "STARTTLS":
                await self._encrypt()
            elif word == "DATA":
                await self._take()
            else:
                await self._say(self._reply(word, line))

    def _reply(self, word: str, line: str) -> str:
        match word:
            case "EHLO":
                offers = ["STARTTLS"] if self.rules.tls == "starttls" else []
                offers += ["AUTH PLAIN"] if self.rules.login else []
                return "\r\n".join(
                    ["250-here", *(f"250-{offer}" for offer in offers), "250 8BITMIME"]
                )
            case "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                good = (user, password) == self.rules.login
                return "235 welcome" if good else f"535 not {password!r}"
            case "MAIL":
                self.sender = _address(line)
            case "RCPT":
                if _address(line) in self.rules.refused:
                    return "550 nobody of that name"
                self.recipients.append(_address(line))
        return "250 fine"

    async def _encrypt(self) -> None:
        assert self.certificate is not None
        await self._say("220 go ahead")
        await self.writer.start_tls(self.certificate.serving())

    async def _take(self) -> None:
        await self._say("354 go on")
        data = (await self.reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n", b"\n")
        message = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        encrypted = self.writer.get_extra_info("ssl_object") is not None
        self.server.mails.append(Mail(self.sender, self.recipients, message, encrypted))
        await self._say("250 taken")

    async def _say(self, text: str) -> None:
        self.writer.write(f"{text}\r\n".encode())
        await self.writer.drain()


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
