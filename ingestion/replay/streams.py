"""How the rows of a stream are read today.

connection, stream, map -> the stream's specification and its retyper | the reason why not
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import ConflictError, Terminal
from domain.facts import FACTS
from domain.facts.fact import HISTORY
from ingestion.connector.job import Account
from ingestion.connector.spec import SourceSpec, StreamSpec
from ingestion.file_landing import version_of
from ingestion.files.feeds import FILE_SOURCE, raw_file_stream
from ingestion.files.map_spec import MapSpec
from ingestion.replay.retype import FileRetyper, RecordRetyper, Retyper
from tenancy.tables import Connection, Sync

__all__ = ["ReplayStream", "StreamNotReadError", "open_stream"]


class StreamNotReadError(ConflictError, Terminal):
    """Rows of a stream cannot be read again (whoever asked for it)."""

    code = "STREAM_NOT_READ"


@dataclass(frozen=True, slots=True)
class ReplayStream:
    """A stream of a connection.

    Attributes:
        spec: How its rows land.
        retyper: Reads quarantined ones again.
        version: Of the API, or of the map.
        widens: Its syncs cover the days of their rows, as files do.
    """

    spec: StreamSpec
    retyper: Retyper
    version: str
    widens: bool


def open_stream(
    connection: Connection,
    sync: Sync,
    sources: Mapping[str, SourceSpec],
    file_map: MapSpec | None,
) -> ReplayStream:
    """The stream of a sync as it is read today.

    Raises:
        StreamNotReadError: Its source file or map does not read it.
    """
    settings = connection.settings
    account = Account(connection.account_id, settings, settings["currency"], settings["time_zone"])
    if sync.stream == HISTORY:
        raise StreamNotReadError("is of an earlier system's export", hint="import the export again")
    if connection.source == FILE_SOURCE:
        return _file_stream(sync, file_map, account)
    source = sources[connection.source]
    spec = source.streams.get(sync.stream)
    if spec is None:
        raise StreamNotReadError(f"is of {sync.stream}, which is not read any more")
    return ReplayStream(spec, RecordRetyper(spec, account), source.api.version, widens=False)


def _file_stream(sync: Sync, file_map: MapSpec | None, account: Account) -> ReplayStream:
    if file_map is None:
        raise StreamNotReadError("is of a file", hint="name the map that reads it: --map FILE")
    feed = next((one for one in file_map.feeds if file_map.stream_of(one) == sync.stream), None)
    if feed is None:
        raise StreamNotReadError(
            f"is of {sync.stream}", hint=f"the map {file_map.name} reads other files"
        )
    spec = raw_file_stream(FACTS[feed.fact])
    retyper = FileRetyper(file_map, feed, account)
    return ReplayStream(spec, retyper, version_of(file_map.content_hash), widens=True)
