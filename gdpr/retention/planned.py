"""What a purge would do, line by line.

rules | what is over at an agency -> PlannedPurge -> officer
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from domain.ids import ClientId
from gdpr.erasure.work import Stores
from gdpr.retention.landed import LANDED_DAYS, landed_before
from gdpr.retention.warehouse import LANDED, PEOPLE, AgencyPurge

__all__ = ["PlannedPurge", "plan_warehouse"]


@dataclass(frozen=True, slots=True)
class PlannedPurge:
    """What a policy would do now at one place.

    Attributes:
        policy: Name of the policy.
        place: Table, or landing objects.
        days: That it keeps, there.
        before: UTC instant: what counts from earlier is over.
        then: What becomes of it, for people.
        rows: How many rows, or objects, that is.
    """

    policy: str
    place: str
    days: int
    before: dt.datetime
    then: str
    rows: int

    @property
    def name(self) -> str:
        """Of policy and place."""
        return f"{self.policy}.{self.place}"


def plan_warehouse(
    stores: Stores,
    agency: AgencyPurge,
    counted: Counter[tuple[ClientId, str]],
    today: dt.date,
) -> Iterator[PlannedPurge]:
    """What would go of the warehouse and of landing objects; of tables with nothing over as well.

    Rows of clients with days of their own are lines of their own.
    """
    for day in sorted(set(agency.days.values())):
        clients = [client for client, of_client in agency.days.items() if of_client == day]
        for erasable in stores.erasables:
            table = erasable.table
            yield PlannedPurge(
                PEOPLE,
                table.qualified,
                (today - day).days,
                dt.datetime.combine(day, dt.time(), dt.UTC),
                "without the person" if table.outlives_person else "deleted",
                sum(counted[client, table.qualified] for client in clients),
            )
    before = landed_before(today)
    rows: Counter[str] = Counter()
    for old in agency.objects:
        rows[old.raw_table] += old.rows
    count = len(agency.objects)
    yield PlannedPurge(LANDED, "landing objects", LANDED_DAYS, before, "deleted", count)
    for table_name, of_table in sorted(rows.items()):
        yield PlannedPurge(LANDED, table_name, LANDED_DAYS, before, "deleted", of_table)
