"""The supervisor's tie to its owner.

    pipe from the owner (end of file = the owner is gone) + parent id + SIGTERM -> is_cut

The kernel closes the pipe however the owner ends. A process that the owner forked may still hold
the other end, so the parent's id is compared as well.
"""

import os
import select
import signal
from types import FrameType
from typing import Self

__all__ = ["Lifeline"]


class Lifeline:
    """Tells when the servers have to end.

    Args:
        pipe: The read end; after the plan the owner never writes again, it only closes.
        owner_pid: The owner, the parent of this process.
    """

    def __init__(self, pipe: int, owner_pid: int) -> None:
        self._pipe = pipe
        self._owner_pid = owner_pid
        self._asked_to_stop = False

    def watch_signals(self) -> Self:
        """Take SIGTERM, SIGINT and SIGHUP as a wish to end in good order."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)
        return self

    def is_cut(self, *, within_seconds: float) -> bool:
        """Wait up to `within_seconds` for the owner's end; True as soon as it is certain."""
        readable, _, _ = select.select([self._pipe], [], [], within_seconds)
        return bool(readable) or self._asked_to_stop or os.getppid() != self._owner_pid

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_stop = True
