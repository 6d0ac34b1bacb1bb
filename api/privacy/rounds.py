"""Work in the background for people's rights: messages become requests, recipients are told.

PrivacyRounds.running -> every few seconds: file what came in | put lanes where somebody has to be
told; no round waits for lanes
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from api.rounds import beside, repeat
from gdpr.inbound.filing import Filing
from gdpr.recipients.delivery import Lane, NoticeDelivery

__all__ = ["PrivacyRounds"]

_LOG: Final = structlog.get_logger(__name__)

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
        async with beside(filing), beside(self._tell(sleep)):
            yield

    async def _tell(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as lanes:

            def start(lane: Lane) -> asyncio.Task[int]:
                return lanes.create_task(_apart(lane))

            async def one_round() -> None:
                await self.notices.open_lanes(start)

            await repeat(one_round, sleep, _SECONDS, "recipient_round_failed")


async def _apart(lane: Lane) -> int:
    """A bug that one recipient meets stays with it."""
    try:
        return await lane()
    except Exception:  # noqa: BLE001  # the next round puts another lane there
        _LOG.exception("recipient_lane_failed")
        return 0
