"""Waiting for a child, and the two ways it can be in vain.

child -> poll: ready? alive? owner there? time left? -> ready | error
"""

import time
from collections.abc import Callable
from typing import Final

from api.embedded.child import Child
from api.embedded.lifeline import Lifeline
from domain.errors import InternalError

__all__ = ["OwnerGoneError", "StartFailedError", "wait_for_end", "wait_until"]

# A warm start takes 0.1 s; recovery after a crash of a big database can take this long.
PATIENCE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.01


class StartFailedError(InternalError):
    """A server ended, or was not ready in time; the message says what it wrote last."""

    code = "EMBEDDED_SERVER_FAILED"


class OwnerGoneError(InternalError):
    """The owner ended while its servers were starting."""

    code = "OWNER_GONE"


def wait_until(is_ready: Callable[[], bool], child: Child, lifeline: Lifeline) -> None:
    """Wait until `is_ready`.

    Raises:
        StartFailedError: The child ended first, or two minutes passed.
        OwnerGoneError: Nobody needs it any more.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_ready():
        if not child.is_running():
            raise StartFailedError(f"{child.name} ended while starting: {child.last_words()}")
        if time.monotonic() > deadline:
            raise StartFailedError(
                f"{child.name} was not ready after {PATIENCE_SECONDS:.0f} s: {child.last_words()}"
            )
        if lifeline.is_cut(within_seconds=POLL_SECONDS):
            raise OwnerGoneError(f"the owner ended while {child.name} was starting")


def wait_for_end(child: Child, lifeline: Lifeline) -> None:
    """Wait until a one-off program has done its work.

    Raises:
        StartFailedError: It failed.
        OwnerGoneError: Nobody needs it any more; it is stopped.
    """
    while child.is_running():
        if lifeline.is_cut(within_seconds=POLL_SECONDS):
            child.ask_to_stop()
            child.wait_stopped(patience_seconds=2.0)
            raise OwnerGoneError(f"the owner ended while {child.name} was running")
    if child.process.returncode != 0:
        raise StartFailedError(f"{child.name} failed: {child.last_words()}")
