"""Names and ids of clients and connections, as this caller may see them.

dimensions -> one transaction -> {dimension: {uuid text: name}}
uuid columns of an answer -> public ids and names
public ids of a filter -> uuid texts, or NOT_FOUND
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import pyarrow as pa
from sqlalchemy import Select, select

from api.graphql.context import Context
from api.graphql.row_fields import DimensionField
from api.graphql.selection import LABEL_SUFFIX
from domain.errors import NotFoundError
from domain.ids import parse_id, public_id
from tenancy.tables import Client, Connection

__all__ = ["Directory", "load_directory", "stored_value", "with_public_ids"]

# For each dimension, names by the text of the id.
Directory = Mapping[str, Mapping[str, str]]


async def load_directory(context: Context, dimensions: Collection[str]) -> Directory:
    """Names of everything that the caller may see. One transaction, or none for no dimension."""
    if not dimensions:
        return {}
    queries = {"client": _clients, "connection": _connections}
    names: dict[str, dict[str, str]] = {}
    async with context.services.database.session(context.caller.tenant_id) as session:
        for dimension in sorted(dimensions):
            rows = await session.execute(queries[dimension](context))
            names[dimension] = {str(row.id): row.name for row in rows}
    return names


def stored_value(dimension: DimensionField, text: str, directory: Directory) -> str:
    """The value behind a public id.

    Raises:
        NotFoundError: No such object, or not for this caller: the same words for both.
        InvalidInputError: The text is not an id of this kind.
    """
    if not dimension.id_prefix:
        return text
    if not dimension.is_stored_here:
        own, colon, rest = text.partition(":")
        return f"{parse_id(dimension.id_prefix, own)}{colon}{rest}"
    value = str(parse_id(dimension.id_prefix, text))
    if value not in directory[dimension.name]:
        raise NotFoundError(
            f"{text!r} is not a {dimension.name} of this agency",
            hint=f"{dimension.name}s lists them",
        )
    return value


def with_public_ids(
    table: pa.Table, dimensions: Iterable[DimensionField], directory: Directory
) -> pa.Table:
    """Replace ids of ours by public ones, and add the names that are in the directory.

    Args:
        table: An answer; not changed.
        dimensions: Those among its columns.
        directory: Names to add as `<dimension>__label`.
    """
    for dimension in dimensions:
        if not dimension.id_prefix:
            continue
        name = dimension.name
        values = table.column(name)
        if name in directory:
            labels = _mapped(values, directory[name].get)
            table = table.append_column(f"{name}{LABEL_SUFFIX}", labels)
        public = _mapped(values, _publisher(dimension.id_prefix))
        table = table.set_column(table.column_names.index(name), name, public)
    return table


def _mapped(values: pa.ChunkedArray, change: Callable[[str], str | None]) -> pa.Array:
    encoded = values.combine_chunks().dictionary_encode()
    changed = [change(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(changed, pa.string()).take(encoded.indices)


def _publisher(prefix: str) -> Callable[[str], str]:
    known: dict[str, str] = {}

    def publish(value: str) -> str:
        own, colon, rest = value.partition(":")
        if own not in known:
            known[own] = public_id(prefix, uuid.UUID(own))
        return f"{known[own]}{colon}{rest}"

    return publish


def _clients(context: Context) -> Select[Any, str]:
    query = select(Client.id, Client.name)
    limited = context.caller.clients
    return query if limited is None else query.where(Client.id.in_(limited))


def _connections(context: Context) -> Select[Any, str]:
    query = select(Connection.id, Connection.label.label("name"))
    limited = context.caller.clients
    return query if limited is None else query.where(Connection.client_id.in_(limited))
