"""Suppressions are written and followed round after round, also after one that failed."""

import asyncio
from typing import cast

import pytest
from structlog.testing import capture_logs

from api.suppressing import keep_suppressing
from tenancy.privacy.suppression_writer import SuppressionWriter

pytestmark = pytest.mark.anyio


class FakeWriter:
    """Fails in its first round of writing."""

    def __init__(self) -> None:
        self.written = self.followed = 0
        self.enough = asyncio.Event()

    async def write_due(self) -> int:
        self.written += 1
        if self.written == 1:
            raise ConnectionError
        return self._count()

    async def follow_due(self) -> int:
        self.followed += 1
        return self._count()

    def _count(self) -> int:
        if min(self.written, self.followed) > 2:
            self.enough.set()
        return 0


async def test_both_go_on_after_a_failure_and_end_with_the_block() -> None:
    writer = FakeWriter()
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        await asyncio.sleep(0)

    with capture_logs() as logs:
        async with keep_suppressing(cast("SuppressionWriter", writer), sleep):
            await asyncio.wait_for(writer.enough.wait(), 30)
    done = (writer.written, writer.followed)
    await asyncio.sleep(0)
    assert (writer.written, writer.followed) == done
    assert set(naps) == {1.0}
    assert [line["event"] for line in logs] == ["suppressions_not_written"]
