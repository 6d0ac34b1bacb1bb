"""How wide an agency's bands have to be, by how its earlier ones have fared.

    served forecasts of models with a mature actual -> misses by group, in order of origins
        -> adaptive conformal inference -> Adaptation

Series of one agency, measure, regime and horizon speak for each other: each origin moves their
level once, by the share of them that missed; totals of more than a week overlap from day to day,
and move it by less. The ledger is read from its start each time, so there is no state that could be
lost or doubled, and what is restated counts as it is known now.

Source: Gibbs, I. and Candes, E. (2021), Adaptive Conformal Inference Under Distribution Shift, eq.
2, with the mean of several misses in place of one.
Decision: ADR-0043.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from sqlalchemy import text

from ml.forecast.conformal import Adaptation, Group
from ml.forecast.forecast import HORIZONS, QUANTILES
from ml.forecast.noise import REGIMES
from tenancy.session import TenantSession

__all__ = ["REMEMBERED", "read_adaptation"]

REMEMBERED: Final = dt.timedelta(days=180)  # half a year of origins moves a level from end to end

# PostgreSQL counts from 1, and NaN equals itself there.
_MISSES: Final = text("""
    SELECT measure, is_planned, horizon, origin,
        avg((actual NOT BETWEEN low80 AND high80)::int)::float8 AS outside_80,
        avg((actual NOT BETWEEN low95 AND high95)::int)::float8 AS outside_95
    FROM (
        SELECT f.measure, f.is_planned, f.origin, t.horizon, t.actual,
            f.quantiles[(t.place - 1) * :width + 1] AS low95,
            f.quantiles[(t.place - 1) * :width + 2] AS low80,
            f.quantiles[(t.place - 1) * :width + 4] AS high80,
            f.quantiles[(t.place - 1) * :width + 5] AS high95
        FROM made_forecasts f
        CROSS JOIN LATERAL unnest(f.horizons, f.actuals)
            WITH ORDINALITY AS t (horizon, actual, place)
        WHERE f.role = 'served' AND f.version_id IS NOT NULL AND f.origin >= :since
            AND t.actual <> 'NaN'
    ) AS t
    WHERE low95 <> 'NaN' AND low80 <> 'NaN' AND high80 <> 'NaN' AND high95 <> 'NaN'
    GROUP BY measure, is_planned, horizon, origin
    ORDER BY measure, is_planned, horizon, origin
""")
_NARROW, _WIDE = 0.2, 0.05  # shares outside bands of 80 and 95 %
_WEEK: Final = 7  # days; a month that is made each day says the same thing four times as often
_WHAT: Final = ("total", "step")  # days have no actuals of their own here; totals speak for them


async def read_adaptation(session: TenantSession, today: dt.date) -> Adaptation:
    """Levels of the session's agency. One query.

    Args:
        session: Of the agency.
        today: The day on which this is asked.
    """
    asked = {"since": today - REMEMBERED, "width": len(QUANTILES)}
    rows = (await session.execute(_MISSES, asked)).all()
    alphas: dict[tuple[Group, float], float] = {}
    for (measure, is_planned, horizon), of_group in groupby(rows, key=lambda row: row[:3]):
        if horizon not in HORIZONS:
            continue  # of an earlier version of ours
        found = list(of_group)
        for what in _WHAT:
            # Horizons are told by their place, as models tell them.
            group = (what, measure, REGIMES[is_planned], str(HORIZONS.index(horizon)))
            weight = min(_WEEK / horizon, 1.0)
            narrow = _moved(group, _NARROW, [row.outside_80 for row in found], weight)
            wide = _moved(group, _WIDE, [row.outside_95 for row in found], weight)
            # The wider band is never within the narrower one.
            alphas |= {(group, _NARROW): narrow, (group, _WIDE): min(wide, narrow)}
    return Adaptation(alphas)


def _moved(group: Group, nominal: float, missed: Sequence[float], weight: float) -> float:
    """The level after all origins, each of which moves it by a share of the usual rate."""
    felt = [nominal + weight * (one - nominal) for one in missed]
    return Adaptation().after(group, nominal, felt).alpha(group, nominal)
