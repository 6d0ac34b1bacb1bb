"""The pages of a slice whose places are counted, held until they are proved to be the whole list.

    page, page, ... last page -> no record came twice -> one answer

A provider that is asked for "records 100,000 and on", or for page 7, counts in a list that it may
change between two requests: a record that comes in shifts all others, and one of them is then sent
twice and another never. The number of records can be right all the same. So nothing of such a slice
is handed out before its end, and a list that has moved is read again from its start.
"""

import dataclasses
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.connector.answer import TypedAnswer
from ingestion.connector.failures import IncompleteAnswerError

__all__ = ["CountedPages"]

_SEPARATOR: Final = "\x1f"  # of the parts of a key; no provider puts it into an id


class CountedPages:
    """Holds the pages of one slice. Memory is bounded by the slice."""

    def __init__(self, key: tuple[str, ...]) -> None:
        """Begin with nothing.

        Args:
            key: Fields whose values identify a record.
        """
        self._key = key
        self._pages: list[TypedAnswer] = []
        self._seen: set[str] = set()

    @property
    def records(self) -> int:
        """Records of the pages held."""
        return sum(page.records for page in self._pages)

    def add(self, page: TypedAnswer, *, is_last: bool) -> TypedAnswer | None:
        """Take a page; gives the whole slice back with its last one.

        Raises:
            IncompleteAnswerError: A record stands in two pages: the list has moved, and others are
                missing.
        """
        if is_last and not self._pages:
            return page
        keys = self._keys(page.batch)
        repeated = self._seen.intersection(keys)
        if repeated:
            raise IncompleteAnswerError(
                f"records stand on two pages ({len(repeated)} of them), so others stand on none",
                hint="the sync is tried again by itself; the list changes while it is read",
            )
        self._seen.update(keys)
        self._pages.append(page)
        return self._whole() if is_last else None

    def drop(self) -> None:
        """Forget the pages held."""
        self._pages.clear()
        self._seen.clear()

    def _keys(self, batch: pa.RecordBatch) -> list[str]:
        parts = [pc.fill_null(batch.column(name).cast(pa.string()), "") for name in self._key]
        keys: list[str] = pc.binary_join_element_wise(*parts, _SEPARATOR).to_pylist()
        return keys

    def _whole(self) -> TypedAnswer:
        pages = self._pages
        whole = dataclasses.replace(
            pages[0],
            batch=pa.concat_batches([page.batch for page in pages]),
            rejected=tuple(row for page in pages for row in page.rejected),
            drift=tuple(item for page in pages for item in page.drift),
            records=self.records,
            skipped=sum(page.skipped for page in pages),
        )
        self.drop()
        return whole
