"""Two days of a view of features, as the daily check writes them down."""

import datetime as dt
import uuid
from typing import Any, Final

from tenancy.session import TenantSession
from tenancy.tables import FeatureDay, FeatureVerdict, FeatureViewDay

__all__ = ["add_feature_day"]

_DAYS: Final = ((dt.date(2026, 3, 14), 2, 0.05), (dt.date(2026, 3, 15), 40, 0.31))
_SAME: Final[dict[str, Any]] = {"view": "campaign_performance", "fingerprint": "0123456789abcdef"}


def add_feature_day(session: TenantSession, connection_id: uuid.UUID, now: dt.datetime) -> None:
    """Add a day as usual, and one on which values are late, differ, are unknown and drift."""
    for day, nulls, psi in _DAYS:
        is_odd = nulls > 10
        verdict = FeatureVerdict.UNUSUAL if is_odd else FeatureVerdict.USUAL
        session.add(
            FeatureViewDay(
                **_SAME,
                day=day,
                measured_at=now,
                judged_at=now,
                entities=100,
                missing=1,
                oldest_as_of=now - dt.timedelta(hours=30 if is_odd else 3),
                late=12 if is_odd else 0,
                objective_seconds=26 * 3600,
                freshness=verdict,
                reference_at=now - dt.timedelta(days=28),
                reads=20,
                unjudged_reads=0,
                compared=500,
                mismatches=2 if is_odd else 0,
                examples=[[f"{connection_id}:c1", "spend_7d", 2, 1]] if is_odd else [],
            )
        )
        session.add(
            FeatureDay(
                **_SAME,
                feature="spend_7d",
                day=day,
                count=100,
                nulls=nulls,
                minimum=1,
                maximum=99,
                mean=50,
                quantiles=[1, 5, 25, 50, 75, 95, 99],
                histogram={"edges": [1, 99], "counts": [100 - nulls]},
                usual_null_rate=0.07,
                usual_low=0,
                usual_high=400,
                reference=100,
                psi=psi,
                distance=psi,
                p_value=1e-6,
                nulls_verdict=verdict,
                range_verdict=FeatureVerdict.USUAL,
                drift_verdict=verdict,
            )
        )
