"""The answers that rest on what a feature view is made of: the end of its lineage.

measures -> latest served forecasts of the agency, counted -> who told them: a version | a baseline
"""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select

from domain.ids import ClientId
from ml.panel import Measure
from tenancy.session import TenantSession
from tenancy.tables import ForecastRole, MadeForecast, ModelState, ModelVersion

__all__ = ["Answers", "Version", "list_answers"]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a model.

    Attributes:
        kind: For example `forecast`.
        number: 1, 2, 3 ... of its kind.
        state: Now.
        as_of: Nothing that became known later was learnt.
    """

    id: uuid.UUID
    kind: str
    number: int
    state: ModelState
    as_of: dt.datetime


@dataclass(frozen=True, slots=True)
class Answers:
    """Forecasts of one measure that one method told on the latest day there are any of.

    Attributes:
        measure: Of what.
        origin: The first day that was forecast.
        series: How many series.
        method: Model or baseline that told them.
        version: Of the model; None: no model serves.
    """

    measure: Measure
    origin: dt.date
    series: int
    method: str
    version: Version | None


async def list_answers(
    session: TenantSession, measures: Collection[Measure], clients: Collection[ClientId] | None
) -> list[Answers]:
    """What was answered last of some measures. One query.

    Args:
        session: Of the agency.
        measures: Of what.
        clients: Only of these; None: all.

    Returns:
        By measure, then method; empty when nothing has been forecast.
    """
    if not measures:
        return []
    served = [MadeForecast.role == ForecastRole.SERVED]
    if clients is not None:
        served.append(MadeForecast.client_id.in_(list(clients)))
    # One look at the end of the index by origin for each measure, not a pass over a year of rows.
    latest = [
        and_(
            MadeForecast.measure == measure.value,
            MadeForecast.origin
            == select(func.max(MadeForecast.origin))
            .where(MadeForecast.measure == measure.value, *served)
            .scalar_subquery(),
        )
        for measure in measures
    ]
    told = (MadeForecast.measure, MadeForecast.origin, MadeForecast.method)
    version = (
        ModelVersion.id,
        ModelVersion.kind,
        ModelVersion.number,
        ModelVersion.state,
        ModelVersion.as_of,
    )
    query = (
        select(*told, func.count().label("series"), *version)
        .outerjoin(ModelVersion, ModelVersion.id == MadeForecast.version_id)
        .where(or_(*latest), *served)
        .group_by(*told, *version)
        .order_by(MadeForecast.measure, MadeForecast.method, ModelVersion.number)
    )
    return [
        Answers(
            measure=Measure(row.measure),
            origin=row.origin,
            series=row.series,
            method=row.method,
            version=None
            if row.id is None
            else Version(row.id, row.kind, row.number, row.state, row.as_of),
        )
        for row in await session.execute(query)
    ]
