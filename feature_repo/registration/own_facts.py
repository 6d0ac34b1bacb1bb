"""An agency's own facts, as far as a plan looks at them.

    scope -> owners -> some of them -> entities as of now, their facts with history -> Sample
                                    -> rows in reach of each fact

A plan reads some owners only, and so many rows of a fact at most: what it shows is an example on
real figures, and costs less than a refresh.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from sqlalchemy import func, select

from domain.facts import FACTS
from domain.facts.tables import SYNCS, Table, facts_table
from domain.ports import Parameter, QueryWarehouse, TenantScope
from domain.statement_text import parse_statement
from feature_repo.compute import FeatureComputer
from feature_repo.entities import Entity
from feature_repo.feature import LOOKBACK_DAYS, FeatureView
from feature_repo.registration.trial import Sample
from feature_repo.statements import ENTITY, FIRST_DAY, LAST_DAY, OWNERS
from tenancy.session import Database
from tenancy.tables import Client, Connection, FeatureMaterialisation

__all__ = ["OwnFacts", "count_entities", "list_owners"]

_OWNERS: Final = 5
_ENTITIES: Final = 50
_ROWS: Final = 20_000  # of one fact
_SLACK_DAYS: Final = 2


async def list_owners(database: Database, scope: TenantScope, entity: Entity) -> list[str]:
    """Clients or accounts of a scope that entities of a kind belong to, by id. One query."""
    of_client = entity.is_of_client
    owner = Client.id if of_client else Connection.id
    query = select(owner).order_by(owner)
    if scope.clients is not None:
        client = Client.id if of_client else Connection.client_id
        query = query.where(client.in_(list(scope.clients)))
    async with database.session(scope.tenant_id) as session:
        return [str(one) for one in await session.scalars(query)]


async def count_entities(database: Database, scope: TenantScope, view: FeatureView) -> int:
    """Entities that refreshes of a view have written last. One query."""
    note = FeatureMaterialisation
    query = select(func.coalesce(func.sum(note.entities), 0)).where(note.view == view.name)
    if scope.clients is not None:
        query = query.where(note.client_id.in_(list(scope.clients)))
    async with database.session(scope.tenant_id) as session:
        return int(await session.scalar(query) or 0)


@dataclass(frozen=True, slots=True)
class OwnFacts:
    """The facts of agencies, behind the guard."""

    warehouse: QueryWarehouse
    computer: FeatureComputer

    async def current(
        self, scope: TenantScope, view: FeatureView, owners: Sequence[str], now: dt.datetime
    ) -> pa.Table:
        """Features of the first entities of the first owners; see `FeatureComputer.current`."""
        if not owners:
            return await self.computer.asked(scope, view, [])
        table = await self.computer.current(scope, view, owners[:_OWNERS], now)
        return table.slice(0, _ENTITIES)

    async def sample(
        self, scope: TenantScope, view: FeatureView, owners: Sequence[str], now: dt.datetime
    ) -> Sample | None:
        """Facts behind the first entities; None: there is nothing of the last 28 days.

        Raises:
            WarehouseError: The warehouse failed.
        """
        entities = (await self.current(scope, view, owners, now)).column(ENTITY).to_pylist()
        if not entities:
            return None
        parameters = {OWNERS: tuple(owners[:_OWNERS])}
        facts = {}
        for name in view.facts:
            table = facts_table(FACTS[name])
            select_rows = _rows_of(table, view.entity.owner_column, by_day=True)
            facts[name] = await self._run(scope, select_rows, parameters | _days(now))
        syncs = await self._run(scope, _rows_of(SYNCS, view.entity.owner_column), parameters)
        return Sample(facts, syncs, [(entity, now) for entity in entities])

    async def count_rows(
        self, scope: TenantScope, view: FeatureView, now: dt.datetime
    ) -> dict[str, int]:
        """Rows of each fact that a refresh of everything reads. One query.

        Raises:
            WarehouseError: The warehouse failed.
        """
        text = " UNION ALL ".join(
            f"SELECT '{name}' AS fact, COUNT(*) AS n"
            f" FROM {facts_table(FACTS[name]).qualified} AS f"
            f" WHERE f.reporting_date BETWEEN @{FIRST_DAY} AND @{LAST_DAY}"
            for name in view.facts
        )
        found = await self._run(scope, text, _days(now))
        return {row["fact"]: row["n"] for row in found.to_pylist()}

    async def _run(
        self, scope: TenantScope, text: str, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        return await self.warehouse.run(scope, parse_statement(text), parameters)


def _rows_of(table: Table, owner: str, *, by_day: bool = False) -> str:
    columns = ", ".join(f"f.{column.name}" for column in table.columns)
    days = f" AND f.reporting_date BETWEEN @{FIRST_DAY} AND @{LAST_DAY}" if by_day else ""
    limit = f" LIMIT {_ROWS}" if by_day else ""
    return (
        f"SELECT {columns} FROM {table.qualified} AS f"
        f" WHERE f.{owner} IN UNNEST(@{OWNERS}){days}{limit}"
    )


def _days(now: dt.datetime) -> dict[str, Parameter]:
    slack = dt.timedelta(days=_SLACK_DAYS)
    first = now.date() - dt.timedelta(days=LOOKBACK_DAYS) - slack
    return {FIRST_DAY: first, LAST_DAY: now.date() + slack}
