"""Messages over real sockets: what arrives, and what is said of everything that can go wrong."""

import asyncio
import contextlib
import datetime as dt
import logging
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from api.alerts.outgoing import Outcome, Outgoing
from api.alerts.sender import AlertSender
from api.alerts.target import EmailTarget, MailSecurity, SlackTarget, WebhookTarget
from api.outbound.line import Line
from api.outbound.patience import Patience
from tenancy.vault import Secret
from tests.api.alerts.mail_server import Certificate, MailRules, make_certificate, serve_mail
from tests.ingestion.connector.scripted_server import Reply, serve

pytestmark = pytest.mark.anyio

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PASSWORD = "hunter2-s3cret"
TOKENS = "T0S3CRET/B0S3CRET/xS3CRETx"
SENDER = AlertSender(public_only=False)
GUARDED = AlertSender(public_only=True)
HASTY = AlertSender(public_only=False, patience=Patience(connect=60, answer=0.05, total=60))
SENT = Outcome(is_sent=True, remark="")
WORDS = {"subject": "Läuft: Acme", "text": "Läuft.\n", "html": "<p>Läuft.</p>\n"}


def outgoing(**content: object) -> Outgoing:
    return Outgoing(uuid.UUID(int=7), NOW, content or {"body": {"headline": "x"}})


def webhook(url: str, token: str = "") -> WebhookTarget:
    return WebhookTarget("host", Secret(url), Secret(token))


def slack(url: str) -> SlackTarget:
    return SlackTarget(f"{url}/services", Secret(TOKENS))


def mail(port: int, security: MailSecurity = MailSecurity.NONE, user: str = "") -> EmailTarget:
    return EmailTarget(
        server="localhost",
        port=port,
        security=security,
        sender="bosco@northwind.example",
        recipients=("ops@northwind.example", "anna@northwind.example"),
        user=user,
        password=Secret(PASSWORD if user else ""),
    )


def failed(remark: str) -> Outcome:
    return Outcome(is_sent=False, remark=remark)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


async def test_webhook_gets_json_with_the_token_and_a_key_against_repetition() -> None:
    async with serve(lambda _: Reply(status=204)) as server:
        target = webhook(f"{server.url}/hook?key=7", "t0k3n")
        assert await SENDER.send(target, outgoing(body={"headline": "Läuft"})) == SENT
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", "/hook", {"key": "7"})
    assert request.json == {"headline": "Läuft"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer t0k3n"
    assert request.headers["idempotency-key"] == "msg_00000000000000000000000007"


async def test_webhook_without_token_gets_no_authorization() -> None:
    async with serve(lambda _: Reply()) as server:
        assert await SENDER.send(webhook(server.url), outgoing()) == SENT
    assert "authorization" not in server.requests[0].headers


async def test_slack_gets_the_text_that_notifications_show() -> None:
    async with serve(lambda _: Reply(b"ok")) as server:
        assert await SENDER.send(slack(server.url), outgoing(text="*Läuft*")) == SENT
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", f"/services/{TOKENS}")
    assert request.json == {"text": "*Läuft*"}


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_refusals_are_told(status: int) -> None:
    async with serve(lambda _: Reply(b"S3CRET", status)) as server:
        remark = f"it answered {status}"
        assert await SENDER.send(webhook(server.url), outgoing()) == failed(remark)
        told = await SENDER.send(slack(server.url), outgoing(text="x"))
    assert not told.is_sent
    assert told.remark.endswith(f"error={status}.")
    assert "S3CRET" not in told.remark
    assert len(server.requests) == 2


async def test_redirects_are_not_followed() -> None:
    async with serve(lambda _: Reply(b"secret of the network")) as inside:
        away = Reply(status=307, headers={"Location": f"{inside.url}/latest/meta-data"})
        async with serve(lambda _: away) as server:
            told = await SENDER.send(webhook(server.url), outgoing())
            assert told == failed("it answered 307; redirects are not followed")
            told = await SENDER.send(slack(server.url), outgoing(text="x"))
            assert told.remark.endswith("error=307.")
    assert inside.requests == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0", "2130706433"]
)
async def test_production_reaches_no_private_address(host: str) -> None:
    async with serve(lambda _: Reply()) as server:
        told = await GUARDED.send(
            webhook(f"http://{host}:{server.url.rpartition(':')[2]}/"), outgoing()
        )
    assert told == failed(
        "the name leads to a private or local address; messages go to public ones only"
    )
    assert server.requests == []


