"""What the people of a run have left where: their orders, and what these are made of.

    people -> privacy.targets -> their orders, loaded or only landed -> tombstones and targets
    -> lines, refunds and keys of these -> targets

Nothing is changed before every order is known and has its tombstone: rows of an order that come in
later show the order only. A replay knows pseudonyms alone, so it looks at every id there is.
"""

import itertools
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any

from sqlalchemy import select

from domain.ids import ClientId, ConnectionId, TenantId
from domain.privacy.identifiers import Identifier, IdentifierKind, order
from gdpr.erasure.erasable import NATURAL_KEY, Erasable, word_of
from gdpr.erasure.landing import Landed, read_unloaded
from gdpr.erasure.people import bury, identifiers_of, load_recogniser
from gdpr.erasure.statements import (
    CONNECTION,
    KEY,
    ORDER,
    PERSON,
    RUN,
    distinct_names,
    find_orders,
    find_words,
    names_of_connection,
)
from gdpr.erasure.targets import Target, TargetList, iter_rows
from gdpr.erasure.work import Run, RunRequest, Stores
from tenancy.privacy.pseudonyms import SURROGATE_PREFIX, Pseudonyms, open_pseudonyms
from tenancy.tables import SubjectRequest

__all__ = ["find_targets", "words_of"]

_BURIED_AT_ONCE = 10_000
_WORDS = {IdentifierKind.PLATFORM: PERSON, IdentifierKind.ORDER: ORDER}
_KINDS = {word: kind for kind, word in _WORDS.items()}


async def find_targets(stores: Stores, run: Run) -> None:
    """Complete the targets of a run. Holds the loader's lock; doing it again changes nothing."""
    async with stores.loading():
        names = {tenant: await _names(stores, tenant) for tenant in run.requests}
        targets = run.targets(stores)
        given = _erased(stores, run) if run.is_replay else _given(stores, run, names)
        await targets.add_from(given)
        await targets.add_from(_everybody(stores, run, names))
        await targets.add_from(_orders(stores, run, names))
        await _bury_found(stores, run, targets)
        await targets.add_from(_words(stores, run, names))


async def _names(stores: Stores, tenant_id: TenantId) -> Pseudonyms:
    async with stores.database.session(tenant_id) as session:
        return await open_pseudonyms(session, stores.vault)


async def _given(stores: Stores, run: Run, names: dict[TenantId, Pseudonyms]) -> Any:
    """The people of the requests, and the orders that were given."""
    for tenant_id, requests in run.requests.items():
        async with stores.database.session(tenant_id) as session:
            for request in requests:
                for one in await identifiers_of(session, stores, request):
                    if one.connection_id is not None:
                        yield _target(tenant_id, names[tenant_id], request.request_id, one)


async def _erased(stores: Stores, run: Run) -> Any:
    """Whoever has a tombstone, by every id that any table has."""
    for tenant_id in run.requests:
        async with stores.database.session(tenant_id) as session:
            known = await load_recogniser(session, stores, run.held)
        if not known.requests:
            continue
        for erasable in stores.erasables:
            for column, kind in _naming(erasable):
                rows = await stores.warehouse.run_for(
                    run.tenants, distinct_names(erasable, column), {}
                )
                for row in iter_rows(rows):
                    if row["tenant_id"] != str(tenant_id):
                        continue
                    connection = ConnectionId(uuid.UUID(row["connection_id"]))
                    client = ClientId(uuid.UUID(row["client_id"]))
                    found = known.request_of(client, connection, kind, row["value"], "")
                    if found is not None:
                        one = Identifier(kind, row["value"], connection)
                        yield _target(tenant_id, known.names, found, one)


async def _everybody(stores: Stores, run: Run, names: dict[TenantId, Pseudonyms]) -> Any:
    """All people and orders of the connections that are erased as a whole."""
    for tenant_id, requests in run.requests.items():
        asked = {one.everybody_of: one.request_id for one in requests if one.everybody_of}
        async for one in _of_connections(stores, run, tenant_id, asked):
            yield _target(tenant_id, names[tenant_id], asked[one.connection_id], one)


async def _of_connections(
    stores: Stores, run: Run, tenant_id: TenantId, asked: Collection[ConnectionId]
) -> Any:
    """Whatever names somebody at some connections: in the warehouse, and in what it has not loaded.

    Surrogates of people who were erased before name nobody.
    """
    for connection, erasable in itertools.product(asked, stores.erasables):
        for column, kind in _naming(erasable):
            statement = names_of_connection(erasable, column)
            rows = await stores.warehouse.run_for(
                run.tenants, statement, {CONNECTION: str(connection)}
            )
            for row in iter_rows(rows):
                if row["tenant_id"] == str(tenant_id):
                    yield Identifier(kind, row["value"], connection)
    if not asked:
        return
    raws = [one for one in stores.erasables if one.table.schema == "raw"]
    async for landed in read_unloaded(stores, tenant_id, raws):
        if landed.connection_id in asked:
            for kind, value in _names_in(landed):
                yield Identifier(kind, value, landed.connection_id)


