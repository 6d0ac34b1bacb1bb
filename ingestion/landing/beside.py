"""Whom rows that land name, beside what is stored of them.

    typed rows -> identifiers that never land, by row -> screening, and the identity graph

Of a stream about people (customers) every row tells of a person. Of another (orders) one does that
brings an address or a number; the order stands for a guest, who has no id.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from domain.ids import ConnectionId
from domain.privacy.identifiers import Identifier, IdentifierKind
from ingestion.connector.naming import ADDRESS, WITHHELD, naming_fields
from ingestion.connector.raw_table import UNKNOWN_FIELDS
from ingestion.connector.spec import StreamSpec
from tenancy.privacy.screen import identify

__all__ = ["Beside"]

_NAMES_ONE: Final = (IdentifierKind.EMAIL, IdentifierKind.PLATFORM)
_DIRECT: Final = (IdentifierKind.EMAIL, IdentifierKind.PHONE)


@dataclass(frozen=True, slots=True)
class Beside:
    """Reads what came beside the rows of one stream.

    Attributes:
        stream: Whose rows they are.
        connection_id: In which ids are unique.
    """

    stream: StreamSpec
    connection_id: ConnectionId

    @property
    def columns(self) -> dict[str, IdentifierKind]:
        """The fields that never land, and what they name a person by."""
        never_land = {one.name for one in self.stream.fields if one.identifier}
        return {name: kind for name, kind in self._kinds.items() if name in never_land}

    def naming(self, rows: pa.RecordBatch) -> list[tuple[IdentifierKind, pa.Array]]:
        """What tells whom a row is about, and is not stored with it. Numbers tell nobody."""
        return [
            (kind, rows.column(name))
            for name, kind in self.columns.items()
            if kind in _NAMES_ONE and name in rows.schema.names
        ]

    def without(self, rows: pa.RecordBatch, erased: pa.BooleanArray) -> pa.RecordBatch:
        """The rows, of which erased people's bring nothing along any more."""
        columns = self.columns
        arrays = [
            pc.if_else(erased, pa.scalar(None, array.type), array) if name in columns else array
            for name, array in zip(rows.schema.names, rows.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=rows.schema)

    def without_addresses(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows, in which what nobody has declared shows no address."""
        place = rows.schema.get_field_index(UNKNOWN_FIELDS.name)
        if place < 0 or rows.column(place).null_count == rows.num_rows:
            return rows
        texts = pc.replace_substring_regex(rows.column(place), ADDRESS, WITHHELD)
        return rows.set_column(place, rows.schema.field(place), texts)

    def kept(self, batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch | None:
        """What of the rows is needed until they are known; None: nothing."""
        if not self.columns or not batches:
            return None
        wanted = [name for name in batches[0].schema.names if name in self._needed]
        return pa.concat_batches([batch.select(wanted) for batch in batches])

    def groups(self, kept: pa.RecordBatch | None) -> Iterator[list[Identifier]]:
        """The identifiers that each row showed together, of rows that tell of a person."""
        if kept is None:
            return
        naming = self._kinds
        names = [name for name in kept.schema.names if name in naming]
        needs_direct = self.stream.raw_table.outlives_person
        if needs_direct:  # most rows of orders bring none: whole columns tell
            kept = _with_any(kept, [name for name in names if naming[name] in _DIRECT])
        countries = self._countries(kept)
        columns = (kept.column(name).to_pylist() for name in names)
        for country, *texts in zip(countries, *columns, strict=True):
            told = [
                one
                for name, text in zip(names, texts, strict=True)
                if text is not None
                and (one := identify(naming[name], text, self.connection_id, country))
            ]
            kinds = {one.kind for one in told}
            if needs_direct and not kinds.intersection(_DIRECT):
                continue
            is_guest = IdentifierKind.PLATFORM not in kinds
            if person := [one for one in told if is_guest or one.kind is not IdentifierKind.ORDER]:
                yield person

    def _countries(self, kept: pa.RecordBatch) -> list[str]:
        name = next((c.name for c in self.stream.raw_table.columns if c.fills == "country"), None)
        if name is None or name not in kept.schema.names:
            return [""] * kept.num_rows
        return [country or "" for country in kept.column(name).to_pylist()]

    @property
    def _kinds(self) -> dict[str, IdentifierKind]:
        return naming_fields(self.stream)

    @property
    def _needed(self) -> set[str]:
        country = {c.name for c in self.stream.raw_table.columns if c.fills == "country"}
        return {*self._kinds, *country}


def _with_any(rows: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """The rows that have a value in any of some columns."""
    if not names:
        return rows.slice(0, 0)
    return rows.filter(functools.reduce(pc.or_, (pc.is_valid(rows.column(one)) for one in names)))
