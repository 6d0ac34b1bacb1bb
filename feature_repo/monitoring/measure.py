"""One view of one agency on one day, measured and written down.

    what is served now -> profile of each feature ---------------+
    the same computed as of 28 days ago -> drift of each feature --> feature_days, feature_view_days
    refreshes -> freshness; logged reads -> computed again ------+

No feature looks further back than 28 days, so values of now and of 28 days ago have no day in
common; and it is the same day of the week. The reference is computed from what was known then, by
the statement that the values of now come from: nothing has to be kept for it, and an erasure holds
for it, too. Measured again on the same day, a row is replaced, and reads add up.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from domain.ids import TenantId
from domain.ports import Clock, TenantScope
from feature_repo.compute import FeatureComputer
from feature_repo.consistency import ConsistencyCheck
from feature_repo.feature import LOOKBACK_DAYS, FeatureView
from feature_repo.feature_views import fingerprint
from feature_repo.monitoring.drift import Drift, measure_drift
from feature_repo.monitoring.freshness import Freshness, compute_freshness, load_refreshes
from feature_repo.monitoring.profile import Profile, compute_profile
from feature_repo.monitoring.reads import CheckedReads, check_reads
from feature_repo.monitoring.usual import (
    BASELINE_DAYS,
    Usual,
    compute_usual,
    judge_nulls,
    judge_range,
)
from feature_repo.online import OnlineFeatures
from feature_repo.packing import Value
from tenancy.exclusive import hold_exclusively
from tenancy.session import Database, TenantSession
from tenancy.tables import FeatureDay, FeatureRead, FeatureVerdict, FeatureViewDay

__all__ = ["Measuring"]

_REFERENCE: Final = dt.timedelta(days=LOOKBACK_DAYS)
_CHUNK: Final = 2_000  # entities in one command to Redis
_EXAMPLES: Final = 10
# Reads are checked once each, so those of a second measurement are others.
_ADDED: Final = ("reads", "unjudged_reads", "compared", "mismatches")

Columns = dict[str, Sequence[Value]]  # values by feature


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of a view."""

    now: dt.datetime
    missing: int
    freshness: Freshness
    served: Columns
    reference: Columns
    reads: CheckedReads


