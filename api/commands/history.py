"""What an earlier system told: `bosco history import`.

export + map -> accounts -> a connection for each, made where there is none -> durable import
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import select

from api.commands.lookup import find_agency, find_client, find_source
from api.commands.sync import follow_run
from api.control.protocol import Arguments, Event, LineEvent
from api.runtime import Runtime
from domain.errors import InvalidInputError
from domain.ids import ConnectionId, RunId
from ingestion.files.account_refs import AccountRef
from ingestion.files.map_file import load_map
from ingestion.files.map_spec import MapSpec
from ingestion.files.read_file import find_accounts
from ingestion.history_landing import HistoryImport
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import Client, Connection, ConnectionState
from tenancy.unscoped import TenantProfile

__all__ = ["import_history", "load_account_map"]

_SHOWN: Final = 10


async def import_history(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco history import`: one export of this machine, by a map.

    Raises:
        InvalidInputError: The map or the file cannot be used, or nobody owns an account.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    map_path = arguments.resolve_path(arguments["map"]).resolve()
    path = arguments.resolve_path(arguments["file"]).resolve()
    file_map = await load_account_map(map_path)
    accounts = await asyncio.to_thread(find_accounts, path, file_map)
    for account in accounts:
        find_source(runtime, account.source)
    run_id = RunId(runtime.ids())
    async with runtime.database.session(tenant.tenant_id) as session:
        owners = await _Owners.load(session, file_map, arguments.get("client"))
        connections, made = await _connect(runtime, session, accounts, owners, file_map)
        audit.record(
            session,
            clock=runtime.clock,
            ids=runtime.ids,
            actor=arguments["actor"],
            action="history.imported",
            object_kind="run",
            object_id=str(run_id),
            details={"map": file_map.content_hash, "accounts": len(accounts), "new": made},
        )
    yield LineEvent(
        f"{len(accounts)} accounts in {path.name}, {made} of them not connected yet: they get "
        "connections that only have history"
    )
    request = _request(path, map_path, file_map, connections)
    handle = await runtime.pipeline.start_history(
        tenant.tenant_id, run_id, request, arguments["actor"]
    )
    async for event in follow_run(runtime, tenant, run_id, [handle]):
        yield event
    yield LineEvent(_next(tenant, path, map_path))


async def load_account_map(path: Path) -> MapSpec:
    """Read a map of files that hold several accounts.

    Raises:
        InvalidInputError: It cannot be read, or does not say whose rows are.
    """
    file_map = await asyncio.to_thread(load_map, path)
    if file_map.accounts is None:
        raise InvalidInputError(
            f"the map {path.name} does not say whose a row is",
            hint="add `accounts:` with source and account_id; docs/switching.md has an example",
        )
    facts = [feed.fact for feed in file_map.feeds]
    if len(facts) != len(set(facts)):
        raise InvalidInputError(
            f"the map {path.name} feeds one fact twice", hint="history takes one feed per fact"
        )
    return file_map


class _Owners:
    """Which client an account that nobody has yet belongs to."""

    def __init__(self, by_account: Mapping[str, Client], default: Client | None) -> None:
        self._by_account = by_account
        self._default = default

    @classmethod
    async def load(
        cls, session: TenantSession, file_map: MapSpec, default: str | None
    ) -> "_Owners":
        """Look the clients up that the map and the command name.

        Raises:
            NotFoundError: One is no client of the agency.
        """
        named = file_map.accounts.clients if file_map.accounts else {}
        clients = {slug: await find_client(session, slug) for slug in sorted({*named.values()})}
        return cls(
            {account_id: clients[slug] for account_id, slug in named.items()},
            await find_client(session, default) if default else None,
        )

    def find(self, account: AccountRef) -> Client | None:
        """The client, or None."""
        return self._by_account.get(account.account_id, self._default)


async def _connect(
    runtime: Runtime,
    session: TenantSession,
    accounts: Mapping[AccountRef, int],
    owners: _Owners,
    file_map: MapSpec,
) -> tuple[dict[AccountRef, ConnectionId], int]:
    """The connection of every account, and how many had to be made."""
    known = {
        AccountRef(connection.source, connection.account_id): connection.id
        for connection in (await session.scalars(select(Connection))).all()
    }
    missing = [account for account in accounts if account not in known]
    homeless = [account for account in missing if owners.find(account) is None]
    if homeless:
        shown = ", ".join(f"{one.source} {one.account_id}" for one in homeless[:_SHOWN])
        more = f" and {len(homeless) - _SHOWN} more" if len(homeless) > _SHOWN else ""
        raise InvalidInputError(
            f"no client has these accounts yet: {shown}{more}",
            hint="name their clients in the map (accounts.clients), or give --client",
        )
    for account in missing:
        client = owners.find(account)
        if client is None:
            continue
        known[account] = ConnectionId(runtime.ids())
        session.add(
            Connection(
                id=known[account],
                client_id=client.id,
                source=account.source,
                account_id=account.account_id,
                label="",
                settings={
                    "currency": file_map.currency or client.currency,
                    "time_zone": file_map.time_zone or client.time_zone,
                },
                credentials=None,
                state=ConnectionState.PAUSED,
                start_date=runtime.clock().date(),
                created_at=runtime.clock(),
            )
        )
    return {account: known[account] for account in accounts}, len(missing)


def _request(
    path: Path, map_path: Path, file_map: MapSpec, connections: Mapping[AccountRef, ConnectionId]
) -> HistoryImport:
    return HistoryImport(
        file=path,
        map_file=map_path,
        map_hash=file_map.content_hash,
        facts=tuple(feed.fact for feed in file_map.feeds),
        connections=connections,
    )


def _next(tenant: TenantProfile, path: Path, map_path: Path) -> str:
    return f"next: bosco compare {tenant.slug} {path.name} --map {map_path.name}"
