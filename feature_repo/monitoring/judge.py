"""What a day's measurements of all views of an agency come to.

    p-values of every feature -> at most one in a thousand believed is chance -> drifted or not
    -> alerts raised and cleared -> the day is judged; rows that are over are deleted

One rule over all features of the agency: with fifty features, one in twenty would be "significant"
every day if each were judged alone.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select

from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from feature_repo.monitoring.drift import DRIFTED, find_discoveries
from feature_repo.monitoring.wording import (
    describe_feature,
    describe_freshness,
    describe_mismatches,
    is_differing,
)
from tenancy.alerts import Alert, clear_alert, raise_alert
from tenancy.session import Database, TenantSession
from tenancy.tables import AlertKind, AlertSeverity, FeatureDay, FeatureVerdict, FeatureViewDay

__all__ = ["CHANCE", "Judging", "alert_subject"]

# Share of the drifts told that may be chance. On days on which nothing moves it is also the chance
# of a false alarm: one in three years.
CHANCE: Final = 0.001
# A year's season can be looked at twice; a row is a few hundred bytes.
_KEPT: Final = dt.timedelta(days=800)
_TOLD: Final = 5  # features that an alert names

_TITLES: Final = {
    AlertKind.FEATURES_LATE: "Features are older than promised",
    AlertKind.FEATURES_UNUSUAL: "Features have unusual values",
    AlertKind.FEATURES_DRIFTED: "Features have drifted",
    AlertKind.FEATURES_DIFFER: "Features that were served are not what the facts say",
}
_HINTS: Final = {
    AlertKind.FEATURES_LATE: "bosco freshness tells which data is late",
    AlertKind.FEATURES_UNUSUAL: "bosco features health shows the last days",
    AlertKind.FEATURES_DRIFTED: "models that use them may have to be trained again",
    AlertKind.FEATURES_DIFFER: "bosco features refresh computes them anew",
}
_SEVERITIES: Final = {AlertKind.FEATURES_DRIFTED: AlertSeverity.INFO}


def alert_subject(view: str) -> str:
    """What alerts about a view name."""
    return f"features:{view}"


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges days."""

    database: Database
    clock: Clock
    ids: IdFactory

    async def judge(self, tenant_id: TenantId, day: dt.date) -> int:
        """Judge what was measured of an agency on a day; again, it comes to the same.

        Returns:
            How many things are wrong.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        async with self.database.session(tenant_id) as session:
            views = await _load_views(session, day)
            features = await _load_features(session, day, [view.view for view in views])
            _judge_drift(features)
            wrong = 0
            for view in views:
                of_view = [one for one in features if one.view == view.view]
                for kind, text in _complaints(view, of_view).items():
                    wrong += bool(text)
                    await self._tell(session, kind, view.view, text)
                view.judged_at = self.clock()
            await _forget(session, day - _KEPT)
        return wrong

    async def _tell(self, session: TenantSession, kind: AlertKind, view: str, text: str) -> None:
        now, subject = self.clock(), alert_subject(view)
        if not text:
            await clear_alert(session, kind, subject, now=now)
            return
        alert = Alert(
            kind=kind,
            severity=_SEVERITIES.get(kind, AlertSeverity.WARNING),
            subject=subject,
            client_id=None,
            title=_TITLES[kind],
            text=f"{view}: {text}",
            hint=_HINTS[kind],
        )
        await raise_alert(session, alert, now=now, ids=self.ids)


async def _load_views(session: TenantSession, day: dt.date) -> Sequence[FeatureViewDay]:
    query = select(FeatureViewDay).where(FeatureViewDay.day == day)
    return (await session.scalars(query.order_by(FeatureViewDay.view).with_for_update())).all()


async def _load_features(
    session: TenantSession, day: dt.date, views: Collection[str]
) -> Sequence[FeatureDay]:
    query = select(FeatureDay).where(FeatureDay.day == day, FeatureDay.view.in_(views))
    return (await session.scalars(query.order_by(FeatureDay.view, FeatureDay.feature))).all()


def _judge_drift(features: Sequence[FeatureDay]) -> None:
    """A feature has drifted when it moved far, and not by chance."""
    told = [(one, one.psi, one.p_value) for one in features if one.psi is not None]
    measured = [(one, psi, chance) for one, psi, chance in told if chance is not None]
    believed = find_discoveries([chance for _, _, chance in measured], CHANCE)
    for (feature, psi, _), is_believed in zip(measured, believed, strict=True):
        is_drift = is_believed and psi > DRIFTED
        feature.drift_verdict = FeatureVerdict.UNUSUAL if is_drift else FeatureVerdict.USUAL


def _complaints(view: FeatureViewDay, features: Sequence[FeatureDay]) -> Mapping[AlertKind, str]:
    """What there is to say of a view, by kind; empty: nothing."""
    is_late = view.freshness is FeatureVerdict.UNUSUAL
    unusual = [
        one for one in features if FeatureVerdict.UNUSUAL in {one.nulls_verdict, one.range_verdict}
    ]
    drifted = [one for one in features if one.drift_verdict is FeatureVerdict.UNUSUAL]
    return {
        AlertKind.FEATURES_LATE: describe_freshness(view) if is_late else "",
        AlertKind.FEATURES_UNUSUAL: _list(unusual),
        AlertKind.FEATURES_DRIFTED: _list(drifted),
        AlertKind.FEATURES_DIFFER: describe_mismatches(view) if is_differing(view) else "",
    }


def _list(features: Sequence[FeatureDay]) -> str:
    told = [f"{one.feature} {', '.join(describe_feature(one))}" for one in features[:_TOLD]]
    if len(features) > _TOLD:
        told.append(f"and {len(features) - _TOLD} more")
    return "; ".join(told)


async def _forget(session: TenantSession, before: dt.date) -> None:
    for table in (FeatureDay, FeatureViewDay):
        await session.execute(delete(table).where(table.day < before))
