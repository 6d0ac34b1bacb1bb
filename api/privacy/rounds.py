"""Work in the background for people's rights: messages become requests, recipients are told.

PrivacyRounds.running -> every few seconds: file what came in | tell who has to be told
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from api.rounds import beside, repeat
from gdpr.inbound.filing import Filing
from gdpr.recipients.delivery import NoticeDelivery

__all__ = ["PrivacyRounds"]

_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class PrivacyRounds:
    """Runs in the serving process; several processes share the work."""

    filing: Filing
    notices: NoticeDelivery

    @asynccontextmanager
    async def running(self, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[None]:
        """Go on while a block runs."""
        filing = repeat(self.filing.file_due, sleep, _SECONDS, "privacy_round_failed")
        telling = repeat(self.notices.deliver_due, sleep, _SECONDS, "recipient_round_failed")
        async with beside(filing), beside(telling):
            yield
