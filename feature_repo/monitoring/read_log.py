"""Which reads are computed again: a fair sample of a few, whatever the traffic.

    read -> reservoir of its agency and view, in memory -> every ten minutes -> feature_reads

A read costs a look into a dictionary and a random number; nothing is written on its way. Of all
reads since the last flush each is kept with the same chance, one entity of each. A process that is
killed takes its last minutes along: it is a sample.

Why PostgreSQL and not a stream in Redis: the day's check takes reads out in the transaction that
notes what it found, so that each counts once; row-level security and the inventory hold for them as
for everything else. At five reads in ten minutes it is 720 rows a day of a view, in each process.

Source: Vitter, "Random sampling with a reservoir" (1985), algorithm R. Consistency by logged reads:
Chronon.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import insert

from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from feature_repo.compute import instant_of
from feature_repo.consistency import Served
from feature_repo.feature import FeatureView
from feature_repo.feature_views import fingerprint
from feature_repo.packing import StoredValues
from tenancy.session import Database
from tenancy.tables import FeatureRead

__all__ = ["FLUSH_SECONDS", "ReadLog"]

FLUSH_SECONDS: Final = 600.0
_KEPT: Final = 5  # reads of one view of one agency between two flushes


@dataclass(slots=True)
class _Reservoir:
    """A fair sample of the reads of one view of one agency."""

    view: FeatureView
    reads: int = 0
    kept: list[Served] = field(default_factory=list)


class ReadLog:
    """Keeps a few of many reads."""

    def __init__(
        self, database: Database, clock: Clock, ids: IdFactory, random: Callable[[], float]
    ) -> None:
        """Connects to nothing.

        Args:
            database: Where reads are kept in the end.
            clock: The present UTC instant.
            ids: Gives reads their ids.
            random: A number from 0 to less than 1.
        """
        self._database = database
        self._clock = clock
        self._ids = ids
        self._random = random
        self._reservoirs: dict[tuple[TenantId, str], _Reservoir] = {}

    def note(
        self,
        tenant_id: TenantId,
        view: FeatureView,
        entity_ids: Sequence[str],
        found: Sequence[StoredValues | None],
    ) -> None:
        """Take notice of a read, of which at most one entity is kept.

        Args:
            tenant_id: Whose entities.
            view: Of which features.
            entity_ids: Asked for.
            found: Served, in the same order.
        """
        if not entity_ids:
            return
        reservoir = self._reservoirs.get((tenant_id, view.name))
        # Another definition under the same name: what was kept is of the former.
        if reservoir is None or reservoir.view is not view:
            reservoir = self._reservoirs[tenant_id, view.name] = _Reservoir(view)
        reservoir.reads += 1
        place = len(reservoir.kept)
        if place == _KEPT:
            place = int(self._random() * reservoir.reads)
            if place >= _KEPT:
                return
        chosen = int(self._random() * len(entity_ids))
        stored = found[chosen]
        if stored is not None:
            reservoir.kept[place : place + 1] = [(entity_ids[chosen], stored)]

    async def flush(self) -> int:
        """Write down what was kept since the last time, agency by agency.

        Returns:
            How many reads.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer; what was kept is dropped.
        """
        reservoirs, self._reservoirs = self._reservoirs, {}
        now, written = self._clock(), 0
        for (tenant_id, _), reservoir in reservoirs.items():
            rows = [self._row(tenant_id, reservoir.view, now, *served) for served in reservoir.kept]
            if rows:
                async with self._database.session(tenant_id) as session:
                    await session.execute(insert(FeatureRead), rows)
                written += len(rows)
        return written

    def _row(
        self,
        tenant_id: TenantId,
        view: FeatureView,
        now: dt.datetime,
        entity_id: str,
        stored: StoredValues,
    ) -> dict[str, object]:
        return {
            "tenant_id": tenant_id,
            "id": self._ids(),
            "view": view.name,
            "fingerprint": fingerprint(view),
            "entity_id": entity_id,
            "client_id": stored.client_id,
            "as_of": instant_of(stored.micros),
            "served": list(stored.values),
            "noted_at": now,
        }
