"""How old the features of a view are, against the age that is promised.

    refreshes of accounts or clients that are synced -> entities older than the objective

Whoever has paused an account, or lost access to it, knows that nothing new comes; such features
grow old and are not late.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from feature_repo.feature import FeatureView
from tenancy.session import TenantSession
from tenancy.tables import Connection, ConnectionState, FeatureMaterialisation, FeatureVerdict

__all__ = ["Freshness", "compute_freshness", "load_refreshes"]

# By the fact column that names an entity's owner: the column of Connection with the same id.
_OWNERS: Final = {"connection_id": "id", "client_id": "client_id"}


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the features of a view are.

    Attributes:
        entities: Computed by the last refreshes.
        late: Of these, those older than the objective.
        oldest_as_of: Instant of the oldest; None: there are none.
    """

    entities: int
    late: int
    oldest_as_of: dt.datetime | None

    @property
    def verdict(self) -> FeatureVerdict:
        """UNUSUAL: late; TOO_FEW: there are no features."""
        if not self.entities:
            return FeatureVerdict.TOO_FEW
        return FeatureVerdict.UNUSUAL if self.late else FeatureVerdict.USUAL


async def load_refreshes(
    session: TenantSession, view: FeatureView
) -> Sequence[FeatureMaterialisation]:
    """The last refresh of each account or client that is synced and has entities of the view."""
    owner = getattr(Connection, _OWNERS[view.entity.owner_column])
    synced = select(owner).where(Connection.state == ConnectionState.ACTIVE)
    refreshes = select(FeatureMaterialisation).where(
        FeatureMaterialisation.view == view.name,
        FeatureMaterialisation.entities > 0,
        FeatureMaterialisation.owner_id.in_(synced),
    )
    return (await session.scalars(refreshes.order_by(FeatureMaterialisation.owner_id))).all()


def compute_freshness(
    refreshes: Sequence[FeatureMaterialisation], objective: dt.timedelta, now: dt.datetime
) -> Freshness:
    """Count what is older than promised.

    Args:
        refreshes: With entities.
        objective: Age that values should not reach.
        now: UTC instant.
    """
    return Freshness(
        entities=sum(one.entities for one in refreshes),
        late=sum(one.entities for one in refreshes if now - one.as_of >= objective),
        oldest_as_of=min((one.as_of for one in refreshes), default=None),
    )
