"""What is served of an agency's forecasts: the latest of each series, as it was told.

agency, client, measure, level -> ledger, role served, latest origin -> rows by series
"""

from collections.abc import Sequence

from sqlalchemy import func, select

from domain.ids import ClientId
from ml.panel import Measure
from tenancy.session import TenantSession
from tenancy.tables import ForecastLevel, ForecastRole, MadeForecast

__all__ = ["list_served"]


async def list_served(
    session: TenantSession, client_id: ClientId, measure: Measure, level: ForecastLevel
) -> Sequence[MadeForecast]:
    """The forecasts of the latest day on which any were made; by series.

    Args:
        session: Of the agency.
        client_id: Whose.
        measure: Of what.
        level: What a series is summed over.
    """
    asked = (
        MadeForecast.client_id == client_id,
        MadeForecast.measure == measure.value,
        MadeForecast.level == level,
        MadeForecast.role == ForecastRole.SERVED,
    )
    latest = select(func.max(MadeForecast.origin)).where(*asked).scalar_subquery()
    query = select(MadeForecast).where(*asked, MadeForecast.origin == latest)
    return (await session.scalars(query.order_by(MadeForecast.series, MadeForecast.id))).all()
