"""Features out of the warehouse, as of any instant.

    scope, view, owners, instant -> guarded warehouse -> every entity of theirs
    scope, view, (entity, instant) pairs -> guarded warehouse -> one row per pair

What is served online and what a model is trained on come out of the same statement.
"""

import asyncio
import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import pyarrow as pa

from domain.ports import Parameter, QueryWarehouse, Statement, TenantScope
from feature_repo.catalogue import FeatureSet
from feature_repo.feature import LOOKBACK_DAYS, FeatureView
from feature_repo.statements import (
    ASKED,
    CLIENT_ID,
    ENTITY,
    FIRST_DAY,
    LAST_DAY,
    MOMENT,
    MOMENT_DIGITS,
    OWNERS,
    asked_features,
    current_features,
)
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["FeatureComputer", "instant_of", "micros_of"]

# Zones lie up to 14 hours off UTC; a changed zone moves a day by one more.
_SLACK_DAYS = 2
# Statements that are kept: a few of the platform, and those that agencies lately used.
_KEPT: Final = 256
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def micros_of(instant: dt.datetime) -> int:
    """Microseconds since 1970, exact."""
    return (instant - _EPOCH) // dt.timedelta(microseconds=1)


def instant_of(micros: int) -> dt.datetime:
    """The UTC instant; undoes `micros_of`."""
    return _EPOCH + dt.timedelta(microseconds=micros)


class FeatureComputer:
    """Computes features; keeps nothing but its statements."""

    def __init__(self, warehouse: QueryWarehouse) -> None:
        self._warehouse = warehouse

    async def current(
        self, scope: TenantScope, view: FeatureView, owners: Iterable[str], as_of: dt.datetime
    ) -> pa.Table:
        """Features of every entity of some owners that was known in the last 28 days.

        Args:
            scope: Whose facts may be read.
            view: What to compute.
            owners: Values of the entity's owner column.
            as_of: Only what was known by then counts.

        Returns:
            Columns `entity`, `moment` (microseconds), `client_id` and the features, sorted by
            entity. One query.

        Raises:
            WarehouseError: The warehouse failed.
        """
        parameters: dict[str, Parameter] = {
            OWNERS: tuple(sorted(set(owners))),
            MOMENT: micros_of(as_of),
            **_days([as_of]),
        }
        table = await self._warehouse.run(scope, _current(view), parameters)
        return table.sort_by(ENTITY)

    async def asked(
        self, scope: TenantScope, view: FeatureView, pairs: Sequence[tuple[str, dt.datetime]]
    ) -> pa.Table:
        """Features of pairs of entity id and instant, each as of its own instant.

        Returns:
            As `current`, sorted by entity and moment; a pair of which nothing was known has no
            row, and a pair that is asked twice has one. One query, or none for no pairs.

        Raises:
            WarehouseError: The warehouse failed.
        """
        if not pairs:
            return _schema(view).empty_table()
        parameters: dict[str, Parameter] = {
            ASKED: tuple(
                sorted({f"{micros_of(when):0{MOMENT_DIGITS}d}{entity}" for entity, when in pairs})
            ),
            OWNERS: tuple(sorted({view.entity.owner_of(entity) for entity, _ in pairs})),
            **_days([instant for _, instant in pairs]),
        }
        table = await self._warehouse.run(scope, _asked(view), parameters)
        return table.sort_by([(ENTITY, "ascending"), (MOMENT, "ascending")])

    async def in_order(
        self,
        scope: TenantScope,
        wanted: FeatureSet,
        entity_ids: Sequence[str],
        instants: Sequence[dt.datetime],
    ) -> pa.Table:
        """Features of entities, each as of its own instant: the columns of a training set.

        Args:
            scope: Whose facts may be read.
            wanted: Which features, in this order.
            entity_ids: One for each row.
            instants: Likewise, UTC.

        Returns:
            The features alone, a row for each one asked, in that order; NULL where nothing was
            known. One query, or none for no rows.

        Raises:
            WarehouseError: The warehouse failed.
        """
        found = await self.asked(scope, wanted.view, list(zip(entity_ids, instants, strict=True)))
        return await asyncio.to_thread(_arrange, found, wanted.features, entity_ids, instants)


def _arrange(
    found: pa.Table,
    names: Sequence[str],
    entity_ids: Sequence[str],
    instants: Sequence[dt.datetime],
) -> pa.Table:
    keys = zip(found.column(ENTITY).to_pylist(), found.column(MOMENT).to_pylist(), strict=True)
    places = {key: number for number, key in enumerate(keys)}
    asked = zip(entity_ids, map(micros_of, instants), strict=True)
    return found.select(list(names)).take(pa.array(map(places.get, asked), pa.int64()))


def _schema(view: FeatureView) -> pa.Schema:
    columns = {ENTITY: pa.string(), MOMENT: pa.int64(), CLIENT_ID: pa.string()}
    columns |= {feature.name: ARROW_TYPES[feature.type] for feature in view.features}
    return pa.schema(columns.items())


def _days(instants: Sequence[dt.datetime]) -> dict[str, Parameter]:
    slack = dt.timedelta(days=_SLACK_DAYS)
    earliest, latest = min(instants).date(), max(instants).date()
    return {
        FIRST_DAY: earliest - dt.timedelta(days=LOOKBACK_DAYS) - slack,
        LAST_DAY: latest + slack,
    }


@lru_cache(maxsize=_KEPT)
def _current(view: FeatureView) -> Statement:
    return current_features(view)


@lru_cache(maxsize=_KEPT)
def _asked(view: FeatureView) -> Statement:
    return asked_features(view)
