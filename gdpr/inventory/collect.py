"""The inventory: every column of every store, and what it says it holds of people.

    tables of PostgreSQL, facts and marts, keys of Redis    (known here)
    raw tables, landing objects, jobs, features, exports,
    log words, models                                       (handed in by `api.privacy_inventory`)
        -> collect -> Inventory -> find_gaps, record of processing, DPIA, docs/data_inventory.md

Nothing is listed by hand: each store is read where it is declared, so that a new column is here at
once, and red until it says what it holds.

Decision: ADR-0024.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.facts import FACTS
from domain.facts.fact import Fact, Names
from domain.facts.tables import SUPPRESSED, SYNCS, Table, facts_table, marts_table
from domain.privacy.classification import Classification
from domain.privacy.held import HeldColumn, Store
from gdpr.erasure.targets import TARGETS
from tenancy.held_keys import held_keys
from tenancy.tables.held import held_columns

__all__ = ["Inventory", "collect"]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that is kept.

    Attributes:
        columns: By store, table and place in it.
    """

    columns: tuple[HeldColumn, ...]

    @property
    def personal(self) -> tuple[tuple[HeldColumn, Classification], ...]:
        """What is about somebody, with its classification."""
        return tuple((one, one.personal) for one in self.columns if one.personal is not None)

    def of(self, store: Store) -> tuple[HeldColumn, ...]:
        """The columns of one store."""
        return tuple(one for one in self.columns if one.store is store)


def collect(handed: Iterable[HeldColumn]) -> Inventory:
    """The whole inventory.

    Args:
        handed: What the parts hold that this one may not know.
    """
    columns = [*held_columns(), *_warehouse(), *held_keys(), *handed]
    stores = list(Store)
    return Inventory(tuple(sorted(columns, key=lambda one: (stores.index(one.store), one.table))))


def _warehouse() -> Iterator[HeldColumn]:
    yield from _of_table(SYNCS, ())
    yield from _of_table(TARGETS, ("value",))
    yield from _of_table(SUPPRESSED, ("value",))
    for fact in FACTS.values():
        for table in (facts_table(fact), marts_table(fact)):
            yield from _of_table(table, _path(fact))


def _of_table(table: Table, path: tuple[str, ...]) -> Iterator[HeldColumn]:
    for column in table.columns:
        yield HeldColumn(Store.WAREHOUSE, table.qualified, column.name, column.holds, path)


def _path(fact: Fact) -> tuple[str, ...]:
    """The column that names the person, else the one that names the order."""
    for names in Names:
        for column in fact.columns:
            if column.names is names:
                return (column.name,)
    return ()
