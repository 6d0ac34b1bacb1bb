"""What an agency allows its app: from which pages it may call, and how often.

caller -> its app's row, in the agency's own session, remembered for `RECHECK` -> AppPolicy
"""

import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from api.identity.caller import Caller
from domain.ids import TenantId
from domain.ports import Clock
from tenancy.session import Database
from tenancy.tables import OAuthClient

__all__ = ["RECHECK", "AppPolicies", "AppPolicy"]

RECHECK: Final = dt.timedelta(seconds=3)
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class AppPolicy:
    """Of one app.

    Attributes:
        origins: Of pages that may call with its tokens.
        calls_per_minute: Requests with its tokens, those of all people and processes together.
    """

    origins: frozenset[str]
    calls_per_minute: int


class AppPolicies:
    """Finds policies. Used from one event loop.

    Args:
        database: Control plane.
        clock: Present instant.
        calls_per_minute: Of an app whose agency has not said.
    """

    def __init__(self, database: Database, clock: Clock, *, calls_per_minute: int) -> None:
        self._database = database
        self._clock = clock
        self._calls_per_minute = calls_per_minute
        self._remembered: OrderedDict[tuple[TenantId, str], tuple[dt.datetime, AppPolicy]] = (
            OrderedDict()
        )

    async def of(self, caller: Caller) -> AppPolicy:
        """The policy of the caller's app. One query every `RECHECK`, else no I/O.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        key, now = (caller.tenant_id, caller.client_id), self._clock()
        known = self._remembered.get(key)
        if known is not None and now - known[0] < RECHECK:
            self._remembered.move_to_end(key)
            return known[1]
        policy = await self._read(caller)
        self._remembered[key] = (now, policy)
        self._remembered.move_to_end(key)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return policy

    async def _read(self, caller: Caller) -> AppPolicy:
        columns = select(OAuthClient.origins, OAuthClient.calls_per_minute)
        async with self._database.session(caller.tenant_id) as session:
            found = await session.execute(columns.where(OAuthClient.client_id == caller.client_id))
            row = found.one_or_none()
        if row is None:  # deleted since its token was checked
            return AppPolicy(frozenset(), self._calls_per_minute)
        return AppPolicy(frozenset(row.origins), row.calls_per_minute or self._calls_per_minute)
