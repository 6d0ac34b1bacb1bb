"""A person's rows in the warehouse.

    platform's ids -> rows that name the person -> their orders -> rows that name the orders

Current views, one connection and one page of rows at a time, so that an export of any size takes
the same memory. Trees are in BigQuery's dialect and hold no values.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp, parse_one

from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType, Fact, Names
from domain.facts.tables import marts_table
from domain.ids import ConnectionId
from domain.ports import Parameter, QueryWarehouse, Statement, TenantScope
from domain.privacy.classification import Classification
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.purposes import Purpose
from gdpr.access.sections import ExportColumn, Person, Rows, Section

__all__ = ["PAGE_ROWS", "WarehouseRows"]

PAGE_ROWS: Final = 1_000
_KINDS: Final = {
    ColumnType.INT64: "integer",
    ColumnType.FLOAT64: "number",
    ColumnType.BOOL: "boolean",
}
_LINEAGE: Final = frozenset({"tenant_id", "client_id", "sync_id", "version"})
_ORDERS: Final = "orders"  # the fact that tells whose orders are whose


@dataclass(frozen=True, slots=True)
class WarehouseRows:
    """See `gdpr.access.sections.PersonSource`."""

    warehouse: QueryWarehouse
    page_rows: int = PAGE_ROWS

    def sections(self, person: Person) -> Sequence[Section]:
        """One for each fact that names people or their orders."""
        return [self._section(person, fact) for fact in FACTS.values() if _named(fact)]

    def _section(self, person: Person, fact: Fact) -> Section:
        return Section(
            name=fact.name,
            title=f"{fact.name.replace('_', ' ').capitalize()}: {fact.grain}",
            source="the shop's platform, from where it is read by its interface",
            is_provided=fact.name != "refunds",
            columns=tuple(_column(one) for one in _shown(fact)),
            rows=lambda: self._rows(person, fact),
        )

    async def _rows(self, person: Person, fact: Fact) -> Rows:
        for connection_id, people in _ids(person, IdentifierKind.PLATFORM).items():
            async for page in self._of_person(person, connection_id, people, fact):
                yield page
        for connection_id, orders in _ids(person, IdentifierKind.ORDER).items():
            async for page in self._of_orders(person, connection_id, orders, fact):
                yield page

    async def _of_person(
        self, person: Person, connection_id: ConnectionId, ids: tuple[str, ...], fact: Fact
    ) -> Rows:
        named = _named(fact)
        if Names.PERSON in named:
            async for page in self._pages(person, connection_id, fact, named[Names.PERSON], ids):
                yield page
            return
        orders = FACTS[_ORDERS]
        column = _named(orders)[Names.ORDER]
        async for page in self._of_person(person, connection_id, ids, orders):
            theirs = tuple(sorted({row[column] for row in page}))
            async for lines in self._of_orders(person, connection_id, theirs, fact):
                yield lines

    async def _of_orders(
        self, person: Person, connection_id: ConnectionId, ids: tuple[str, ...], fact: Fact
    ) -> Rows:
        column = _named(fact).get(Names.ORDER)
        if column is not None and ids:
            async for page in self._pages(person, connection_id, fact, column, ids):
                yield page

    async def _pages(
        self,
        person: Person,
        connection_id: ConnectionId,
        fact: Fact,
        column: str,
        ids: tuple[str, ...],
    ) -> Rows:
        clients = None if person.client_id is None else frozenset({person.client_id})
        # Who is not analysed any more may see what is kept of them all the same.
        scope = TenantScope(person.tenant_id, clients, Purpose.STORAGE)
        parameters: dict[str, Parameter] = {
            "connection_id": str(connection_id),
            "ids": ids,
            "after": "",
            "page_rows": self.page_rows,
        }
        while True:
            statement = _question(fact.name, column)
            rows = (await self.warehouse.run(scope, statement, parameters)).to_pylist()
            if rows:
                parameters["after"] = rows[-1].pop("place")
                yield [{name: row[name] for name in row if name != "place"} for row in rows]
            if len(rows) < self.page_rows:
                return


@functools.cache
def _named(fact: Fact) -> Mapping[Names, str]:
    """Columns that name a person or an order."""
    return {column.names: column.name for column in fact.columns if column.names is not None}


@functools.cache
def _question(fact_name: str, column: str) -> Statement:
    fact = FACTS[fact_name]
    shown = ", ".join(f"r.{one.name}" for one in _shown(fact))
    place = "CONCAT(CAST(r.reporting_date AS STRING), ' ', r.stream, ' ', r.natural_key)"
    tree = parse_one(
        f"""
        SELECT {shown}, {place} AS place
        FROM {marts_table(fact).qualified} AS r
        WHERE r.connection_id = @connection_id
          AND r.{column} IN UNNEST(@ids)
          AND {place} > @after
        ORDER BY place
        LIMIT @page_rows
        """,
        dialect="bigquery",
    )
    if not isinstance(tree, exp.Query):
        raise TypeError(type(tree))
    return Statement(tree, frozenset({marts_table(fact).qualified}))


def _shown(fact: Fact) -> list[Column]:
    return [column for column in fact.all_columns if column.name not in _LINEAGE]


def _column(column: Column) -> ExportColumn:
    holds = column.holds if isinstance(column.holds, Classification) else None
    kind = _KINDS.get(column.type, "string")
    return ExportColumn(column.name, kind, column.description, holds)


def _ids(person: Person, kind: IdentifierKind) -> dict[ConnectionId, tuple[str, ...]]:
    found: dict[ConnectionId, tuple[str, ...]] = {}
    for one in person.identifiers:
        if one.kind is kind and one.connection_id is not None:
            found[one.connection_id] = (*found.get(one.connection_id, ()), one.value)
    return found
