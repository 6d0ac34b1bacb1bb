"""How long a client's rows about people are kept, as its agency decides.

officer -> within the policy? -> the client's days + audit entry, or neither
"""

from domain.ports import Clock, IdFactory
from domain.privacy.people_days import MOST_PEOPLE_DAYS, check_people_days
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import Client

__all__ = ["SET_DAYS", "set_people_days"]

SET_DAYS = "retention.days_set"


def set_people_days(
    session: TenantSession,
    client: Client,
    days: int,
    *,
    clock: Clock,
    ids: IdFactory,
    actor: str,
) -> None:
    """Keep rows about a client's people for so many days; what is gone already stays gone.

    Raises:
        InvalidInputError: More days than the policy allows, or fewer than are needed.
    """
    check_people_days(days)
    before = MOST_PEOPLE_DAYS if client.people_days is None else client.people_days
    client.people_days = days
    audit.record(
        session,
        clock=clock,
        ids=ids,
        actor=actor,
        action=SET_DAYS,
        object_kind="client",
        object_id=str(client.id),
        details={"days": days, "before": before},
    )
