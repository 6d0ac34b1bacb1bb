"""Tells recipients, over the guarded line.

    Telling -> mailbox: mail server | else: calls, one after the other -> RecipientAnswer

The first call that fails ends the attempt; the next attempt makes all of them again. What an answer
says is not read, but for Google's token: it may repeat what was sent.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from api.alerts.sender import AlertSender
from api.outbound.answer import Answer
from api.outbound.patience import Patience
from api.recipients.calls import BASES, TOKEN_URL, Call, calls_of, token_call
from api.recipients.mail import mail_of, mailbox_of
from domain.errors import InvalidInputError
from domain.ports import Clock
from domain.privacy.recipients import Answered, RecipientAnswer, RecipientKind, Telling

__all__ = ["HttpNotifier"]

_ACCEPTED: Final = 202
_MOST_BYTES: Final = 65_536
_AGAIN: Final = frozenset({408, 409, 425, 429})
_PATIENCE: Final = Patience(connect=5.0, answer=20.0, total=25.0)


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

    async def tell(self, telling: Telling) -> RecipientAnswer:
        """See the port."""
        if telling.kind is RecipientKind.EMAIL:
            return await self._mail(telling)
        token = ""
        if telling.kind is RecipientKind.GA4:
            answer, body = await self._ask(token_call(telling, self.token_url), _MOST_BYTES)
            if not answer.is_taken:
                return _failed(answer, "Google's token: ")
            token = _token_in(body)
        calls = calls_of(telling, self.bases.get(telling.kind, ""), self.clock, token)
        if not calls:
            return RecipientAnswer(
                Answered.NOTHING_TO_TELL, reason="the person has no identifier that it knows"
            )
        answer = Answer(None, "", "")
        for call in calls:
            answer, _ = await self._ask(call)
            if not answer.is_taken:
                return _failed(answer)
        waits = telling.kind is RecipientKind.WEBHOOK and answer.status == _ACCEPTED
        return RecipientAnswer(Answered.TOLD if waits else Answered.CONFIRMED, answer.status)

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
        work = asyncio.to_thread(
            ask, line, call.url, call.body, headers, method=call.method, most_bytes=most_bytes
        )
        try:
            return await asyncio.wait_for(work, self.patience.total)
        except TimeoutError:
            return Answer(None, "", f"it took longer than {self.patience.total:g} s"), b""
        finally:
            line.hang_up()


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
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    token = found.get("access_token") if isinstance(found, dict) else ""
    return token if isinstance(token, str) else ""
