"""Clients that are to be forecast anew: somebody has planned since they were.

audit trail of an agency (set and removed plans) > what is served -> clients, and when they planned

Every change of a plan is in the trail, and nothing else has to remember it. What is planned in
one sitting is one forecast: a client waits until nobody has planned for it for a while.
"""

import datetime as dt
import uuid
from typing import Final, NamedTuple

from sqlalchemy import text

from domain.ids import ClientId
from ml.plans.desk import LIFT
from tenancy.session import TenantSession

__all__ = ["QUIET", "Replanned", "list_replanned"]

QUIET: Final = dt.timedelta(minutes=5)

# Lift tests tell budgets, not forecasts. Only what is served has to be made anew.
_REPLANNED: Final = text("""
    SELECT s.client_id, max(a.at) AS planned_at
    FROM (SELECT client_id, min(made_at) AS made_at FROM served_forecasts GROUP BY client_id) AS s
    JOIN audit_entries a ON a.details ->> 'client_id' = s.client_id::text AND a.at > s.made_at
    WHERE a.object_kind = 'plan' AND a.object_id NOT LIKE :lift AND a.at >= :since
    GROUP BY s.client_id
    HAVING max(a.at) <= :until
    ORDER BY s.client_id
""")


class Replanned(NamedTuple):
    """A client, and the UTC instant of its latest change of plans."""

    client_id: ClientId
    planned_at: dt.datetime


async def list_replanned(
    session: TenantSession, since: dt.datetime, now: dt.datetime
) -> list[Replanned]:
    """Clients of the session's agency that are to be forecast anew. One query.

    Args:
        session: Of the agency.
        since: Earlier changes are known already: the day's first forecasts were made later.
        now: UTC instant.
    """
    asked = {"since": since, "until": now - QUIET, "lift": f"{LIFT}\\_%"}
    rows = await session.execute(_REPLANNED, asked)
    return [Replanned(ClientId(uuid.UUID(str(row[0]))), row[1]) for row in rows]
