"""Rows that do not fit, kept for a person to mend.

    rejected rows -> those of erased people left out -> without addresses -> quarantined_rows

What a row is mended by stays: ids, amounts, instants. Addresses and telephone numbers mend nothing
and are never kept in the clear: declared ones are taken out where the record is read, and here
whatever else looks like an address, of streams that are about people. The pseudonyms of whom a row
names are kept beside it, so that erasure finds it without reading it.

Decision: ADR-0025.
"""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingestion.connector.job import RejectedRow
from ingestion.connector.naming import without_addresses
from ingestion.landing.target import LandingServices, LandingTarget
from tenancy.privacy.pseudonyms import open_pseudonyms
from tenancy.privacy.screen import identify
from tenancy.privacy.tombstones import load_tombstones
from tenancy.session import TenantSession
from tenancy.tables import QuarantinedRow, QuarantineState, Sync

__all__ = ["LONGEST_RAW", "quarantine", "storable"]

# A rejected row is kept for a person to read: of a huge one, the beginning.
LONGEST_RAW: Final = 100_000
# JSON escapes, in the order of trying: a backslash and a pair of surrogates stay as they are; NUL
# and half a pair are what PostgreSQL refuses to store.
_ESCAPES: Final = re.compile(r"\\\\|\\ud[89ab]..\\ud[c-f]..|(?P<refused>\\u0000|\\ud[89a-f]..)")


async def quarantine(
    session: TenantSession,
    services: LandingServices,
    target: LandingTarget,
    sync: Sync,
    rejected: Sequence[RejectedRow],
) -> None:
    """Keep rows that do not fit.

    Args:
        session: Holds the epoch of the tombstones, if the stream is about people.
        services: Of the platform.
        target: The sync.
        sync: The same, locked; its counts follow.
        rejected: In any order.
    """
    if not target.stream.raw_table.names_people:
        session.add_all(_kept(services, sync, row, []) for row in rejected)
        sync.quarantined += len(rejected)
        return
    erased = (await load_tombstones(session)).of(target.stream.raw_table.tells_of)
    pseudonyms = await _pseudonyms(session, services, target, rejected)
    for row, found in zip(rejected, pseudonyms, strict=True):
        if erased.isdisjoint(found):
            session.add(_kept(services, sync, _without_addresses(row), found))
            sync.quarantined += 1
        else:
            sync.screened += 1


async def _pseudonyms(
    session: TenantSession,
    services: LandingServices,
    target: LandingTarget,
    rejected: Sequence[RejectedRow],
) -> list[list[str]]:
    """Of whom each row names."""
    if not any(row.named for row in rejected):
        return [[] for _ in rejected]
    names = await open_pseudonyms(session, services.vault)
    return [
        [
            names.of(target.client_id, one)
            for kind, text in row.named
            if (one := identify(kind, text, target.connection_id))
        ]
        for row in rejected
    ]


def _without_addresses(row: RejectedRow) -> RejectedRow:
    return dataclasses.replace(
        row,
        message=without_addresses(row.message),
        raw=without_addresses(row.raw),
        around=without_addresses(row.around),
    )


def _kept(
    services: LandingServices, sync: Sync, row: RejectedRow, pseudonyms: list[str]
) -> QuarantinedRow:
    return QuarantinedRow(
        id=services.ids(),
        sync_id=sync.id,
        connection_id=sync.connection_id,
        source=sync.source,
        stream=sync.stream,
        row_number=row.row_number,
        field=row.field or None,
        reason=row.reason,
        message=row.message.replace("\0", "\ufffd"),
        raw=_as_object(row.raw),
        around=storable(json.loads(row.around)) if row.around else None,
        pseudonyms=pseudonyms,
        natural_key=None if row.natural_key is None else row.natural_key.replace("\0", "\ufffd"),
        reporting_date=row.reporting_date,
        state=QuarantineState.OPEN,
        created_at=services.clock(),
    )


def _as_object(raw: str) -> dict[str, Any]:
    """The provider's row as a JSON object that PostgreSQL stores."""
    value: Any = raw[:LONGEST_RAW]
    if len(raw) <= LONGEST_RAW:
        try:
            value = json.loads(raw, parse_constant=str)
        except (json.JSONDecodeError, RecursionError):
            value = raw
    if not isinstance(value, dict):
        value = {"row": value}
    if len(raw) > LONGEST_RAW:
        value["characters"] = len(raw)
    return storable(value)


def storable(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same JSON object without what PostgreSQL refuses."""
    cleaned: dict[str, Any] = json.loads(_ESCAPES.sub(_replaced, json.dumps(value)))
    return cleaned


def _replaced(escape: re.Match[str]) -> str:
    return escape[0] if escape["refused"] is None else "\\ufffd"
