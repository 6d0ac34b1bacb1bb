"""Tombstones: what keeps the late data of an erased person from bringing them back.

    erasure -> add_tombstones: the tenant's row locked, epoch + 1, pseudonyms stored
    data comes in -> load_tombstones -> screened -> lock_epoch: still that epoch? -> recorded

Whoever makes data known holds the epoch until its transaction ends, and whoever sets tombstones
waits for it: data is screened against them, or was known before them, where the erasure finds it.

The tenant's row is locked first, then that of a sync, then that of a client; else two could wait
for each other.

While a legal hold keeps a category of the person's data, a tombstone says so: rows of that category
are let in as they are, and replace those that stayed.

Sources: PostgreSQL 18 section 13.3.2 (FOR SHARE and FOR NO KEY UPDATE exclude each other, and
neither stops what refers to the row).
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Select, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert

from domain.ids import ClientId
from domain.ports import Clock
from domain.privacy.identifiers import Identifier, IdentifierKind
from tenancy.privacy.pseudonyms import Pseudonyms
from tenancy.privacy.subject_changes import is_among
from tenancy.session import TenantSession
from tenancy.tables import Tenant, Tombstone

__all__ = [
    "NO_TOMBSTONES",
    "Pseudonymised",
    "Tombstones",
    "add_tombstones",
    "add_tombstones_of",
    "find_erased",
    "hold_back",
    "load_tombstones",
    "lock_epoch",
    "pseudonymise",
]


@dataclass(frozen=True, slots=True)
class Pseudonymised:
    """An identifier that only its pseudonym tells of.

    Attributes:
        pseudonym: At the client.
        client_id: Whose data.
        kind: Of the identifier.
    """

    pseudonym: str
    client_id: ClientId
    kind: IdentifierKind


@dataclass(frozen=True, slots=True)
class Tombstones:
    """All of a tenant, as of an epoch.

    Attributes:
        epoch: How often somebody was erased; 0: never.
        pseudonyms: Of everybody who is.
        held: By category of data: those of them whose rows of it a legal hold keeps.
    """

    epoch: int
    pseudonyms: frozenset[str]
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, tells_of: str) -> frozenset[str]:
        """Whose rows of a category are erased."""
        return self.pseudonyms - self.held.get(tells_of, frozenset())


NO_TOMBSTONES: Final = Tombstones(0, frozenset())


def pseudonymise(
    names: Pseudonyms, client_id: ClientId, identifiers: Iterable[Identifier]
) -> list[Pseudonymised]:
    """What identifiers become, for tombstones."""
    return [Pseudonymised(names.of(client_id, one), client_id, one.kind) for one in identifiers]


async def add_tombstones(
    session: TenantSession,
    pseudonymised: Collection[Pseudonymised],
    request_id: uuid.UUID,
    clock: Clock,
    held: Collection[str] = (),
) -> int:
    """Set tombstones; those that stand already stay as they are.

    Args:
        session: Holds the tenant's row until it ends: keep it short.
        pseudonymised: Of the erased person, orders included.
        request_id: By which the person is erased.
        clock: Of the platform.
        held: Categories of data that a legal hold keeps.

    Returns:
        The tenant's epoch: a new one if any of the tombstones is new.
    """
    epoch = await _own_epoch(session)
    if not pseudonymised:
        return epoch
    now = clock()
    rows = [
        {
            "tenant_id": session.tenant_id,
            "pseudonym": one.pseudonym,
            "client_id": one.client_id,
            "kind": one.kind,
            "request_id": request_id,
            "epoch": epoch + 1,
            "created_at": now,
            "held": sorted(held),
        }
        for one in pseudonymised
    ]
    await session.execute(insert(Tombstone).on_conflict_do_nothing(), rows)
    is_new = select(Tombstone.pseudonym).where(Tombstone.epoch == epoch + 1).limit(1)
    if await session.scalar(is_new) is None:
        return epoch
    await session.execute(update(Tenant).values(tombstone_epoch=epoch + 1))
    return epoch + 1


async def add_tombstones_of(
    session: TenantSession,
    found: Select[str, IdentifierKind],
    client_id: ClientId,
    request_id: uuid.UUID,
    clock: Clock,
    held: Collection[str] = (),
) -> int:
    """Set tombstones for all pseudonyms that a query finds, however many there are.

    Args:
        session: Holds the tenant's row until it ends: keep it short.
        found: Pseudonyms and their kinds.
        client_id: Whose data.
        request_id: By which the people are erased.
        clock: Of the platform.
        held: Categories of data that a legal hold keeps.

    Returns:
        The tenant's epoch: a new one if any of the tombstones is new.
    """
    epoch = await _own_epoch(session)
    told = found.subquery()
    rows = select(
        literal(session.tenant_id),
        told.c.pseudonym,
        literal(client_id),
        told.c.kind,
        literal(request_id),
        literal(epoch + 1),
        literal(clock()),
        literal(sorted(held), ARRAY(TEXT)),
    )
    columns = (
        *("tenant_id", "pseudonym", "client_id", "kind"),
        *("request_id", "epoch", "created_at", "held"),
    )
    stored = insert(Tombstone).from_select(columns, rows).on_conflict_do_nothing()
    await session.execute(stored)
    is_new = select(Tombstone.pseudonym).where(Tombstone.epoch == epoch + 1).limit(1)
    if await session.scalar(is_new) is None:
        return epoch
    await session.execute(update(Tenant).values(tombstone_epoch=epoch + 1))
    return epoch + 1


async def hold_back(session: TenantSession, request_id: uuid.UUID, held: Collection[str]) -> None:
    """Say which categories of data a legal hold keeps of whom a request erases; nothing: none.

    Args:
        session: Holds the tenant's row until it ends: keep it short.
        request_id: By which the person is erased.
        held: All of them; what was held before and is not any more is erased from now on.
    """
    epoch = await _own_epoch(session)
    changed = (
        update(Tombstone)
        .where(Tombstone.request_id == request_id, Tombstone.held != sorted(held))
        .values(held=sorted(held), epoch=epoch + 1)
        .returning(Tombstone.pseudonym)
    )
    if (await session.scalars(changed)).first() is not None:
        await session.execute(update(Tenant).values(tombstone_epoch=epoch + 1))


async def _own_epoch(session: TenantSession) -> int:
    """The epoch, locked against whoever screens data and whoever sets tombstones."""
    locked = select(Tenant.tombstone_epoch).with_for_update(key_share=True)
    return (await session.scalars(locked)).one()


async def load_tombstones(session: TenantSession) -> Tombstones:
    """Those of the session's tenant; one look at one row where nobody was ever erased."""
    # The epoch first: what is set between the two looks is seen, and counts as not seen.
    epoch = (await session.scalars(select(Tenant.tombstone_epoch))).one()
    if epoch == 0:
        return NO_TOMBSTONES
    pseudonyms, held = set[str](), defaultdict[str, set[str]](set)
    for pseudonym, categories in await session.execute(select(Tombstone.pseudonym, Tombstone.held)):
        pseudonyms.add(pseudonym)
        for category in categories:
            held[category].add(pseudonym)
    kept = {category: frozenset(those) for category, those in held.items()}
    return Tombstones(epoch, frozenset(pseudonyms), kept)


async def find_erased(session: TenantSession, pseudonyms: Collection[str]) -> frozenset[str]:
    """Which of them have a tombstone; none is set until the transaction ends.

    One look at one row where nobody was ever erased, else two queries.
    """
    if await lock_epoch(session) == 0:
        return frozenset()
    among = is_among(Tombstone.pseudonym, pseudonyms)
    return frozenset(await session.scalars(select(Tombstone.pseudonym).where(among)))


async def lock_epoch(session: TenantSession) -> int:
    """The epoch, kept from moving until the transaction ends; others may hold it too."""
    held = select(Tenant.tombstone_epoch).with_for_update(read=True)
    return (await session.scalars(held)).one()
