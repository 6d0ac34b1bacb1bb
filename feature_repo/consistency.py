"""What is served online is what the facts say: the proof, by example.

    some entities -> online values and their instant -> the same, computed as of that instant
    -> mismatches
    what was served to some reads -> likewise

The second computation asks another statement (pairs of entity and instant instead of whole
accounts), at another time, of facts that have moved on since. It agrees only if nothing that
became known later leaks into the past, and nothing was lost on the way to Redis.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.ports import TenantScope
from feature_repo.compute import FeatureComputer, instant_of
from feature_repo.feature import FeatureView
from feature_repo.online import OnlineFeatures
from feature_repo.packing import StoredValues, Value
from feature_repo.statements import ENTITY, MOMENT

__all__ = ["ConsistencyCheck", "ConsistencyReport", "Mismatch", "Served"]

_CHUNK: Final = 2_000
# A sum of doubles depends on the order in which a warehouse adds them up.
_ROUNDING: Final = 1e-9

# An entity, and what was served of it.
Served = tuple[str, StoredValues]


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
            mismatches += await self.compare(scope, view, served)
        return ConsistencyReport(
            view=view.name,
            asked=len(entity_ids),
            missing=missing,
            values=(len(entity_ids) - missing) * len(view.features),
            mismatches=tuple(mismatches),
        )

    async def compare(
        self, scope: TenantScope, view: FeatureView, served: Sequence[Served]
    ) -> list[Mismatch]:
        """Compute anew what was served, each as of its own instant. For each 2,000: one query.

        Returns:
            The values that differ, by entity and feature.

        Raises:
            WarehouseError: The warehouse failed.
        """
        mismatches = []
        for start in range(0, len(served), _CHUNK):
            some = sorted(served[start : start + _CHUNK], key=lambda one: (one[0], one[1].micros))
            pairs = [(entity_id, instant_of(stored.micros)) for entity_id, stored in some]
            table = await self._computer.asked(scope, view, pairs)
            computed = {(row[ENTITY], row[MOMENT]): row for row in table.to_pylist()}
            mismatches += [
                mismatch
                for entity_id, stored in some
                for mismatch in _compare(
                    entity_id, view, stored, computed.get((entity_id, stored.micros), {})
                )
            ]
        return mismatches

    async def _served(
        self, scope: TenantScope, view: FeatureView, entity_ids: Sequence[str]
    ) -> list[Served]:
        found = await self._online.read(scope, view, entity_ids)
        return [
            (entity_id, stored)
            for entity_id, stored in zip(entity_ids, found, strict=True)
            if stored is not None
        ]


def _compare(
    entity_id: str, view: FeatureView, stored: StoredValues, computed: dict[str, Value]
) -> list[Mismatch]:
    return [
        Mismatch(entity_id, name, value, computed.get(name))
        for name, value in zip(view.feature_names, stored.values, strict=True)
        if not _is_same(value, computed.get(name))
    ]


def _is_same(served: Value, computed: Value) -> bool:
    if isinstance(served, float) and isinstance(computed, float):
        return math.isclose(served, computed, rel_tol=_ROUNDING)
    return served == computed
