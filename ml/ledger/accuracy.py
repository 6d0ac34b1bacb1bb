"""How good forecasts were, beside the baselines, out of what was kept of them.

    scored forecasts -> PostgreSQL adds up by client, measure, currency, level, horizon and month
        -> Accuracy

Only totals whose actual is known count. A baseline is held against the model on the totals
that both have told, so that none wins by keeping silent where it is hard.

Source: Hyndman and Koehler, Another look at measures of forecast accuracy (IJF 22, 2006).
Decision: ADR-0033.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, text

from domain.ids import ClientId
from ml.forecast.forecast import QUANTILES
from ml.panel import Measure
from tenancy.session import TenantSession
from tenancy.tables import ForecastLevel

__all__ = ["Accuracy", "AgainstBaseline", "Group", "Held", "read_accuracy", "read_held"]

_MEDIAN: Final = QUANTILES.index(0.5)
_LOW: Final = QUANTILES.index(0.1)
_HIGH: Final = QUANTILES.index(0.9)


# One row for each mature total. PostgreSQL counts from 1, and NaN equals itself there.
_TOTALS: Final = """
    SELECT f.client_id, f.measure, f.currency, f.level, t.horizon,
        date_trunc('month', f.origin) AS month, t.actual, t.place, f.baselines,
        f.quantiles[(t.place - 1) * :width + :median] AS median,
        f.quantiles[(t.place - 1) * :width + :low] AS low,
        f.quantiles[(t.place - 1) * :width + :high] AS high
    FROM made_forecasts f
    CROSS JOIN LATERAL unnest(f.horizons, f.actuals) WITH ORDINALITY AS t (horizon, actual, place)
    WHERE f.role = 'served' AND f.origin BETWEEN :first AND :last AND t.actual <> 'NaN'
        AND f.quantiles[(t.place - 1) * :width + :median] <> 'NaN'
"""
_GROUP: Final = "client_id, measure, currency, level, horizon, month"
_OVERALL: Final = text(f"""
    SELECT {_GROUP}, count(*) AS forecasts, sum(abs(median - actual)) AS error,
        sum(median - actual) AS bias, sum(abs(actual)) AS actual,
        count(*) FILTER (WHERE actual BETWEEN low AND high) AS covered
    FROM ({_TOTALS}) AS t GROUP BY {_GROUP} ORDER BY {_GROUP}
""")
_AGAINST: Final = text(f"""
    SELECT {_GROUP}, name, sum(abs(told - actual)) AS theirs, sum(abs(median - actual)) AS mine,
        sum(abs(actual)) AS actual,
        count(*) FILTER (WHERE abs(median - actual) < abs(told - actual)) AS wins,
        count(*) FILTER (WHERE abs(median - actual) > abs(told - actual)) AS losses
    FROM (
        SELECT t.*, b.key AS name, CAST(b.value ->> (t.place - 1)::int AS float8) AS told
        FROM ({_TOTALS}) AS t CROSS JOIN LATERAL jsonb_each(t.baselines) AS b
    ) AS t
    WHERE told IS NOT NULL GROUP BY {_GROUP}, name ORDER BY {_GROUP}, name
""")


_HELD: Final = text("""
    SELECT count(*) AS forecasts, count(*) FILTER (WHERE actual BETWEEN low AND high) AS held,
        count(DISTINCT (client_id, series, measure)) AS series
    FROM (
        SELECT f.client_id, f.series, f.measure, t.actual,
            f.quantiles[(t.place - 1) * :width + :low] AS low,
            f.quantiles[(t.place - 1) * :width + :high] AS high
        FROM made_forecasts f
        CROSS JOIN LATERAL unnest(f.horizons, f.actuals)
            WITH ORDINALITY AS t (horizon, actual, place)
        WHERE f.role = 'served' AND f.version_id = :version AND f.origin >= :since
            AND t.actual <> 'NaN'
    ) AS t
    WHERE low <> 'NaN' AND high <> 'NaN'
""")


class Group(NamedTuple):
    """What accuracy is told of.

    Attributes:
        horizon: Days of the totals.
        month: First day of the month in which the forecasts were made.
    """

    client_id: ClientId
    measure: Measure
    currency: str | None
    level: ForecastLevel
    horizon: int
    month: dt.date


@dataclass(frozen=True, slots=True)
class AgainstBaseline:
    """The model beside one baseline, on the totals that both have told.

    Attributes:
        wmape: Of the baseline, as a fraction; None: the actuals are all 0.
        model_wmape: Of the model on the same totals; likewise.
        wins: Totals at which the model's error was smaller.
        losses: At which it was larger.
    """

    wmape: float | None
    model_wmape: float | None
    wins: int
    losses: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How good the forecasts of a group were.

    Attributes:
        forecasts: Totals with a mature actual.
        wmape: Sum of absolute errors of the median by the sum of actuals, as a fraction; None: the
            actuals are all 0.
        bias: Sum of errors by the sum of actuals; positive: too much was forecast. As above.
        coverage: Share of actuals within the 80 % interval.
        baselines: By name.
    """

    group: Group
    forecasts: int
    wmape: float | None
    bias: float | None
    coverage: float
    baselines: Mapping[str, AgainstBaseline]


@dataclass(frozen=True, slots=True)
class Held:
    """How often bands of 80 % held.

    Attributes:
        forecasts: Totals with a mature actual.
        held: Of these, within.
        series: Of how many series and measures.
    """

    forecasts: int
    held: int
    series: int


async def read_held(session: TenantSession, version_id: uuid.UUID, since: dt.date) -> Held:
    """How often the bands of a version held that were served to the session's agency. One query.

    Args:
        session: Of the agency.
        version_id: Of the model.
        since: Earliest origin.
    """
    places = {"width": len(QUANTILES), "low": _LOW + 1, "high": _HIGH + 1}
    asked = {"version": version_id, "since": since}
    row = (await session.execute(_HELD, asked | places)).one()
    return Held(row.forecasts, row.held, row.series)


async def read_accuracy(
    session: TenantSession, first: dt.date, last: dt.date
) -> Sequence[Accuracy]:
    """Accuracy of the session's agency by group, in order. Two queries.

    Args:
        session: Of the agency.
        first: Earliest origin.
        last: Latest origin, included; groups in which nothing is mature are left out.
    """
    asked = {"first": first, "last": last, "width": len(QUANTILES)}
    places = {"median": _MEDIAN + 1, "low": _LOW + 1, "high": _HIGH + 1}
    against: dict[Group, dict[str, AgainstBaseline]] = defaultdict(dict)
    for row in await session.execute(_AGAINST, asked | places):
        against[_group(row)][row.name] = AgainstBaseline(
            _ratio(row.theirs, row.actual), _ratio(row.mine, row.actual), row.wins, row.losses
        )
    return [
        Accuracy(
            _group(row),
            row.forecasts,
            _ratio(row.error, row.actual),
            _ratio(row.bias, row.actual),
            row.covered / row.forecasts,
            against[_group(row)],
        )
        for row in await session.execute(_OVERALL, asked | places)
    ]


def _group(row: Row[Any]) -> Group:
    month, level = row.month.date(), ForecastLevel(row.level)
    return Group(row.client_id, Measure(row.measure), row.currency, level, row.horizon, month)


def _ratio(errors: float, scale: float) -> float | None:
    return errors / scale if scale else None
