"""What an agency plans, and what has been forecast of it, with its canary in every text."""

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal

from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId, ConnectionId
from tenancy.session import TenantSession
from tenancy.tables import (
    ForecastLevel,
    ForecastRole,
    LiftTest,
    MadeForecast,
    ModelState,
    ModelVersion,
    PlannedEvent,
    ServedForecast,
    SpendPlan,
)

__all__ = ["ORIGIN", "add_model_rows", "add_rejected_model"]

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
            is_planned=False,
            horizons=[7, 28],
            quantiles=[*(70.0, 80.0, 100.0, 120.0, 130.0), *(NAN, NAN, 400.0, NAN, NAN)],
            baselines={f"{canary} naive": [90.0, None]},
            actuals=[110.0, NAN],
            scored_at=now,
        )
    )
    session.add(
        ServedForecast(
            client_id=client_id,
            measure="revenue",
            series="currency=EUR",
            level=ForecastLevel.CLIENT,
            currency="EUR",
            origin=ORIGIN,
            made_at=now,
            method=f"{canary} mean",
            version_id=None,
            is_planned=False,
            horizons=[7, 28],
            quantiles=[*(70.0, 80.0, 100.0, 120.0, 130.0), *(NAN, NAN, 400.0, NAN, NAN)],
            days=[*(8.0, 9.0, 14.3, 18.0, 20.0), *(NAN, NAN, 14.1, NAN, NAN)],
            reasons={
                "drivers": None,
                "note": f"a baseline serves, {canary} mean",
                "missing_days": [0, 9],
                "change": {
                    "days": 28,
                    "before": 500.0,
                    "after": 400.0,
                    "words": [f"{canary} 20 % less"],
                    "parts": [{"name": "spend", "change": -0.2, "share": 1.0, "amount": -100.0}],
                },
            },
        )
    )


async def add_rejected_model(session: TenantSession) -> None:
    """Version 1 of the platform's forecaster, once; it does not serve."""
    now = dt.datetime.combine(ORIGIN, dt.time(6), dt.UTC)
    row = insert(ModelVersion).values(
        id=uuid.UUID(int=1),
        kind="forecast",
        number=1,
        state=ModelState.REJECTED,
        state_since=now,
        created_at=now,
        code="c0de",
        features="fea7",
        as_of=now,
        data_hash="0" * 64,
        agencies=2,
        figures=1_000,
        parameters={},
        metrics={"all": {}},
        inputs={},
        artefact_hash="0" * 64,
        artefact_bytes=1,
    )
    await session.execute(row.on_conflict_do_nothing())
