"""What an agency has planned to spend, as models take it.

spend_plans -> PlannedSpend
"""

from sqlalchemy import select

from ml.plans.planned import PlannedSpend
from tenancy.session import TenantSession
from tenancy.tables import SpendPlan

__all__ = ["load_spend_plans"]


async def load_spend_plans(session: TenantSession) -> list[PlannedSpend]:
    """All plans of the session's agency, by first day."""
    query = select(SpendPlan).order_by(SpendPlan.day_from, SpendPlan.id)
    return [
        PlannedSpend(
            client=str(row.client_id),
            channel=row.channel,
            campaign=row.campaign,
            first=row.day_from,
            last=row.day_to,
            amount=row.amount,
            currency=row.currency,
        )
        for row in await session.scalars(query)
    ]
