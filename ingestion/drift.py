"""What the latest run of each stream found that its source file does not know.

    page.drift -> log and board -> whoever follows the run

Kept in memory, for people who watch; the log of the process has it for good.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

import structlog

from domain.ids import ConnectionId, RunId
from ingestion.connector.job import Drift
from tenancy.tables import Sync

__all__ = ["DriftBoard"]

_LOG: Final = structlog.get_logger(__name__)


class DriftBoard:
    """Drift by stream; each stream of a connection shows that of one run only, its latest."""

    def __init__(self) -> None:
        self._latest: dict[tuple[ConnectionId, str], tuple[RunId, dict[str, None]]] = {}

    def note(self, sync: Sync, drift: Iterable[Drift]) -> None:
        """Tell what a page of the sync brought; what its run has told already is passed over."""
        for item in drift:
            key = (sync.connection_id, sync.stream)
            run_id, told = self._latest.get(key, (None, {}))
            if run_id != sync.run_id:
                told = {}
                self._latest[key] = (sync.run_id, told)
            text = f"{item.kind.replace('_', ' ')} {item.field}: {item.detail}"
            if text not in told:
                told[text] = None
                _LOG.warning(
                    "source_drift",
                    source=sync.source,
                    stream=sync.stream,
                    **dataclasses.asdict(item),
                )

    def texts(self, sync: Sync) -> Iterator[str]:
        """What the sync's run has found in its stream, one line each."""
        run_id, told = self._latest.get((sync.connection_id, sync.stream), (None, {}))
        if run_id == sync.run_id:
            yield from told
