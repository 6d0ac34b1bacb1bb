"""Sends messages to endpoints.

url, secrets, message -> signed headers -> a thread, a deadline, the guarded line -> Answer
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from api.outbound.answer import Answer
from api.outbound.patience import Patience
from api.webhooks.message import Message
from api.webhooks.signing import signed_headers
from domain.ports import Clock
from tenancy.vault import Secret

__all__ = ["AT_ONCE", "WebhookSender"]

AT_ONCE: Final = 32

# The specification advises 15 to 30 seconds in all.
_PATIENCE: Final = Patience(connect=5.0, answer=20.0, total=25.0)


def _threads() -> ThreadPoolExecutor:
    """Of their own: who waits for slow endpoints keeps nobody else waiting."""
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends one message to one endpoint; failing is an answer, not an error.

    Attributes:
        public_only: Refuse private and local addresses.
        clock: Tells when an attempt is made.
        patience: With the other side.
    """

    public_only: bool
    clock: Clock
    patience: Patience = _PATIENCE
    _pool: ThreadPoolExecutor = field(default_factory=_threads, init=False, repr=False)

    async def send(self, url: str, secrets: Sequence[Secret], message: Message) -> Answer:
        """Send a message once, within half a minute."""
        from api.outbound.line import Line  # noqa: PLC0415  # half a second of imports
        from api.outbound.post import post  # noqa: PLC0415

        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Bosco",
            **signed_headers(secrets, message_id=message.id, at=self.clock(), body=message.body),
        }
        line = Line(self.patience, public_only=self.public_only)
        work = asyncio.get_running_loop().run_in_executor(
            self._pool, post, line, url, message.body, headers
        )
        try:
            return await asyncio.wait_for(work, self.patience.total)
        except TimeoutError:
            return Answer(None, "", f"it took longer than {self.patience.total:g} s")
        finally:
            line.hang_up()
