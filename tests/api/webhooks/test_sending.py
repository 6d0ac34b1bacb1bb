"""Messages over real sockets: what counts as taken, and what is said of everything else."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from api.outbound.answer import Answer
from api.outbound.patience import Patience
from api.webhooks.message import Message
from api.webhooks.sender import WebhookSender
from tenancy.vault import Secret
from tests.api.alerts.mail_server import MailRules, make_certificate, serve_mail
from tests.api.alerts.test_sending import _dripping
from tests.ingestion.connector.scripted_server import Reply, serve

pytestmark = pytest.mark.anyio

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
MESSAGE = Message("msg_1", b"{}")


def _clock() -> dt.datetime:
    return dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


SENDER = WebhookSender(public_only=False, clock=_clock)
GUARDED = WebhookSender(public_only=True, clock=_clock)


async def _send(url: str, sender: WebhookSender = SENDER) -> Answer:
    return await sender.send(url, [SECRET], MESSAGE)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_2xx_is_taken(status: int) -> None:
    async with serve(lambda _: Reply(status=status)) as server:
        assert await _send(f"{server.url}/hook?key=7") == Answer(status, "", "")
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("POST", "/hook", {"key": "7"})


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
async def test_everything_else_is_not(status: int) -> None:
    headers = {"Retry-After": "120"} if status in {429, 503} else {}
    async with serve(lambda _: Reply(b"S3CRET", status, headers)) as server:
        told = await _send(server.url)
    assert told == Answer(status, headers.get("Retry-After", ""), f"it answered {status}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with serve(lambda _: Reply(b"secret of the network")) as inside:
        away = Reply(status=status, headers={"Location": f"{inside.url}/latest/meta-data"})
        async with serve(lambda _: away) as server:
            told = await _send(server.url)
    assert told == Answer(status, "", f"it answered {status}; redirects are not followed")
    assert inside.requests == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0", "2130706433"]
)
async def test_production_reaches_no_private_address(host: str) -> None:
    async with serve(lambda _: Reply()) as server:
        told = await _send(f"http://{host}:{server.url.rpartition(':')[2]}/", GUARDED)
    private = "the name leads to a private or local address; messages go to public ones only"
    assert told == Answer(None, "", private)
    assert server.requests == []


async def test_who_drips_is_hung_up_on() -> None:
    patience = Patience(connect=5, answer=60, total=0.2)
    brief = WebhookSender(public_only=False, clock=_clock, patience=patience)
    async with _dripping() as (port, ended):
        told = await _send(f"http://127.0.0.1:{port}/", brief)
        assert told == Answer(None, "", "it took longer than 0.2 s")
        async with asyncio.timeout(10):
            await ended.wait()


async def test_silence_is_told() -> None:
    patience = Patience(connect=60, answer=0.05, total=60)
    hasty = WebhookSender(public_only=False, clock=_clock, patience=patience)
    async with serve_mail(MailRules(is_silent=True)) as server:
        told = await _send(f"http://127.0.0.1:{server.port}/", hasty)
    assert told == Answer(None, "", "it does not answer in time")


async def test_nobody_there_is_told() -> None:
    async with serve(lambda _: Reply()) as server:
        pass
    nobody = "the name does not exist, or nobody takes connections there"
    assert await _send(server.url) == Answer(None, "", nobody)


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    async with serve_mail(MailRules("tls"), make_certificate(tmp_path)) as server:
        told = await _send(f"https://localhost:{server.port}/")
    assert told == Answer(None, "", "its certificate is not trusted, or it speaks no TLS")


async def test_many_at_once_wait_for_their_names_to_be_looked_up() -> None:
    async with serve(lambda _: Reply()) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        told = await asyncio.gather(*(_send(url) for _ in range(100)))
    assert told == [Answer(200, "", "")] * 100
