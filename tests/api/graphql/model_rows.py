"""What an agency plans, and what has been forecast of it, with its canary in every text."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal

from domain.ids import ClientId, ConnectionId
from tenancy.session import TenantSession
from tenancy.tables import (
    ForecastLevel,
    ForecastRole,
    LiftTest,
    MadeForecast,
    PlannedEvent,
    SpendPlan,
)

__all__ = ["ORIGIN", "add_model_rows"]

ORIGIN = dt.date(2026, 3, 1)
NAN = float("nan")


def add_model_rows(
    session: TenantSession,
    client_id: ClientId,
    connection_id: ConnectionId,
    canary: str,
    new_id: Callable[[], uuid.UUID],
) -> None:
    """Plans of a client, and a forecast of its revenue of which a week has come."""
    now = dt.datetime.combine(ORIGIN, dt.time(6), dt.UTC)
    april = {"day_from": dt.date(2026, 4, 1), "day_to": dt.date(2026, 4, 30)}
    campaign = f"{connection_id}:{canary}"
    session.add(
        SpendPlan(
            id=new_id(),
            client_id=client_id,
            channel=None,
            campaign=campaign,
            amount=Decimal(3000),
            currency="EUR",
            planned_at=now,
            **april,
        )
    )
    session.add(
        PlannedEvent(
            id=new_id(), client_id=client_id, name=f"{canary} sale", planned_at=now, **april
        )
    )
    session.add(
        LiftTest(
            id=new_id(),
            client_id=client_id,
            channel="paid_search",
            campaign=campaign,
            measure="revenue",
            spend_change=Decimal(500),
            effect=Decimal(900),
            standard_error=Decimal(200),
            currency="EUR",
            source=f"{canary} geo holdout",
            noted_at=now,
            **april,
        )
    )
    session.add(
        MadeForecast(
            id=new_id(),
            client_id=client_id,
            level=ForecastLevel.CLIENT,
            series="currency=EUR",
            currency="EUR",
            measure="revenue",
            origin=ORIGIN,
            made_at=now,
            role=ForecastRole.SERVED,
            method=f"{canary} mean",
            version_id=None,
            horizons=[7, 28],
            quantiles=[*(70.0, 80.0, 100.0, 120.0, 130.0), *(NAN, NAN, 400.0, NAN, NAN)],
            baselines={f"{canary} naive": [90.0, None]},
            actuals=[110.0, NAN],
            scored_at=now,
        )
    )
