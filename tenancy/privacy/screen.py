"""What becomes of rows of erased people: the same for data that comes in and data that is there.

    rows -> pseudonyms of whom they name -> rows of erased people -> left out, or without the person

A row is about an erased person when any column that names a person or an order, or an address that
came with it, is a tombstone; rows whose time is over are treated alike, whoever they are about. Of
a fact that does not outlive people such a row is left out. Of one that does, each of its columns
becomes what the fact says (`domain.facts.fact.Erased`): the same text or instant each time, so a
late row replaces the row that erasure left, and sums stay as they are.

Whatever else such a row names is the erased person's too, and is told: a new order shows the person
here, while its lines may show the order only.

Cost: one HMAC for each distinct id in a batch; nothing for rows that name nobody.

Decision: ADR-0025.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from domain.errors import InvalidInputError
from domain.facts.fact import Column, Erased, Names
from domain.facts.tables import KEY_SEPARATOR, Table
from domain.ids import ClientId, ConnectionId
from domain.privacy import identifiers
from domain.privacy.identifiers import Identifier, IdentifierKind
from tenancy.privacy.pseudonyms import Pseudonyms
from tenancy.privacy.tombstones import Pseudonymised

__all__ = ["Screen", "Screened", "identify", "key_without_person", "rows_over", "screen"]

_REPORTING_DATE: Final = "reporting_date"
_KINDS: Final = {Names.PERSON: IdentifierKind.PLATFORM, Names.ORDER: IdentifierKind.ORDER}


@dataclass(frozen=True, slots=True)
class Screen:
    """What rows of one connection are held against.

    Attributes:
        names: Of the tenant.
        client_id: Whose the connection is.
        connection_id: In which ids are unique.
        is_erased: Whether a pseudonym is a tombstone.
        over_before: Rows of earlier reporting dates are over, whoever they are about; None: none.
    """

    names: Pseudonyms
    client_id: ClientId
    connection_id: ConnectionId
    is_erased: Callable[[str], bool]
    over_before: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """Rows without erased people.

    Attributes:
        rows: The same object, when none of them is about one.
        erased: Which of the rows that were given are about one, or are over; None: none.
        related: What such rows name beside, and is no tombstone yet -> the tombstone that it stood
            beside.
    """

    rows: pa.RecordBatch
    erased: pa.BooleanArray | None = None
    related: Mapping[Pseudonymised, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many rows were about erased people, or are over."""
        return 0 if self.erased is None else self.erased.true_count


def screen(
    rows: pa.RecordBatch,
    table: Table,
    against: Screen,
    beside: Sequence[tuple[IdentifierKind, pa.Array]] = (),
) -> Screened:
    """Take erased people out of rows.

    Args:
        rows: With all or some of the table's columns; others are left alone.
        table: Says whom its columns name, and what becomes of them.
        against: Who is erased.
        beside: More that names whom the rows are about, by row, and is not stored with them.
    """
    named = [*_named(rows, table), *beside]
    known = [_pseudonyms(kind, array, against) for kind, array in named]
    erased = None
    for (_, array), pseudonyms in zip(named, known, strict=True):
        gone = [text for text, name in pseudonyms.items() if against.is_erased(name)]
        if gone:
            found = pc.is_in(array, value_set=pa.array(gone, array.type))
            erased = found if erased is None else pc.or_(erased, found)
    beside_them = {} if erased is None else _related(named, known, erased, against)
    over = rows_over(rows, table, against.over_before)
    if over is not None:
        erased = over if erased is None else pc.or_(erased, over)
    if erased is None or not erased.true_count:
        return Screened(rows)
    if not table.outlives_person:
        return Screened(rows.filter(pc.invert(erased)), erased, beside_them)
    return Screened(_without_person(rows, table, against, erased), erased, beside_them)


def rows_over(
    rows: pa.RecordBatch, table: Table, over_before: dt.date | None
) -> pa.BooleanArray | None:
    """Which rows are of days before a day; None: none. A row whose day cannot be read is not."""
    if over_before is None or _day_column(table) not in rows.schema.names:
        return None
    day = pa.scalar(over_before, pa.date32())
    over = pc.fill_null(pc.less(_days(rows, table), day), fill_value=False)
    return over if over.true_count else None


