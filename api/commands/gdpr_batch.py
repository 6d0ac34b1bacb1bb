"""Requests from a file: `bosco gdpr requests import`."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import select

from api.commands.lookup import find_agency, find_client
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError
from domain.ids import TenantId
from gdpr.inbound.csv_batch import BatchPlace, BatchRow, KnownConnection, read_batch
from gdpr.requests.desk import RequestDesk
from gdpr.requests.services import RequestServices
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection

__all__ = ["import_requests"]

_SHOWN: Final = 100  # bad lines


async def import_requests(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco gdpr requests import`: says what it would do; with `apply` it does it.

    Exit code 1 when a line is bad.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    async with runtime.database.session(tenant.tenant_id) as session:
        client = await find_client(session, arguments["client"])
        place = await _place(runtime, session, client, arguments["actor"])
    path = arguments.resolve_path(arguments["file"])
    good, bad = Counter[str](), 0
    with _opened(path, place) as rows:
        for row in rows:
            if row.intake is not None:
                good[row.intake.right.value] += 1
                continue
            bad += 1
            if bad <= _SHOWN:
                yield LineEvent(f"line {row.line}: {row.problem}")
    if bad > _SHOWN:
        yield LineEvent(f"and {bad - _SHOWN} more")
    for right, number in sorted(good.items()):
        yield LineEvent(f"{right}  {number}")
    is_filed = arguments["apply"] and (not bad or arguments["keep_going"])
    if not arguments["apply"]:
        yield LineEvent("nothing was filed; file them with --apply")
    elif not is_filed:
        yield LineEvent("nothing was filed; mend the lines above, or file the rest: --keep-going")
    else:
        new = await _file(runtime, tenant.tenant_id, path, place)
        yield LineEvent(f"filed {new}, known already {good.total() - new}")
    if bad:
        yield DoneEvent(1)


async def _place(
    runtime: Runtime, session: TenantSession, client: Client, actor: str
) -> BatchPlace:
    query = select(Connection).where(Connection.client_id == client.id).order_by(Connection.id)
    connections = [
        KnownConnection(one.id, one.source, one.account_id) for one in await session.scalars(query)
    ]
    return BatchPlace(client.id, client.time_zone, connections, actor, runtime.clock())


async def _file(runtime: Runtime, tenant_id: TenantId, path: Path, place: BatchPlace) -> int:
    """File the good rows, each in a transaction of its own; how many are new."""
    desk = RequestDesk(
        RequestServices(
            runtime.database, runtime.vault, runtime.clock, runtime.ids, runtime.random_bytes
        )
    )
    new = 0
    with _opened(path, place) as rows:
        for row in rows:
            if row.intake is not None:
                new += (await desk.receive(tenant_id, row.intake)).is_new
    return new


@contextmanager
def _opened(path: Path, place: BatchPlace) -> Iterator[Iterator[BatchRow]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield read_batch(file, place)
    except OSError as error:
        raise InvalidInputError(f"the file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InvalidInputError("the file is not in UTF-8") from None
