"""What all tables of the control plane share."""

import datetime as dt
import enum
from typing import Any, ClassVar, Final

from sqlalchemy import (
    TIMESTAMP,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column

from domain.ids import ClientId, ConnectionId, ObjectId, RunId, SyncId, TenantId
from domain.privacy.classification import Privacy
from domain.privacy.holds import LINEAGE

__all__ = ["HOLDS", "REFERS_TO", "Base", "TenantOwned", "choice", "holds", "within_tenant"]

# In `info` of a column.
HOLDS: Final = "holds"
REFERS_TO: Final = "refers_to"

_TYPES: Final = {
    TenantId: Uuid(),
    ClientId: Uuid(),
    ConnectionId: Uuid(),
    RunId: Uuid(),
    SyncId: Uuid(),
    ObjectId: Uuid(),
    str: Text(),
    dt.datetime: TIMESTAMP(timezone=True),
    dict[str, Any]: JSONB(none_as_null=True),
    list[str]: ARRAY(Text()),
    list[ClientId]: ARRAY(Uuid()),
}


class Base(DeclarativeBase):
    """Metadata and type rules that all tables share.

    Attributes:
        __otherwise__: What columns hold that do not say it; texts, JSON and bytes have to say it.
        __person__: From a row to the person it is about: a column of this table, then
            `table.column` of those that it leads through; empty: rows are about nobody.
    """

    __otherwise__: ClassVar[Privacy]
    __person__: ClassVar[tuple[str, ...]] = ()

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s__%(column_0_N_name)s",
            "fk": "fk_%(table_name)s__%(column_0_N_name)s",
            "ck": "ck_%(table_name)s__%(constraint_name)s",
            "ix": "ix_%(table_name)s__%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = _TYPES


def holds(what: Privacy, *arguments: Any, refers_to: str = "", **options: Any) -> MappedColumn[Any]:
    """A `mapped_column` that says what it holds of people, or why of nobody.

    Args:
        what: One of `domain.privacy.holds`.
        arguments: Of `mapped_column`.
        refers_to: `table.column` that a list of ids comes from, which no foreign key can say.
        options: Of `mapped_column`.
    """
    info = {HOLDS: what, REFERS_TO: refers_to}
    return mapped_column(*arguments, info=info, **options)


def choice(values: type[enum.Enum], name: str) -> Enum:
    """A column of the values of an enumeration, kept as text and checked by PostgreSQL."""
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def within_tenant(column: str, table: str, key: str = "id") -> ForeignKeyConstraint:
    """A reference to another table's row of the same tenant."""
    return ForeignKeyConstraint(["tenant_id", column], [f"{table}.tenant_id", f"{table}.{key}"])


class TenantOwned:
    """Mixin: rows of one tenant. A new row takes the tenant of the session that adds it."""

    tenant_id: Mapped[TenantId] = mapped_column(
        ForeignKey("tenants.id"), primary_key=True, sort_order=-2, info={HOLDS: LINEAGE}
    )
