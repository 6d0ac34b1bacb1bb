"""What an agency plans, and what has been forecast of it, with its canary in every text."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal

from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId, ConnectionId
from tenancy.session import TenantSession
from tenancy.tables import (
    Anomaly,
    AnomalyStage,
    BudgetPace,
    ForecastLevel,
    ForecastRole,
    LiftTest,
    MadeForecast,
    ModelState,
    ModelVersion,
    PaceVerdict,
    PlannedEvent,
    ServedForecast,
    SpendPlan,
    WatchedDay,
)

__all__ = ["ORIGIN", "add_model_rows", "add_rejected_model"]
__all__ = ["ORIGIN", "add_model_rows", "anomaly_row", "watched_row"]

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
    session.add(
        BudgetPace(
            id=new_id(),
            client_id=client_id,
            channel=None,
            campaign=campaign,
            currency="EUR",
            month=ORIGIN,
            looked_on=ORIGIN + dt.timedelta(days=10),
            as_of=now + dt.timedelta(days=10),
            budget=Decimal(3100),
            spent=900.0,
            planned=1000.0,
            landing=[2500.0, 2600.0, 2800.0, 3000.0, 3100.0],
            verdict=PaceVerdict.UNDER,
            probability=0.85,
            days_missing=1,
            days_left=21,
            left_to_spend=Decimal("2100.00"),
            change=1.25,
            method=f"{canary} mean",
            version_id=None,
            words=f"{canary} will not be spent.",
        )
    )
    session.add(anomaly_row(client_id, new_id(), canary, now))


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


def anomaly_row(client_id: ClientId, row_id: uuid.UUID, canary: str, now: dt.datetime) -> Anomaly:
    """An anomaly that goes on: a channel spends four times as much as expected."""
    return Anomaly(
        id=row_id,
        client_id=client_id,
        channel=f"{canary} channel",
        campaign=None,
        currency="EUR",
        cause="spend_runaway",
        direction=1,
        stage=AnomalyStage.ONGOING,
        since=ORIGIN - dt.timedelta(days=2),
        last_day=ORIGIN - dt.timedelta(days=1),
        quiet=0,
        deviations=[
            {
                "measure": "spend",
                "day": "2026-02-27",
                "age": 1,
                "actual": 400.0,
                "expected": 100.0,
                "low": 90.0,
                "high": 110.0,
                "usual": 1.0,
                "least": 1.0,
                "p_value": 0.0001,
                "is_discovery": True,
                "stake": 300.0,
                "daily_stake": 500.0,
            }
        ],
        stakes={"2026-02-27": 300.0, "2026-02-28": 310.0},
        found_on=ORIGIN - dt.timedelta(days=1),
        looked_on=ORIGIN,
        updated_at=now,
        acknowledged_at=None,
    )


def watched_row(clients: Iterable[ClientId], now: dt.datetime) -> WatchedDay:
    """A look at some clients of an agency."""
    measures = {"spend": {"days": 200, "age": 1}, "conversions": {"days": 20, "age": None}}
    return WatchedDay(
        day=ORIGIN, as_of=now, measures={str(client_id): measures for client_id in clients}
    )
