"""Which platforms answer, and what they grant: looked at by one for all.

    open outages + budgets in Redis -> look -> ProviderState of each source
    a sync that failed as unavailable -> asked once, cheaply, through another account
        -> no answer either: an outage begins -> asked again now and then -> it answers: over

While a platform is away no sync of it is started: it would try for minutes, in a slot that others
need. The cheap question is the one that proves credentials; a refusal is an answer, too.
"""

import asyncio
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import select

from domain.errors import UserError
from domain.ports import BudgetGauge
from ingestion.connector.budget import shared_buckets
from ingestion.connector.failures import ProviderUnavailableError, ThrottledError
from ingestion.extraction import Extraction
from ingestion.schedule.board import urgency
from ingestion.schedule.provider_state import Allowance, Providers, ProviderState
from ingestion.schedule.services import ScheduleServices
from tenancy.due_work import DueWork
from tenancy.tables import Connection, ProviderOutage

__all__ = ["ProviderWatch"]

_LOG: Final = structlog.get_logger(__name__)

_ASK_EVERY: Final = dt.timedelta(minutes=5)
# A worker waits out a shorter hold by itself.
_SHORTEST_HOLD_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class ProviderWatch:
    """Looks at platforms, and asks those that may be away.

    Attributes:
        apps: For each source, the credentials of our own app there.
    """

    services: ScheduleServices
    apps: Mapping[str, Mapping[str, str]]
    budgets: BudgetGauge
    extraction: Extraction

    async def look(self, works: Sequence[DueWork], suspects: Collection[str] = ()) -> Providers:
        """How the platforms of all that is due are; writes down outages that begin and end.

        Args:
            works: What is due: whose accounts can be asked about.
            suspects: Sources of which a sync has just failed as unavailable.
        """
        now = self.services.clock()
        outages = await self._open_outages()
        overdue = {name for name, one in outages.items() if now - one.asked_at >= _ASK_EVERY}
        if asked := sorted(overdue | (set(suspects) - outages.keys())):
            answers = await asyncio.gather(*(self._answers(name, works, now) for name in asked))
            for source, has_answered in zip(asked, answers, strict=True):
                await self._note(source, outages.get(source), now, has_answered=has_answered)
            outages = await self._open_outages()
        sources = sorted({work.source for work in works})
        return {name: await self._state(name, outages.get(name)) for name in sources}

    async def _state(self, source: str, outage: ProviderOutage | None) -> ProviderState:
        buckets = shared_buckets(self.services.sources[source], self.apps.get(source, {}))
        allowances: list[Allowance] = []
        held_seconds = 0.0
        for bucket in buckets:
            left = await self.budgets.look(bucket)
            held_seconds = max(held_seconds, left.held_seconds)
            if bucket.refill_per_second:
                allowances.append(Allowance(left.calls, bucket.capacity, bucket.refill_per_second))
        is_held = held_seconds >= _SHORTEST_HOLD_SECONDS
        held = dt.timedelta(seconds=held_seconds)
        return ProviderState(
            allowances=tuple(allowances),
            away_since=None if outage is None else outage.since,
            held_until=self.services.clock() + held if is_held else None,
        )

    async def _answers(
        self, source: str, works: Sequence[DueWork], now: dt.datetime
    ) -> bool | None:
        """Whether a platform answers; None: nobody could ask."""
        candidates = [work for work in works if work.source == source]
        if not candidates:
            return None
        # An account without a failure of its own tells more about the platform.
        work = min(candidates, key=lambda one: (one.error_code is not None, urgency(one, now)))
        async with self.services.database.session(work.tenant_id) as session:
            connection = await session.get_one(Connection, (work.tenant_id, work.connection_id))
        try:
            await self.extraction.check_connection(connection)
        except ProviderUnavailableError:
            return False
        except ThrottledError:
            return None
        except UserError:
            return True
        return True

    async def _open_outages(self) -> Mapping[str, ProviderOutage]:
        query = select(ProviderOutage).where(ProviderOutage.ended_at.is_(None))
        async with self.services.database.platform_session() as session:
            return {outage.source: outage for outage in (await session.scalars(query)).all()}

    async def _note(
        self,
        source: str,
        outage: ProviderOutage | None,
        now: dt.datetime,
        *,
        has_answered: bool | None,
    ) -> None:
        """Write down what a platform has answered; looks take turns, so nobody else does."""
        if has_answered is None or (has_answered and outage is None):
            return
        async with self.services.database.platform_session() as session:
            if outage is None:
                session.add(ProviderOutage(source=source, since=now, asked_at=now))
                _LOG.warning("provider_is_away", source=source)
                return
            known = await session.get_one(ProviderOutage, (source, outage.since))
            known.asked_at = now
            if has_answered:
                known.ended_at = now
                _LOG.info("provider_is_back", source=source)
