"""The accuracy ledger: every forecast is kept as it was made, and later held against what came.

    Entry -> keep (once, never rewritten) -> rows of the agency
        -> score (mature actuals; anew after a restatement)
        -> accuracy, by client, measure, level, horizon and month
        | paired: a challenger's forecasts beside the champion's, for the gate

Decision: ADR-0033.
"""

import datetime as dt
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId, TenantId
from domain.ports import Clock, IdFactory
from ml.ledger.accuracy import Accuracy, Held, read_accuracy, read_held
from ml.ledger.entry import Entry, key_of
from ml.ledger.paired import Pair, pair_up
from ml.ledger.ripe import ripe_totals
from ml.panel import Floats, Measure, Panel
from tenancy.session import Database
from tenancy.tables import ForecastRole, MadeForecast

__all__ = ["AccuracyLedger"]

_SCORED: Final = (
    *(MadeForecast.id, MadeForecast.client_id, MadeForecast.series, MadeForecast.measure),
    *(MadeForecast.origin, MadeForecast.horizons, MadeForecast.actuals),
)


@dataclass(frozen=True, slots=True)
class AccuracyLedger:
    """Keeps forecasts of agencies, and tells how good they were."""

    database: Database
    clock: Clock
    ids: IdFactory

    async def keep(self, tenant_id: TenantId, entries: Sequence[Entry]) -> int:
        """Keep forecasts; one of the same series, origin and model that is there stays.

        Returns:
            How many are new.
        """
        if not entries:
            return 0
        now = self.clock()
        rows = [self._row(tenant_id, entry, now) for entry in entries]
        new = insert(MadeForecast).on_conflict_do_nothing().returning(MadeForecast.id)
        async with self.database.session(tenant_id) as session:
            return len((await session.scalars(new, rows)).all())

    async def score(self, tenant_id: TenantId, known: Panel) -> int:
        """Hold forecasts against what is known now; what was scored before is scored anew.

        Args:
            tenant_id: Whose.
            known: Of its series as known now, daily. Forecasts of other series, and of days before
                its first one, stay as they are.

        Returns:
            How many forecasts had an actual that is new or has changed.
        """
        now, rows = self.clock(), {key: row for row, key in enumerate(_keys(known))}
        query = select(*_SCORED).where(
            MadeForecast.origin >= known.start,
            MadeForecast.measure.in_([measure.value for measure in known.values]),
        )
        changed: list[dict[str, Any]] = []
        ripe: dict[tuple[Measure, dt.date, tuple[int, ...]], Floats] = {}
        async with self.database.session(tenant_id) as session:
            for one in await session.execute(query):
                row = rows.get((one.client_id, one.series))
                if row is None:
                    continue
                asked = (Measure(one.measure), one.origin, tuple(one.horizons))
                if asked not in ripe:
                    ripe[asked] = ripe_totals(known, *asked, now.date())
                actuals = _merged(one.actuals, ripe[asked][row].tolist())
                if actuals is not None:
                    changed.append(
                        {
                            "tenant_id": tenant_id,
                            "id": one.id,
                            "actuals": actuals,
                            "scored_at": now,
                        }
                    )
            if changed:
                await session.execute(update(MadeForecast), changed)
        return len(changed)

    async def accuracy(
        self, tenant_id: TenantId, first: dt.date, last: dt.date
    ) -> Sequence[Accuracy]:
        """How good served forecasts were.

        Args:
            tenant_id: Whose.
            first: Earliest origin.
            last: Latest origin, included.
        """
        async with self.database.session(tenant_id) as session:
            return await read_accuracy(session, first, last)

    async def held(self, tenant_id: TenantId, version_id: uuid.UUID, since: dt.date) -> Held:
        """How often the bands of a version held; see `ml.ledger.accuracy.read_held`."""
        async with self.database.session(tenant_id) as session:
            return await read_held(session, version_id, since)

    async def paired(
        self, tenant_id: TenantId, challenger_id: uuid.UUID, since: dt.date
    ) -> Sequence[Pair]:
        """A challenger's forecasts beside those that were served of the same series and origins.

        Args:
            tenant_id: Whose.
            challenger_id: A version in the shadow.
            since: Earliest origin.
        """
        query = select(MadeForecast).where(
            MadeForecast.origin >= since, MadeForecast.actuals.is_not(None)
        )
        shadow = query.where(
            MadeForecast.role == ForecastRole.SHADOW, MadeForecast.version_id == challenger_id
        )
        async with self.database.session(tenant_id) as session:
            served = (
                await session.scalars(query.where(MadeForecast.role == ForecastRole.SERVED))
            ).all()
            return pair_up(served, (await session.scalars(shadow)).all())

    def _row(self, tenant_id: TenantId, entry: Entry, now: dt.datetime) -> dict[str, Any]:
        return {
            "tenant_id": tenant_id,
            "id": self.ids(),
            "client_id": entry.client_id,
            "level": entry.level,
            "series": entry.series,
            "currency": entry.currency,
            "measure": entry.measure.value,
            "origin": entry.origin,
            "made_at": now,
            "role": entry.maker.role,
            "method": entry.method,
            "version_id": entry.maker.version_id,
            "is_planned": entry.is_planned,
            "horizons": list(entry.horizons),
            "quantiles": entry.quantiles.ravel().tolist(),
            "baselines": {name: _json(values) for name, values in entry.baselines.items()},
        }


def _keys(panel: Panel) -> list[tuple[ClientId, str]]:
    return [(ClientId(uuid.UUID(one.client)), key_of(one)) for one in panel.series]


def _merged(before: list[float] | None, now: list[float]) -> list[float] | None:
    """Actuals with what is known now; what is not known now stays. None: nothing changes."""
    old = [math.nan] * len(now) if before is None else before
    merged = [one if math.isnan(new) else new for one, new in zip(old, now, strict=True)]
    is_same = np.array_equal(np.array(old), np.array(merged), equal_nan=True)
    return None if is_same else merged


def _json(values: Floats) -> list[float | None]:
    """JSON knows no NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]