def _names_in(landed: Landed) -> Iterator[tuple[IdentifierKind, str]]:
    for column, kind in _naming(landed.erasable):
        for value in landed.rows.column(column).unique().drop_null().to_pylist():
            if not value.startswith(SURROGATE_PREFIX):
                yield kind, value


def _naming(erasable: Erasable) -> Iterator[tuple[str, IdentifierKind]]:
    if erasable.person is not None:
        yield erasable.person, IdentifierKind.PLATFORM
    if erasable.order is not None:
        yield erasable.order, IdentifierKind.ORDER


def _target(
    tenant_id: TenantId, names: Pseudonyms, request_id: uuid.UUID, identifier: Identifier
) -> Target:
    connection_id, word = identifier.connection_id, _WORDS[identifier.kind]
    if connection_id is None:
        raise ValueError(identifier.kind)
    new = names.surrogate(connection_id, ORDER, identifier.value) if word == ORDER else None
    return Target(tenant_id, connection_id, request_id, word, identifier.value, new)


async def _orders(
    stores: Stores, run: Run, names: dict[TenantId, Pseudonyms]
) -> AsyncIterator[Target]:
    """Orders of the people: in the warehouse, and in objects that it has not loaded."""
    both = [one for one in stores.erasables if one.person is not None and one.order is not None]
    for erasable in both:
        rows = await stores.warehouse.run_for(
            run.tenants, find_orders(erasable), {RUN: str(run.run_id)}
        )
        for row in iter_rows(rows):
            tenant_id = TenantId(uuid.UUID(row["tenant_id"]))
            one = order(row["value"], ConnectionId(uuid.UUID(row["connection_id"])))
            request_id = uuid.UUID(row["request_id"])
            yield _target(tenant_id, names[tenant_id], request_id, one)
    for tenant_id, people in (await _people_of(run.targets(stores))).items():
        async for landed in read_unloaded(stores, tenant_id, both):
            for value, request_id in landed.orders_of(people):
                one = order(value, landed.connection_id)
                yield _target(tenant_id, names[tenant_id], request_id, one)


async def _people_of(
    targets: TargetList,
) -> dict[TenantId, dict[tuple[ConnectionId, str], uuid.UUID]]:
    people: dict[TenantId, dict[tuple[ConnectionId, str], uuid.UUID]] = defaultdict(dict)
    async for one in targets.each():
        if one.word == PERSON:
            people[one.tenant_id][one.connection_id, one.value] = one.request_id
    return people


async def _bury_found(stores: Stores, run: Run, targets: TargetList) -> None:
    """Set tombstones for orders, and for people that only a table knows."""
    by_request: dict[tuple[TenantId, uuid.UUID], list[Identifier]] = defaultdict(list)
    async for one in targets.each():
        if one.word in _KINDS:
            found = Identifier(_KINDS[one.word], one.value, one.connection_id)
            by_request[one.tenant_id, one.request_id].append(found)
    for tenant_id, request_id in sorted(by_request, key=str):
        found_for = by_request[tenant_id, request_id]
        async with stores.database.session(tenant_id) as session:
            client = select(SubjectRequest.client_id).where(SubjectRequest.id == request_id)
            client_id = (await session.scalars(client)).one()
            if client_id is None:
                continue
            request = RunRequest(request_id, client_id, None)
            for first in range(0, len(found_for), _BURIED_AT_ONCE):
                some = found_for[first : first + _BURIED_AT_ONCE]
                await bury(session, stores, request, some, run.held)


async def _words(
    stores: Stores, run: Run, names: dict[TenantId, Pseudonyms]
) -> AsyncIterator[Target]:
    """What the rows of these orders are called themselves."""
    for erasable in stores.erasables:
        if not erasable.table.outlives_person or erasable.table.tells_of in run.held:
            continue
        rows = await stores.warehouse.run_for(
            run.tenants, find_words(erasable), {RUN: str(run.run_id)}
        )
        for row in iter_rows(rows):
            for one in words_of(row, erasable, names[TenantId(uuid.UUID(row["tenant_id"]))]):
                yield one


def words_of(row: dict[str, Any], erasable: Erasable, names: Pseudonyms) -> Iterator[Target]:
    """Targets for what a row of `find_words` has to become."""
    tenant_id = TenantId(uuid.UUID(row["tenant_id"]))
    connection_id = ConnectionId(uuid.UUID(row["connection_id"]))
    request_id = uuid.UUID(row["request_id"])
    for column in erasable.surrogates:
        value = row[column.name]
        if value is not None:
            word = word_of(column)
            new = names.surrogate(connection_id, word, value)
            yield Target(tenant_id, connection_id, request_id, word, value, new)
    if erasable.has_streams:
        stream, key = f"{row['source']}.{row['stream']}", row[NATURAL_KEY]
        new = erasable.surrogate_key(names, connection_id, stream, key)
        yield Target(tenant_id, connection_id, request_id, KEY + stream, key, new)