def key_without_person(natural_key: str, raw: Table, against: Screen) -> str:
    """The natural key of a fact's row of an erased person, as it comes from the screened raw row.

    Args:
        natural_key: At the provider.
        raw: The raw table of the row's stream.
        against: For the surrogates.
    """
    columns = {column.name: column for column in raw.columns}
    parts = natural_key.split(KEY_SEPARATOR)
    if len(parts) != len(raw.key):
        return natural_key
    return KEY_SEPARATOR.join(
        _surrogate(columns[name], part, against)
        if part and columns[name].erased is Erased.SURROGATE
        else part
        for name, part in zip(raw.key, parts, strict=True)
    )


def identify(
    kind: IdentifierKind, text: str, connection_id: ConnectionId, country: str = ""
) -> Identifier | None:
    """What a column's text names; None: it is no identifier of that kind.

    Args:
        kind: Of the identifier.
        text: As it came.
        connection_id: In which ids of platforms and orders are unique.
        country: See `identifiers.phone`.
    """
    try:
        if kind is IdentifierKind.EMAIL:
            return identifiers.email(text)
        if kind is IdentifierKind.PHONE:
            return identifiers.phone(text, country=country)
        if kind is IdentifierKind.ORDER:
            return identifiers.order(text, connection_id)
        return identifiers.platform_id(text, connection_id)
    except InvalidInputError:
        return None


def _named(rows: pa.RecordBatch, table: Table) -> Iterator[tuple[IdentifierKind, pa.Array]]:
    for column in table.columns:
        if column.names is not None and column.name in rows.schema.names:
            yield _KINDS[column.names], rows.column(column.name)


def _pseudonyms(kind: IdentifierKind, array: pa.Array, against: Screen) -> dict[str, str]:
    """The pseudonym of each text in a column that names somebody."""
    texts = array.unique().drop_null().to_pylist()
    found = ((text, identify(kind, text, against.connection_id)) for text in texts)
    return {
        text: against.names.of(against.client_id, one) for text, one in found if one is not None
    }


def _related(
    named: Sequence[tuple[IdentifierKind, pa.Array]],
    known: Sequence[Mapping[str, str]],
    erased: pa.BooleanArray,
    against: Screen,
) -> dict[Pseudonymised, str]:
    found: dict[Pseudonymised, str] = {}
    kinds = [kind for kind, _ in named]
    texts = [array.filter(erased).to_pylist() for _, array in named]
    for row in zip(*texts, strict=True):
        told = [
            Pseudonymised(pseudonyms[text], against.client_id, kind)
            for kind, text, pseudonyms in zip(kinds, row, known, strict=True)
            if text in pseudonyms
        ]
        by = next(one.pseudonym for one in told if against.is_erased(one.pseudonym))
        found |= {one: by for one in told if not against.is_erased(one.pseudonym)}
    return found


def _without_person(
    rows: pa.RecordBatch, table: Table, against: Screen, erased: pa.BooleanArray
) -> pa.RecordBatch:
    columns = {column.name: column for column in table.columns}
    arrays = []
    for name, array in zip(rows.schema.names, rows.columns, strict=True):
        column = columns.get(name)
        if column is None or column.erased is Erased.KEPT:
            arrays.append(array)
        elif column.erased is Erased.CLEARED:
            arrays.append(pc.if_else(erased, pa.scalar(None, array.type), array))
        elif column.erased is Erased.SURROGATE:
            own = [
                None if text is None else _surrogate(column, text, against)
                for text in array.filter(erased).to_pylist()
            ]
            arrays.append(pc.replace_with_mask(array, erased, pa.array(own, array.type)))
        else:
            midnight = _days(rows, table).filter(erased).cast(pa.timestamp("us")).cast(array.type)
            arrays.append(pc.replace_with_mask(array, erased, midnight))
    return pa.RecordBatch.from_arrays(arrays, schema=rows.schema)


def _surrogate(column: Column, text: str, against: Screen) -> str:
    return against.names.surrogate(against.connection_id, column.fills or column.name, text)


def _days(rows: pa.RecordBatch, table: Table) -> pa.Array:
    return rows.column(_day_column(table))


def _day_column(table: Table) -> str:
    return next(c.name for c in table.columns if _REPORTING_DATE in (c.fills, c.name))
