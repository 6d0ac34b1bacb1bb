"""Tells recipients, over the guarded line.

    Telling -> mailbox: mail server | else: calls, one after the other -> RecipientAnswer

The first call that fails ends the attempt; the next attempt makes all of them again. What an answer
says is not read, for it may repeat what was sent; but for Google's token, and the few members that
tell how Google and TikTok took it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from api.alerts.sender import AlertSender
from api.outbound.answer import Answer
from api.outbound.patience import Patience
from api.recipients import google, tiktok
from api.recipients.answers import read_object
from api.recipients.call import Call
from api.recipients.calls import BASES, TOKEN_URL, calls_of, token_call
from api.recipients.mail import mail_of, mailbox_of
from domain.errors import InvalidInputError
from domain.ports import Clock
from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind, Telling
from gdpr.recipients.delivery import AT_ONCE

__all__ = ["HttpNotifier"]

_ACCEPTED: Final = 202
_NOT_FOUND: Final = 404
_MOST_BYTES: Final = 65_536
_AGAIN: Final = frozenset({408, 409, 425, 429})
_BY_TOKEN: Final = frozenset({RecipientKind.GA4, RecipientKind.GOOGLE_AUDIENCE})
_READ: Final[Mapping[RecipientKind, Callable[[bytes], RecipientAnswer]]] = {
    RecipientKind.GOOGLE_AUDIENCE: google.accepted,
    RecipientKind.TIKTOK_AUDIENCE: tiktok.answered,
}
_TAKEN: Final = frozenset({Answered.TOLD, Answered.ACCEPTED, Answered.CONFIRMED})
_PATIENCE: Final = Patience(connect=5.0, answer=20.0, total=25.0)


def _threads() -> ThreadPoolExecutor:
    """Of their own: who waits for slow recipients keeps nobody else waiting."""
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="recipient")


@dataclass(frozen=True, slots=True)
class HttpNotifier:
    """See `domain.ports.RecipientNotifier`.

    Attributes:
        mail: Sends e-mail.
        public_only: Refuse private and local addresses; and, of mail, connections in the clear.
        bases: Addresses of the platforms.
        token_url: Of Google.
    """

    mail: AlertSender
    clock: Clock
    public_only: bool
    bases: Mapping[RecipientKind, str] = field(default_factory=lambda: BASES)
    token_url: str = TOKEN_URL
    patience: Patience = _PATIENCE
    _pool: ThreadPoolExecutor = field(default_factory=_threads, init=False, repr=False)

    async def tell(self, telling: Telling) -> RecipientAnswer:
        """See the port."""
        if telling.kind is RecipientKind.EMAIL:
            return await self._mail(telling)
        token, problem = await self._token(telling)
        if problem is not None:
            return problem
        base = self.bases.get(telling.kind, "")
        if telling.receipt:
            return await self._look(google.status_call(telling, base, token), telling.receipt)
        calls = calls_of(telling, base, self.clock, token)
        if not calls:
            return RecipientAnswer(
                Answered.NOTHING_TO_TELL, reason="the person has no identifier that it knows"
            )
        return await self._make(calls, telling.kind)

    async def _token(self, telling: Telling) -> tuple[str, RecipientAnswer | None]:
        """Of Google, for those of its interfaces that need one."""
        if telling.kind not in _BY_TOKEN:
            return "", None
        answer, body = await self._ask(token_call(telling, self.token_url), _MOST_BYTES)
        if not answer.is_taken:
            return "", replace(_failed(answer, "Google's token: "), receipt=telling.receipt)
        return _token_in(body), None

    async def _make(self, calls: Sequence[Call], kind: RecipientKind) -> RecipientAnswer:
        """The last of the answers, with the receipts of all."""
        read = _READ.get(kind)
        receipts: list[str] = []
        said = RecipientAnswer(Answered.CONFIRMED)
        for call in calls:
            answer, body = await self._ask(call, _MOST_BYTES if read else 0)
            if not answer.is_taken:
                return _failed(answer)
            said = replace(
                read(body) if read else _by_status(kind, answer.status), status=answer.status
            )
            if said.answered not in _TAKEN:
                return said
            receipts.append(said.receipt)
        return replace(said, receipt=", ".join(filter(None, receipts)))

    async def _look(self, call: Call, receipt: str) -> RecipientAnswer:
        """Whether what was accepted is done."""
        answer, body = await self._ask(call, _MOST_BYTES)
        if answer.status == _NOT_FOUND:
            return RecipientAnswer(
                Answered.UNREACHED, answer.status, "it knows nothing of what it had accepted"
            )
        if not answer.is_taken:
            return replace(_failed(answer), receipt=receipt)
        return replace(google.finished(body, receipt), status=answer.status)

    async def _mail(self, telling: Telling) -> RecipientAnswer:
        try:
            mailbox = mailbox_of(telling.settings, telling.secrets, is_production=self.public_only)
        except InvalidInputError as error:
            return RecipientAnswer(Answered.REFUSED, reason=error.message)
        outcome = await self.mail.send(mailbox, mail_of(telling))
        if outcome.is_sent:
            return RecipientAnswer(Answered.TOLD)
        return RecipientAnswer(Answered.UNREACHED, reason=outcome.remark)

    async def _ask(self, call: Call, most_bytes: int = 0) -> tuple[Answer, bytes]:
        from api.outbound.line import Line  # noqa: PLC0415  # half a second of imports
        from api.outbound.post import ask  # noqa: PLC0415

        line = Line(self.patience, public_only=self.public_only)
        headers = {"User-Agent": "Bosco", **call.headers}
        once = partial(
            ask, line, call.url, call.body, headers, method=call.method, most_bytes=most_bytes
        )
        work = asyncio.get_running_loop().run_in_executor(self._pool, once)
        try:
            return await asyncio.wait_for(work, self.patience.total)
        except TimeoutError:
            return Answer(None, "", f"it took longer than {self.patience.total:g} s"), b""
        finally:
            line.hang_up()


def _by_status(kind: RecipientKind, status: int | None) -> RecipientAnswer:
    waits = kind is RecipientKind.WEBHOOK and status == _ACCEPTED
    return RecipientAnswer(Answered.TOLD if waits else Answered.CONFIRMED)


def _failed(answer: Answer, what: str = "") -> RecipientAnswer:
    """4xx says that the request itself is not taken: trying it again does not help."""
    status = answer.status
    is_refused = status is not None and status not in _AGAIN and 400 <= status < 500  # noqa: PLR2004
    return RecipientAnswer(
        Answered.REFUSED if is_refused else Answered.UNREACHED,
        status,
        f"{what}{answer.failure}",
        answer.retry_after,
    )


def _token_in(body: bytes) -> str:
    token = read_object(body).get("access_token")
    return token if isinstance(token, str) else ""
