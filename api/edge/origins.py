"""Pages of other origins that call us: who they are, and whether some app lists them.

    Origin -> none, or our own page: nothing to decide
           -> foreign: written as browsers write it -> door is_origin_known, remembered -> known?

Sources: Fetch standard, sections 3.2 (Origin) and 3.3 (CORS protocol), read 2026-11; RFC 6454.
"""

import datetime as dt
import re
from collections import OrderedDict
from typing import Final, Protocol

from starlette.datastructures import Headers

from domain.ports import Clock

__all__ = ["RECHECK", "KnownOrigins", "OriginDoor", "foreign_origin"]

RECHECK: Final = dt.timedelta(seconds=3)
_REMEMBERED: Final = 1_000
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


class OriginDoor(Protocol):
    """Knows the origins that apps list."""

    async def is_origin_known(self, origin: str) -> bool:
        """Whether some agency's app lists it."""
        ...


class KnownOrigins:
    """Remembers what the door said for `RECHECK`. Used from one event loop."""

    def __init__(self, door: OriginDoor, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        self._remembered: OrderedDict[str, tuple[dt.datetime, bool]] = OrderedDict()

    async def is_known(self, origin: str) -> bool:
        """Whether some app lists the origin.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        if not _ORIGIN.fullmatch(origin):
            return False
        now, known = self._clock(), self._remembered.get(origin)
        if known is not None and now - known[0] < RECHECK:
            return known[1]
        is_known = await self._door.is_origin_known(origin)
        self._remembered[origin] = (now, is_known)
        self._remembered.move_to_end(origin)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return is_known


def foreign_origin(headers: Headers) -> str | None:
    """The origin of the page behind a request; None: no page, or one of this very server.

    A page of this server has the origin of the address that the request was sent to. Neither header
    is within the reach of a page's script.

    Args:
        headers: Of the request; several Origin headers count as one that nobody lists.
    """
    origins = headers.getlist("origin")
    if not origins:
        return None
    if len(origins) > 1:
        return "null"
    host = headers.get("host")
    is_own = host is not None and origins[0].partition("://")[2] == host
    return None if is_own else origins[0]
