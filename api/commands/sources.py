"""What can be read: `bosco sources`. It needs neither an agency nor the runtime."""

from collections.abc import AsyncIterator

from api.control.protocol import Event, LineEvent, TableEvent
from ingestion.connector.documentation import describe_source, describe_sources
from ingestion.connector.source_file import load_all_sources, load_source

__all__ = ["describe", "list_sources"]


async def list_sources() -> AsyncIterator[Event]:
    """`bosco sources list`."""
    rows = tuple(
        (
            source.name,
            source.api.version,
            f"{source.api.sunset}",
            ", ".join(sorted({stream.fact for stream in source.streams.values()})),
            f"{source.evidence.checked}",
        )
        for source in load_all_sources().values()
    )
    yield TableEvent("sources", ("source", "API", "answers until", "brings", "checked"), rows)


async def describe(name: str | None) -> AsyncIterator[Event]:
    """`bosco sources describe`: of one source, or of all of them.

    Raises:
        NotFoundError: There is no such source.
    """
    if name is None:
        text = describe_sources(load_all_sources().values())
    else:
        text = describe_source(load_source(name))
    yield LineEvent(text.rstrip("\n"))
