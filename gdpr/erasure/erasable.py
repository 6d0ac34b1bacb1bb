"""A warehouse table about people, and what erasing one of them does to its rows.

    declared tables -> find_erasables -> raw tables, facts, current views, in this order

Rows of a table that outlives people (sums of money rest on them) stay, without the person: each
column says what becomes of it. The natural key of such a row changes with the ids that it is made
of, by the rule of `tenancy.privacy.screen`, so that the platform's next word of it still finds it.

Decision: ADR-0027.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.errors import InternalError, Terminal
from domain.facts import FACTS
from domain.facts.fact import Column, ColumnType, Erased, Names, Supersession
from domain.facts.tables import Table, facts_table
from domain.ids import ClientId, ConnectionId
from tenancy.privacy.pseudonyms import Pseudonyms
from tenancy.privacy.screen import Screen, key_without_person

__all__ = [
    "NATURAL_KEY",
    "Erasable",
    "NotErasableError",
    "find_erasables",
    "told_by",
    "word_of",
]

NATURAL_KEY: Final = "natural_key"
_DAY: Final = "reporting_date"
_SCHEMAS: Final = ("raw", "facts", "marts")


class NotErasableError(InternalError, Terminal):
    """A table is declared in a way that erasing cannot carry out (our bug)."""

    code = "NOT_ERASABLE"


@dataclass(frozen=True, slots=True, eq=False)
class Erasable:
    """A table that names people or their orders.

    Attributes:
        table: Its columns say whom they name and what becomes of them.
        raws: Raw tables that its rows come from, by `source.stream`: what its keys are made of.
        versions: Every version of the rows of which this table is the current view; None: it is no
            view, or one by days.
    """

    table: Table
    raws: Mapping[str, Table] = field(default_factory=dict)
    versions: Table | None = None

    def __post_init__(self) -> None:
        named = [column.names for column in self.table.columns if column.names is not None]
        if not named or len(set(named)) < len(named):
            raise NotErasableError(f"{self.table.qualified} has to name one person, one order")
        wrong = [column.name for column in self.surrogates if column.type is not ColumnType.STRING]
        if wrong:
            raise NotErasableError(f"{self.table.qualified}.{wrong[0]} holds no surrogate: no text")
        if self.table.outlives_person and self.order is None:
            raise NotErasableError(f"{self.table.qualified} keeps rows that no order names")

    @property
    def person(self) -> str | None:
        """The column that names a person."""
        return self._named(Names.PERSON)

    @property
    def order(self) -> str | None:
        """The column that names an order."""
        return self._named(Names.ORDER)

    @property
    def day(self) -> str:
        """The DATE column that instants are cut to."""
        return next(c.name for c in self.table.columns if _DAY in (c.fills, c.name))

    @property
    def surrogates(self) -> tuple[Column, ...]:
        """Columns that get a surrogate; a fact's natural key is not among them."""
        return tuple(one for one in self.table.columns if one.erased is Erased.SURROGATE)

    @property
    def has_streams(self) -> bool:
        """Whether rows tell the stream that they came from, and have a natural key."""
        return any(column.name == "stream" for column in self.table.columns)

    def surrogate_key(
        self, names: Pseudonyms, connection_id: ConnectionId, stream: str, natural_key: str
    ) -> str:
        """The natural key of a row that its person is taken out of.

        Args:
            names: Of the tenant.
            connection_id: Of the row.
            stream: `source.stream` of the row. One that no raw table is of came from a file, or
                from an earlier system: its key is a whole, as it was in the raw table.
            natural_key: As it was.
        """
        raw = self.raws.get(stream)
        if raw is None:
            return names.surrogate(connection_id, NATURAL_KEY, natural_key)
        nobody = Screen(names, _NOBODY, connection_id, lambda _: False)
        return key_without_person(natural_key, raw, nobody)

    def _named(self, what: Names) -> str | None:
        return next((one.name for one in self.table.columns if one.names is what), None)


_NOBODY: Final = ClientId(uuid.UUID(int=0))  # surrogates are of a connection, not of a client


def word_of(column: Column) -> str:
    """What a surrogate of the column is made for: the fact's name of it."""
    return column.fills or column.name


def told_by(fact: str) -> str:
    """The category of what rows of a fact tell, and rows that are to become its rows; may be empty.

    See `Table.tells_of`.
    """
    return facts_table(FACTS[fact]).tells_of if fact in FACTS else ""


def find_erasables(tables: Iterable[Table]) -> list[Erasable]:
    """Those of the declared tables that are about people: raw ones, facts, current views."""
    about = [table for table in tables if table.names_people and table.schema in _SCHEMAS]
    raws = [table for table in about if table.schema == "raw"]
    return [
        _erasable(table, raws)
        for table in sorted(about, key=lambda one: (_SCHEMAS.index(one.schema), one.name))
    ]


def _erasable(table: Table, raws: Sequence[Table]) -> Erasable:
    if table.schema == "raw":
        return Erasable(table)
    fact = FACTS[table.name]
    is_view = table.schema == "marts" and fact.supersession is Supersession.KEY
    streams = {one.name.replace("__", ".", 1): one for one in raws}
    return Erasable(
        table,
        {name: raw for name, raw in streams.items() if not name.startswith("file.")},
        facts_table(fact) if is_view else None,
    )