@dataclass(frozen=True, slots=True)
class Measuring:
    """Measures views."""

    database: Database
    online: OnlineFeatures
    computer: FeatureComputer
    check: ConsistencyCheck
    clock: Clock

    async def measure(self, tenant_id: TenantId, view: FeatureView, day: dt.date) -> int:
        """Measure a view of an agency. At most two queries of the warehouse, if few reads wait.

        Args:
            tenant_id: Whose.
            view: Which.
            day: Of the agency's calendar; names the rows.

        Returns:
            How many entities were served.

        Raises:
            WarehouseError: The warehouse failed.
            RedisUnavailableError: Redis does not answer.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with self.database.session(tenant_id) as session:
            await hold_exclusively(session, f"feature monitoring {tenant_id} {view.name}")
            found = await self._find(session, tenant_id, view)
            baseline = await _load_baseline(session, view, day)
            rows = [
                _feature_row(view, name, day, found, compute_usual(baseline.get(name, ())))
                for name in view.feature_names
            ]
            await _write(session, FeatureDay, rows)
            await _write(
                session,
                FeatureViewDay,
                [_view_row(view, day, found)],
                adds=_ADDED,
                joins=("examples",),
            )
            await session.execute(delete(FeatureRead).where(FeatureRead.id.in_(found.reads.ids)))
        return len(found.served[view.feature_names[0]])

    async def _find(self, session: TenantSession, tenant_id: TenantId, view: FeatureView) -> _Found:
        now = self.clock()
        refreshes = await load_refreshes(session, view)
        owners = [str(one.owner_id) for one in refreshes]
        asked, served = await self._served(tenant_id, view, owners)
        freshness = compute_freshness(refreshes, dt.timedelta(seconds=view.freshness_seconds), now)
        return _Found(
            now=now,
            missing=max(freshness.entities, asked) - len(served[view.feature_names[0]]),
            freshness=freshness,
            served=served,
            reference=await self._reference(tenant_id, view, owners, now - _REFERENCE),
            reads=await check_reads(session, self.check, view),
        )

    async def _served(
        self, tenant_id: TenantId, view: FeatureView, owners: Sequence[str]
    ) -> tuple[int, Columns]:
        """How many entities there should be, and the values of those that are served."""
        ids = await self.online.list_entities(tenant_id, view, owners)
        rows: list[Sequence[Value]] = []
        for start in range(0, len(ids), _CHUNK):
            found = await self.online.read(
                TenantScope(tenant_id), view, ids[start : start + _CHUNK]
            )
            rows += [stored.values for stored in found if stored is not None]
        columns = zip(*rows, strict=True) if rows else ((),) * len(view.features)
        return len(ids), dict(zip(view.feature_names, columns, strict=True))

    async def _reference(
        self, tenant_id: TenantId, view: FeatureView, owners: Sequence[str], as_of: dt.datetime
    ) -> Columns:
        if not owners:
            return dict.fromkeys(view.feature_names, ())
        table = await self.computer.current(TenantScope(tenant_id), view, owners, as_of)
        return {name: table.column(name).to_pylist() for name in view.feature_names}


async def _load_baseline(
    session: TenantSession, view: FeatureView, day: dt.date
) -> dict[str, list[Profile]]:
    """Profiles of the last days, by feature; of the present definitions."""
    query = select(FeatureDay).where(
        FeatureDay.view == view.name,
        FeatureDay.fingerprint == fingerprint(view),
        FeatureDay.day < day,
        FeatureDay.day >= day - dt.timedelta(days=BASELINE_DAYS),
    )
    found: dict[str, list[Profile]] = {}
    for row in await session.scalars(query):
        profile = Profile(row.count, row.nulls, row.minimum, row.maximum)
        found.setdefault(row.feature, []).append(profile)
    return found


def _feature_row(
    view: FeatureView, name: str, day: dt.date, found: _Found, usual: Usual | None
) -> dict[str, Any]:
    values, reference = found.served[name], found.reference[name]
    profile, drift = compute_profile(values), measure_drift(reference, values)
    return {
        "view": view.name,
        "feature": name,
        "day": day,
        "fingerprint": fingerprint(view),
        "count": profile.count,
        "nulls": profile.nulls,
        "minimum": profile.minimum,
        "maximum": profile.maximum,
        "mean": profile.mean,
        "quantiles": list(profile.quantiles),
        "histogram": dict(profile.histogram),
        "usual_null_rate": None if usual is None else usual.null_rate,
        "usual_low": None if usual is None else usual.low,
        "usual_high": None if usual is None else usual.high,
        "reference": sum(one is not None for one in reference),
        **_drift_columns(drift),
        "nulls_verdict": judge_nulls(usual, profile),
        "range_verdict": judge_range(usual, values),
        # Whether it has drifted is decided over all features of the day.
        "drift_verdict": FeatureVerdict.TOO_FEW if drift is None else FeatureVerdict.USUAL,
    }


def _drift_columns(drift: Drift | None) -> dict[str, float | None]:
    if drift is None:
        return dict.fromkeys(("psi", "distance", "p_value"))
    return {"psi": drift.psi, "distance": drift.distance, "p_value": drift.p_value}


def _view_row(view: FeatureView, day: dt.date, found: _Found) -> dict[str, Any]:
    examples = [
        [one.entity_id, one.feature, one.online, one.computed]
        for one in found.reads.mismatches[:_EXAMPLES]
    ]
    return {
        "view": view.name,
        "day": day,
        "fingerprint": fingerprint(view),
        "measured_at": found.now,
        "judged_at": None,
        "entities": found.freshness.entities,
        "missing": found.missing,
        "oldest_as_of": found.freshness.oldest_as_of,
        "late": found.freshness.late,
        "objective_seconds": view.freshness_seconds,
        "freshness": found.freshness.verdict,
        "reference_at": found.now - _REFERENCE,
        "reads": found.reads.reads,
        "unjudged_reads": found.reads.unjudged,
        "compared": found.reads.compared,
        "mismatches": len(found.reads.mismatches),
        "examples": examples,
    }


async def _write(
    session: TenantSession,
    table: type[FeatureDay | FeatureViewDay],
    rows: Sequence[dict[str, Any]],
    *,
    adds: Sequence[str] = (),
    joins: Sequence[str] = (),
) -> None:
    """Insert rows, or replace those of the same keys; some columns are added to what is there."""
    keys = [column.name for column in table.__table__.primary_key]
    statement = insert(table).values([{"tenant_id": session.tenant_id, **row} for row in rows])
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    changes |= {name: getattr(table, name) + statement.excluded[name] for name in adds}
    changes |= {name: getattr(table, name).op("||")(statement.excluded[name]) for name in joins}
    await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))
