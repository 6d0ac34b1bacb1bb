"""Putting rows away: `bosco quarantine dismiss`."""

from collections.abc import AsyncIterator

from api.commands.lookup import find_agency
from api.commands.quarantine_rows import choose_rows, record_deed
from api.control.protocol import Arguments, Event, LineEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError
from ingestion.quality.succession import close_row
from tenancy.tables import QuarantineState

__all__ = ["dismiss_rows"]


async def dismiss_rows(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco quarantine dismiss`: rows that need not count.

    Raises:
        InvalidInputError: Neither a row nor a stream is named, or there is no reason.
        NotFoundError: There is nothing to dismiss.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    if not arguments["reason"].strip():
        raise InvalidInputError("there is no reason", hint="say why, in a few words")
    if not any(arguments.get(name) for name in ("id", "stream", "source")):
        raise InvalidInputError(
            "nothing is named to dismiss", hint="name a row, or --stream, or --source"
        )
    async with runtime.database.session(tenant.tenant_id) as session:
        rows = await choose_rows(runtime, session, tenant, arguments)
        for row in rows:
            close_row(
                row,
                QuarantineState.DISMISSED,
                arguments["actor"],
                arguments["reason"],
                runtime.clock(),
            )
        record_deed(runtime, session, arguments, "quarantine.dismissed", str(rows[0].id), rows)
    yield LineEvent(f"{len(rows):,} rows dismissed")
