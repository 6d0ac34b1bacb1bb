"""What is served online is what the facts say: the proof, by example.

    some entities -> online values and their instant -> the same, computed as of that instant
    -> mismatches

The second computation asks another statement (pairs of entity and instant instead of whole
accounts), at another time, of facts that have moved on since. It agrees only if nothing that
became known later leaks into the past, and nothing was lost on the way to Redis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.ports import TenantScope
from feature_repo.compute import FeatureComputer, instant_of
from feature_repo.feature import FeatureView
from feature_repo.online import OnlineFeatures
from feature_repo.packing import StoredValues, Value
from feature_repo.statements import ENTITY

__all__ = ["ConsistencyCheck", "ConsistencyReport", "Mismatch"]

_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A value that differs.

    Attributes:
        entity_id: Whose.
        feature: Which.
        online: What is served.
        computed: What the facts say as of the same instant.
    """

    entity_id: str
    feature: str
    online: Value
    computed: Value


@dataclass(frozen=True, slots=True)
class ConsistencyReport:
    """The outcome of one check of one view.

    Attributes:
        view: Its name.
        asked: Entities asked for.
        missing: Of these, how many have no values online.
        values: Values compared.
        mismatches: Those that differ, by entity and feature.
    """

    view: str
    asked: int
    missing: int
    values: int
    mismatches: tuple[Mismatch, ...]


class ConsistencyCheck:
    """Compares what is served with what the facts say."""

    def __init__(self, online: OnlineFeatures, computer: FeatureComputer) -> None:
        self._online = online
        self._computer = computer

    async def run(
        self, scope: TenantScope, view: FeatureView, entity_ids: Sequence[str]
    ) -> ConsistencyReport:
        """Check a view of some entities. For each 2,000: one command to Redis, one query.

        Raises:
            RedisUnavailableError: Redis does not answer.
            WarehouseError: The warehouse failed.
        """
        missing, mismatches = 0, []
        for start in range(0, len(entity_ids), _CHUNK):
            some = entity_ids[start : start + _CHUNK]
            served = await self._served(scope, view, some)
            missing += len(some) - len(served)
            mismatches += await self._mismatches(scope, view, served)
        return ConsistencyReport(
            view=view.name,
            asked=len(entity_ids),
            missing=missing,
            values=(len(entity_ids) - missing) * len(view.features),
            mismatches=tuple(mismatches),
        )

    async def _served(
        self, scope: TenantScope, view: FeatureView, entity_ids: Sequence[str]
    ) -> dict[str, StoredValues]:
        found = await self._online.read(scope, view, entity_ids)
        return {
            entity_id: stored
            for entity_id, stored in zip(entity_ids, found, strict=True)
            if stored is not None
        }

    async def _mismatches(
        self, scope: TenantScope, view: FeatureView, served: Mapping[str, StoredValues]
    ) -> list[Mismatch]:
        pairs = [(entity_id, instant_of(stored.micros)) for entity_id, stored in served.items()]
        table = await self._computer.asked(scope, view, pairs)
        computed = {row[ENTITY]: row for row in table.to_pylist()}
        return [
            mismatch
            for entity_id, stored in sorted(served.items())
            for mismatch in _compare(entity_id, view, stored, computed.get(entity_id, {}))
        ]


def _compare(
    entity_id: str, view: FeatureView, stored: StoredValues, computed: dict[str, Value]
) -> list[Mismatch]:
    return [
        Mismatch(entity_id, name, value, computed.get(name))
        for name, value in zip(view.feature_names, stored.values, strict=True)
        if value != computed.get(name)
    ]
