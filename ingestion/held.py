"""What ingestion keeps of people: raw tables, the objects they are loaded from, and its jobs.

source files, feeds of files, job arguments -> HeldColumn -> gdpr.inventory
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from domain.facts import FACTS
from domain.facts.fact import Names
from domain.facts.tables import Table
from domain.privacy.classification import Privacy
from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import CANONICAL_WORD, JOB_ACTOR, LINEAGE, PROOF
from ingestion.connector.spec import StreamSpec
from ingestion.corrections import PLACE_JOB, RELEASE_JOB, REPLAY_JOB
from ingestion.load import RAW_SYNCS
from ingestion.pipeline import HISTORY_JOB, IMPORT_JOB, SYNC_JOB
from ingestion.publication import FOLLOW_JOB, LOAD_JOB

__all__ = ["JOB_ARGUMENTS", "held_columns"]

_KEPT: Final = "landed"  # whatever it holds, what platforms sent goes by then

_RUN: Final[Mapping[str, Privacy]] = {
    "tenant_id": LINEAGE,
    "run_id": LINEAGE,
    "connection_id": LINEAGE,
}
_FILE: Final[Mapping[str, Privacy]] = {
    "file": LINEAGE,
    "map_file": LINEAGE,
    "map_hash": PROOF,
    "facts": CANONICAL_WORD,
}
_REPLAY: Final[Mapping[str, Privacy]] = {**_RUN, "map_file": LINEAGE, "map_hash": PROOF}

# Arguments of the durable jobs; steps return ids and counts.
JOB_ARGUMENTS: Final[Mapping[str, Mapping[str, Privacy]]] = {
    SYNC_JOB: {**_RUN, "requested_by": JOB_ACTOR},
    IMPORT_JOB: {**_RUN, **_FILE, "requested_by": JOB_ACTOR},
    HISTORY_JOB: {
        "tenant_id": LINEAGE,
        "run_id": LINEAGE,
        "connections": LINEAGE,
        **_FILE,
        "requested_by": JOB_ACTOR,
    },
    RELEASE_JOB: {**_RUN, "attempt": LINEAGE},
    REPLAY_JOB: _REPLAY,
    PLACE_JOB: _REPLAY,
    LOAD_JOB: _RUN,
    FOLLOW_JOB: _RUN,
}


def held_columns(streams: Iterable[StreamSpec]) -> Iterator[HeldColumn]:
    """Raw tables, landing objects and jobs; of what says nothing `holds` is None.

    Args:
        streams: Of all sources, and those through which files come.
    """
    for stream in streams:
        for store in (Store.WAREHOUSE, Store.LANDING):
            yield from _of_table(store, stream.raw_table, _path(stream))
    yield from _of_table(Store.WAREHOUSE, RAW_SYNCS, ())
    for job, arguments in JOB_ARGUMENTS.items():
        for name, what in arguments.items():
            yield HeldColumn(Store.JOBS, job, name, what)


def _of_table(store: Store, table: Table, path: tuple[str, ...]) -> Iterator[HeldColumn]:
    for column in table.columns:
        yield HeldColumn(store, table.qualified, column.name, column.holds, path, kept=_KEPT)


def _path(stream: StreamSpec) -> tuple[str, ...]:
    """The field that feeds the column which names the person, else the one that names the order."""
    fact = FACTS[stream.fact]
    fields = {item.column: item.field for item in stream.mapping if item.field is not None}
    for names in Names:
        for column in fact.columns:
            if column.names is names and column.name in fields:
                return (fields[column.name],)
    return ()