@pytest.mark.parametrize("security", [MailSecurity.STARTTLS, MailSecurity.TLS])
async def test_production_reaches_no_private_mail_server(security: MailSecurity) -> None:
    async with serve_mail(MailRules()) as server:
        told = await GUARDED.send(mail(server.port, security), outgoing(**WORDS))
    assert told == failed(
        "the name leads to a private or local address; messages go to public ones only"
    )
    assert server.commands == []


@asynccontextmanager
async def _dripping() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that sends a letter of a header every 20 ms; says when it was hung up on."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1000), 0.02)
        ended.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], ended
    finally:
        server.close()
        await server.wait_closed()


async def test_who_drips_is_hung_up_on() -> None:
    brief = AlertSender(public_only=False, patience=Patience(connect=5, answer=60, total=0.2))
    async with _dripping() as (port, ended):
        told = await brief.send(webhook(f"http://127.0.0.1:{port}/"), outgoing())
        assert told == failed("it took longer than 0.2 s")
        async with asyncio.timeout(10):
            await ended.wait()


async def test_who_answers_after_it_was_given_up_is_hung_up_on_too() -> None:
    async with _dripping() as (port, _):
        line = Line(Patience(), public_only=False)
        line.hang_up()
        with await asyncio.to_thread(line.create_connection, "127.0.0.1", port) as connection:
            assert await asyncio.to_thread(connection.recv, 1) == b""


async def test_silence_is_told() -> None:
    async with serve_mail(MailRules(is_silent=True)) as server:
        told = await HASTY.send(webhook(f"http://127.0.0.1:{server.port}/"), outgoing())
        assert told == failed("it does not answer in time")
        told = await HASTY.send(mail(server.port), outgoing(**WORDS))
        assert told == failed("the server ended the connection, or did not answer in time")


async def test_nobody_there_is_told() -> None:
    async with serve(lambda _: Reply()) as server:
        pass
    nobody = failed("the name does not exist, or nobody takes connections there")
    assert await SENDER.send(webhook(server.url), outgoing()) == nobody
    port = int(server.url.rpartition(":")[2])
    assert await SENDER.send(mail(port), outgoing(**WORDS)) == nobody


async def test_mail_arrives_as_text_and_html(certificate: Certificate) -> None:
    rules = MailRules("starttls", login=("bosco", PASSWORD))
    sender = AlertSender(public_only=False, tls=certificate.trusting())
    async with serve_mail(rules, certificate) as server:
        target = mail(server.port, MailSecurity.STARTTLS, "bosco")
        for _ in range(2):
            assert await sender.send(target, outgoing(**WORDS)) == SENT
    first, second = server.mails
    assert (first.sender, first.recipients) == (
        "bosco@northwind.example",
        ["ops@northwind.example", "anna@northwind.example"],
    )
    assert first.was_encrypted
    headers = dict(first.message.items())
    assert headers == {
        "From": "Bosco <bosco@northwind.example>",
        "To": "ops@northwind.example, anna@northwind.example",
        "Subject": "Läuft: Acme",
        "Date": "Sun, 01 Mar 2026 12:00:00 +0000",
        "Message-ID": "<msg_00000000000000000000000007@northwind.example>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": headers["Content-Type"],
    }
    parts = [(part.get_content_type(), part.get_content()) for part in first.message.iter_parts()]
    assert parts == [("text/plain", WORDS["text"]), ("text/html", WORDS["html"])]
    # Mail programs show the same mail once.
    assert first.message["Message-ID"] == second.message["Message-ID"]


