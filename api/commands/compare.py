"""An earlier system against Bosco: `bosco compare`.

export + map -> old ledger | connections -> new ledger -> domain.compare -> tables, CSV, verdict
"""

import asyncio
import csv
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from sqlalchemy import select

from api.commands.history import load_account_map
from api.commands.lookup import find_agency, parse_day
from api.control.protocol import Arguments, DoneEvent, Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.compare.causes import Cause
from domain.compare.compare import Comparison, Difference, Exported, compare
from domain.compare.figures import AccountKey, Ledger
from domain.errors import InvalidInputError
from domain.ports import TenantScope
from domain.time_window import DateRange
from ingestion.comparison import BoscoSide, ExportSide, measures_of, read_export
from ingestion.files.map_spec import MapSpec
from tenancy.tables import Client, Connection
from tenancy.unscoped import TenantProfile

__all__ = ["compare_systems"]

_SHOWN: Final = 12
_ZERO: Final = Decimal(0)
# These say that Bosco lacks something: to be mended before the switch.
_TO_MEND: Final = frozenset(
    {Cause.NOT_CONNECTED, Cause.DAY_MISSING_IN_NEW, Cause.CAMPAIGN_MISSING_IN_NEW}
)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """The agency's accounts that an export can be held against.

    Attributes:
        clients: Account -> short name of its client.
        connections: Those that the platform is read of.
    """

    clients: Mapping[AccountKey, str]
    connections: Mapping[AccountKey, Connection]


async def compare_systems(runtime: Runtime, arguments: Arguments) -> AsyncIterator[Event]:
    """`bosco compare`. Exit code 1 when a difference has no cause, or Bosco lacks something.

    Raises:
        InvalidInputError: The map or the file cannot be used, or nothing can be compared.
    """
    tenant = await find_agency(runtime, arguments["tenant"])
    map_path = arguments.resolve_path(arguments["map"]).resolve()
    path = arguments.resolve_path(arguments["file"]).resolve()
    file_map = await load_account_map(map_path)
    accounts = await _load_accounts(runtime, tenant, arguments.get("client"))
    export = await asyncio.to_thread(read_export, path, file_map)
    days = _days(arguments, export, path)
    old = _within(export.ledger, accounts, days, only_known=bool(arguments.get("client")))
    side = BoscoSide(
        runtime.warehouse,
        TenantScope(tenant.tenant_id),
        {one.id: key for key, one in accounts.connections.items()},
    )
    new = _within(await side.read(file_map, days), accounts, days, only_known=True)
    exported = await _exported(arguments, side, file_map, days)
    found = compare(old, new, measures_of(file_map), exported)
    yield LineEvent(
        f"{path.name} against Bosco, {days.start} to {days.end}: {found.figures:,} figures of "
        f"{len(old.accounts.keys() | new.accounts.keys())} accounts, "
        f"{len(found.differences):,} differ"
    )
    if export.rejected:
        yield LineEvent(f"{export.rejected:,} rows of the file do not fit its map and are left out")
    yield _sums(found, old, new, accounts, list(measures_of(file_map)))
    for table in (_causes(found), _biggest(found, accounts)):
        if table.rows:
            yield table
    if arguments.get("csv"):
        target = arguments.resolve_path(arguments["csv"])
        await asyncio.to_thread(_write, target, found, accounts)
        yield LineEvent(f"every difference is in {target.name}")
    for event in _verdict(found):
        yield event


async def _load_accounts(
    runtime: Runtime, tenant: TenantProfile, client_slug: str | None
) -> _Accounts:
    query = select(Connection, Client.slug).join(
        Client, (Client.tenant_id == Connection.tenant_id) & (Client.id == Connection.client_id)
    )
    if client_slug:
        query = query.where(Client.slug == client_slug)
    async with runtime.database.session(tenant.tenant_id) as session:
        rows = (await session.execute(query)).all()
    if client_slug and not rows:
        raise InvalidInputError(
            f"{client_slug} is no client of {tenant.slug} with accounts",
            hint=f"bosco clients list {tenant.slug}",
        )
    pairs = [(AccountKey(one.source, one.account_id), one, slug) for one, slug in rows]
    return _Accounts(
        {key: slug for key, _, slug in pairs},
        {key: one for key, one, _ in pairs if one.credentials is not None},
    )


def _days(arguments: Arguments, export: ExportSide, path: Path) -> DateRange:
    if export.days is None:
        raise InvalidInputError(f"no row of {path.name} fits its map", hint="mend the map")
    first = parse_day(arguments["first"], "--from") if arguments.get("first") else None
    last = parse_day(arguments["last"], "--to") if arguments.get("last") else None
    start, end = first or export.days.start, last or export.days.end
    if start > end:
        raise InvalidInputError(f"there are no days from {start} to {end}")
    return DateRange(start, end)


