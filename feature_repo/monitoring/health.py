"""How a view of features of an agency fares: the last day, and the 28 days up to it.

view -> feature_view_days and feature_days -> ViewHealth
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from feature_repo.feature import FeatureView
from tenancy.session import TenantSession
from tenancy.tables import FeatureDay, FeatureViewDay

__all__ = ["HISTORY_DAYS", "FeatureHealth", "ViewHealth", "load_health"]

HISTORY_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class FeatureHealth:
    """A feature.

    Attributes:
        name: Of the feature.
        days: The last days, the newest last.
    """

    name: str
    days: Sequence[FeatureDay]

    @property
    def last(self) -> FeatureDay:
        """The newest."""
        return self.days[-1]


@dataclass(frozen=True, slots=True)
class ViewHealth:
    """A view that was measured at least once.

    Attributes:
        days: The last days, the newest last.
        features: Those measured on the newest, in the view's order.
    """

    days: Sequence[FeatureViewDay]
    features: Sequence[FeatureHealth]

    @property
    def last(self) -> FeatureViewDay:
        """The newest."""
        return self.days[-1]


async def load_health(session: TenantSession, view: FeatureView) -> ViewHealth | None:
    """How a view of the session's agency fares; None: it was never measured. Two queries."""
    newest = select(func.max(FeatureViewDay.day)).where(FeatureViewDay.view == view.name)
    first = newest.scalar_subquery() - (HISTORY_DAYS - 1)
    of_view = select(FeatureViewDay).where(
        FeatureViewDay.view == view.name, FeatureViewDay.day >= first
    )
    days = (await session.scalars(of_view.order_by(FeatureViewDay.day))).all()
    if not days:
        return None
    since = days[-1].day - dt.timedelta(days=HISTORY_DAYS - 1)
    of_features = select(FeatureDay).where(FeatureDay.view == view.name, FeatureDay.day >= since)
    by_name: dict[str, list[FeatureDay]] = {}
    for row in await session.scalars(of_features.order_by(FeatureDay.day)):
        by_name.setdefault(row.feature, []).append(row)
    features = [
        FeatureHealth(name, by_name[name])
        for name in view.feature_names
        if name in by_name and by_name[name][-1].day == days[-1].day
    ]
    return ViewHealth(days, features)