async def test_mail_by_implicit_tls(certificate: Certificate) -> None:
    sender = AlertSender(public_only=False, tls=certificate.trusting())
    async with serve_mail(MailRules("tls"), certificate) as server:
        assert await sender.send(mail(server.port, MailSecurity.TLS), outgoing(**WORDS)) == SENT
    assert [one.was_encrypted for one in server.mails] == [True]


@pytest.mark.parametrize("security", [MailSecurity.STARTTLS, MailSecurity.TLS])
async def test_untrusted_certificate_is_refused_before_the_login(
    certificate: Certificate, security: MailSecurity
) -> None:
    rules = MailRules(security.value, login=("bosco", PASSWORD))
    async with serve_mail(rules, certificate) as server:
        told = await SENDER.send(mail(server.port, security, "bosco"), outgoing(**WORDS))
    assert told == failed("its certificate is not trusted, or it speaks no TLS")
    assert "AUTH" not in server.commands


async def test_without_starttls_nothing_is_sent() -> None:
    async with serve_mail(MailRules(login=("bosco", PASSWORD))) as server:
        target = mail(server.port, MailSecurity.STARTTLS, "bosco")
        told = await SENDER.send(target, outgoing(**WORDS))
    assert told == failed("the server offers no STARTTLS, or no login; see --security")
    assert server.commands == ["EHLO", "QUIT"]


@pytest.mark.parametrize(
    ("rules", "remark"),
    [
        (MailRules(login=("bosco", "other")), "the server refuses the login (535)"),
        (MailRules(says={"CONNECT": "421 busy"}), "the server is not ready (421)"),
        (MailRules(says={"MAIL": "553 no"}), "the server refuses the sender (553)"),
        (MailRules(says={"RCPT": "451 later"}), "the server refuses all recipients (451)"),
        (MailRules(says={"DATA": "554 spam"}), "the server refuses the message (554)"),
    ],
)
async def test_mail_servers_refusals_are_told_without_secrets(
    rules: MailRules, remark: str
) -> None:
    async with serve_mail(rules) as server:
        user = "bosco" if rules.login else ""
        told = await SENDER.send(mail(server.port, user=user), outgoing(**WORDS))
    assert told == failed(remark)
    assert server.mails == []


async def test_a_refused_recipient_does_not_repeat_it_for_the_others() -> None:
    async with serve_mail(MailRules(refused=frozenset({"anna@northwind.example"}))) as server:
        told = await SENDER.send(mail(server.port), outgoing(**WORDS))
    assert told == Outcome(is_sent=True, remark="the server refuses anna@northwind.example")
    assert [one.recipients for one in server.mails] == [["ops@northwind.example"]]


async def test_a_bad_farewell_does_not_repeat_it() -> None:
    async with serve_mail(MailRules(says={"QUIT": "500 what?"})) as server:
        assert await SENDER.send(mail(server.port), outgoing(**WORDS)) == SENT
    assert len(server.mails) == 1


async def test_a_header_cannot_be_smuggled_in() -> None:
    async with serve_mail(MailRules()) as server:
        words = {**WORDS, "subject": "x\r\nBcc: eve@example.com"}
        told = await SENDER.send(mail(server.port), outgoing(**words))
    assert not told.is_sent
    assert server.mails == []


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    rules = MailRules(login=("bosco", "other"))
    with caplog.at_level(logging.INFO):
        async with serve(lambda _: Reply(b"no", 403)) as server, serve_mail(rules) as mailing:
            for target, content in (
                (webhook(f"{server.url}/S3CRET", "S3CRET"), {"body": {}}),
                (slack(server.url), {"text": "x"}),
                (mail(mailing.port, user="bosco"), WORDS),
            ):
                told = await SENDER.send(target, outgoing(**content))
                assert not told.is_sent
                assert "S3CRET" not in told.remark.upper()
    assert "s3cret" not in caplog.text.lower()


def test_default_trust_is_that_of_the_system() -> None:
    assert SENDER.tls.verify_mode is ssl.CERT_REQUIRED
    assert SENDER.tls.check_hostname
