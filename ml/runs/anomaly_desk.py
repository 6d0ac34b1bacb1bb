"""What people do about an anomaly: say that they look after it.

anomaly of the agency -> acknowledged, audit entry, its alert is over
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from domain.errors import ConflictError, NotFoundError
from domain.ids import ClientId, public_id
from domain.ports import Clock, IdFactory
from ml.runs.kept_alarms import alarm_of
from ml.runs.unusual import alert_subject
from tenancy import audit
from tenancy.alerts import AlertKind, clear_alert
from tenancy.session import TenantSession
from tenancy.tables import Anomaly

__all__ = ["ANOMALY", "AnomalyDesk"]

ANOMALY = "ano"  # prefix of public ids


@dataclass(frozen=True, slots=True)
class AnomalyDesk:
    """Changes anomalies within the caller's transaction."""

    clock: Clock
    ids: IdFactory

    async def acknowledge(
        self,
        session: TenantSession,
        anomaly_id: uuid.UUID,
        clients: Collection[ClientId] | None,
        *,
        actor: str,
    ) -> Anomaly:
        """Say that somebody looks after it: it alerts nobody any more. Again, nothing changes.

        Args:
            session: Of the agency.
            anomaly_id: Which.
            clients: The only clients that the person may see; None: all.
            actor: Who does it.

        Raises:
            NotFoundError: There is none, or it is of another client (caller).
            ConflictError: It is over (caller).
        """
        query = select(Anomaly).where(Anomaly.id == anomaly_id)
        if clients is not None:
            query = query.where(Anomaly.client_id.in_(clients))
        row = (await session.scalars(query.with_for_update())).one_or_none()
        if row is None:
            raise NotFoundError(
                f"there is no anomaly {public_id(ANOMALY, anomaly_id)}",
                hint="`anomalies` lists what there is",
            )
        if row.acknowledged_at is not None:
            return row
        if not alarm_of(row).is_open:
            raise ConflictError("the anomaly is over", hint="nothing is left to look after")
        now = self.clock()
        row.acknowledged_at = now
        await clear_alert(session, AlertKind.ANOMALY, alert_subject(row), now=now)
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action="anomaly.acknowledged",
            object_kind="anomaly",
            object_id=public_id(ANOMALY, row.id),
            details={"client_id": str(row.client_id), "cause": row.cause},
        )
        return row
