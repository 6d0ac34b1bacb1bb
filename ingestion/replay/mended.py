"""Which rows of a retyped batch belong to which row of the quarantine.

A record of a platform is one row; a line of a file may be several, of which only some did not fit.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from ingestion.connector.spec import StreamSpec
from ingestion.replay.base_rows import days_of, keys_of
from ingestion.replay.retype import Retyped
from tenancy.tables import QuarantinedRow

__all__ = ["MendedRow", "mended_rows", "picked"]


@dataclass(frozen=True, slots=True)
class MendedRow:
    """A row of the quarantine that fits now.

    Attributes:
        places: Its rows in the batch.
        keys: Their natural keys.
        days: Their reporting dates.
    """

    row: QuarantinedRow
    places: tuple[int, ...]
    keys: frozenset[str]
    days: frozenset[dt.date]


def mended_rows(
    spec: StreamSpec, rows: Sequence[QuarantinedRow], retyped: Retyped
) -> list[MendedRow]:
    """Those of `rows` that were not refused, with what they have become."""
    numbers = retyped.batch.column("row_number").to_pylist()
    keys, days = keys_of(spec, retyped.batch), days_of(spec, retyped.batch)
    by_number: dict[int, list[int]] = defaultdict(list)
    for place, number in enumerate(numbers):
        by_number[number].append(place)
    found = []
    for row in rows:
        if row in retyped.refused:
            continue
        of_line = by_number[row.row_number]
        own = [place for place in of_line if keys[place] == row.natural_key] or of_line
        found.append(
            MendedRow(
                row,
                tuple(own),
                frozenset(keys[place] for place in own),
                frozenset(day for place in own if (day := days[place]) is not None),
            )
        )
    return found


def picked(batch: pa.RecordBatch, mended: Sequence[MendedRow]) -> pa.RecordBatch:
    """The rows of a batch that belong to some of them, in order."""
    places = sorted({place for one in mended for place in one.places})
    return batch.take(pa.array(places, pa.int64()))