def _within(ledger: Ledger, accounts: _Accounts, days: DateRange, *, only_known: bool) -> Ledger:
    """The days that both sides can have: from an account's connection on."""
    kept = Ledger()
    for key, series in ledger.accounts.items():
        if only_known and key not in accounts.clients:
            continue
        connection = accounts.connections.get(key)
        start = days.start if connection is None else max(days.start, connection.start_date)
        series.days = {day: one for day, one in series.days.items() if start <= day <= days.end}
        if series.days:
            kept.accounts[key] = series
    return kept


async def _exported(
    arguments: Arguments, side: BoscoSide, file_map: MapSpec, days: DateRange
) -> Exported | None:
    text = arguments.get("exported")
    if not text:
        return None
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInputError(
            f"--exported is {text!r}: that is no ISO 8601 instant with an offset",
            hint="write --exported 2026-11-20T06:00:00Z",
        )
    return Exported(at.astimezone(dt.UTC), await side.read(file_map, days, at))


def _sums(
    found: Comparison, old: Ledger, new: Ledger, accounts: _Accounts, metrics: Sequence[str]
) -> TableEvent:
    """Old and new by client and metric; amounts of several currencies are not added up."""
    sums: dict[tuple[str, str, str], list[Decimal]] = {}
    for place, ledger in enumerate((old, new)):
        for key, series in ledger.accounts.items():
            own = new.accounts.get(key, series).currency
            for figures in series.days.values():
                for metric, amount in figures.totals.items():
                    name = (accounts.clients.get(key, "?"), metric, own)
                    sums.setdefault(name, [_ZERO, _ZERO])[place] += amount
    differing = Counter(
        (accounts.clients.get(one.account, "?"), one.metric) for one in found.differences
    )
    order = {metric: index for index, metric in enumerate(metrics)}
    rows = tuple(
        (
            client,
            metric,
            currency,
            _text(before),
            _text(after),
            _text(after - before),
            differing[client, metric],
        )
        for (client, metric, currency), (before, after) in sorted(
            sums.items(), key=lambda item: (item[0][0], order[item[0][1]], item[0][2])
        )
    )
    columns = ("client", "metric", "currency", "old", "bosco", "difference", "figures that differ")
    return TableEvent("sums", columns, rows)


def _causes(found: Comparison) -> TableEvent:
    counts = Counter(reason.cause for one in found.differences for reason in one.reasons)
    example = {
        reason.cause: reason.text for one in reversed(found.differences) for reason in one.reasons
    }
    rows = tuple(
        (cause.value.replace("_", " "), count, example[cause])
        for cause, count in sorted(counts.items(), key=lambda item: (-item[1], item[0].value))
    )
    return TableEvent("why", ("cause", "figures", "for example"), rows)


def _biggest(found: Comparison, accounts: _Accounts) -> TableEvent:
    ordered = sorted(found.differences, key=_weight, reverse=True)
    rows = tuple(_row(one, accounts) for one in ordered[:_SHOWN])
    return TableEvent("the widest differences", _COLUMNS, rows)


_COLUMNS: Final = ("client", "account", "day", "metric", "old", "bosco", "why")


def _weight(one: Difference) -> Decimal:
    """How far apart the two are, as a part of the larger one."""
    before, after = one.old or _ZERO, one.new or _ZERO
    return abs(before - after) / max(abs(before), abs(after))


def _row(one: Difference, accounts: _Accounts) -> tuple[str, ...]:
    return (
        accounts.clients.get(one.account, "?"),
        f"{one.account.source} {one.account.account_id}",
        "all" if one.day is None else one.day.isoformat(),
        one.metric,
        "-" if one.old is None else _text(one.old),
        "-" if one.new is None else _text(one.new),
        "; ".join(reason.text for reason in one.reasons),
    )


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():,f}" if amount else "0"


def _write(target: Path, found: Comparison, accounts: _Accounts) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(_row(one, accounts) for one in found.differences)


def _verdict(found: Comparison) -> Sequence[Event]:
    lacking = sum(
        any(reason.cause in _TO_MEND for reason in one.reasons) for one in found.differences
    )
    if found.unexplained:
        text = f"not ready to switch: {len(found.unexplained):,} differences have no known cause"
    elif lacking:
        text = f"not ready to switch: {lacking:,} figures are missing in Bosco, as shown above"
    elif found.differences:
        text = "ready to switch: every difference is explained, none is Bosco's"
    else:
        text = "ready to switch: both say the same"
    return (LineEvent(text), DoneEvent(1 if found.unexplained or lacking else 0))
