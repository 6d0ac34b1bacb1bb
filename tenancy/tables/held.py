"""What every column of the control plane says it holds of people.

mapped classes -> their columns -> HeldColumn -> gdpr.inventory

Texts, JSON and bytes may hold anything, so they have to say it themselves; ids, instants, numbers
and words of a closed list hold what their table says.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ARRAY, Column, Enum, LargeBinary, String
from sqlalchemy.types import JSON, TypeEngine

from domain.privacy.classification import Privacy
from domain.privacy.held import HeldColumn, Store
from tenancy.tables.base import HOLDS, REFERS_TO, Base

__all__ = ["held_columns"]

_MAY_HOLD_ANYTHING: Final = (String, JSON, LargeBinary)


def held_columns() -> Iterator[HeldColumn]:
    """Every column of every mapped table; of one that says nothing `holds` is None."""
    for mapper in sorted(Base.registry.mappers, key=lambda one: one.class_.__tablename__):
        for column in Base.metadata.tables[mapper.class_.__tablename__].columns:
            yield _held(mapper.class_, column)


def _held(table: type[Base], column: Column[Any]) -> HeldColumn:
    return HeldColumn(
        store=Store.POSTGRES,
        table=table.__tablename__,
        column=column.name,
        holds=column.info.get(HOLDS) or _otherwise(table, column),
        path=table.__person__,
        refers_to=_refers_to(column),
    )


def _otherwise(table: type[Base], column: Column[Any]) -> Privacy | None:
    return None if _speaks(column.type) else getattr(table, "__otherwise__", None)


def _speaks(kind: TypeEngine[Any]) -> bool:
    if isinstance(kind, ARRAY):
        return _speaks(kind.item_type)
    return isinstance(kind, _MAY_HOLD_ANYTHING) and not isinstance(kind, Enum)


def _refers_to(column: Column[Any]) -> str:
    """Where its values come from; every reference within a tenant carries `tenant_id` too."""
    if column.name == "tenant_id":
        return ""
    told: str = column.info.get(REFERS_TO, "")
    return told or min((key.target_fullname for key in column.foreign_keys), default="")
