"""What the inventory does not say, in sentences: each of them fails the build.

    Inventory -> find_gaps -> sentences | none
    Inventory + columns of the live servers -> find_unregistered -> sentences | none

Source: mozilla/bigquery-etl `shredder` (tables that nobody registered are reported every day).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from domain.privacy.classification import Classification, SubjectKey
from domain.privacy.held import HeldColumn, Store
from domain.privacy.retention_policies import RETENTION_POLICIES
from gdpr.inventory.collect import Inventory

__all__ = ["OWN_SCHEMAS", "find_gaps", "find_unregistered"]

# Tables that no part declares: those of libraries, and the bookkeeping of a server's own.
OWN_SCHEMAS: Final = {
    "dbos": "jobs and their steps: arguments and results are the inventory's store `jobs`",
    "feast": "names and types of features: definitions, no values",
    "ops.applied": "ids of loads and changes that the warehouse has done",
    "public.alembic_version": "the number of the last migration",
}

# Names that speak of somebody: a column of such a name cannot be about nobody.
_TELLTALE: Final = re.compile(
    r".*(e_?mail|phone|pseudonym).*|actor|user_id|subject_id|customer_id|order_id|.*[a-z]ed_by"
)
_NEEDS_PATH: Final = (SubjectKey.STAFF, SubjectKey.SHOP, SubjectKey.PERSON)
_ENDS: Final = {SubjectKey.STAFF: "users.id", SubjectKey.PERSON: "subjects.id"}


def find_gaps(inventory: Inventory) -> list[str]:
    """What is not classified, or by a classification that does not hold."""
    by_place = {(one.store, one.place): one for one in inventory.columns}
    gaps = [f"{place}: told twice" for place in _repeated(inventory.columns)]
    for one in inventory.columns:
        gaps += [f"{one.store.value}, {one.place}: {gap}" for gap in _gaps(one, by_place)]
    return gaps


def find_unregistered(
    inventory: Inventory, store: Store, live: Iterable[tuple[str, str]]
) -> list[str]:
    """Columns that a server has and the inventory does not know.

    Args:
        inventory: What is known.
        store: Of the server.
        live: Table and column, as the inventory names them.
    """
    known = {(one.table, one.column) for one in inventory.of(store)}
    return [
        f"{table}.{column} is not registered"
        for table, column in live
        if (table, column) not in known
    ]


def _repeated(columns: Iterable[HeldColumn]) -> Iterator[str]:
    seen: set[tuple[Store, str]] = set()
    for one in columns:
        if (one.store, one.place) in seen:
            yield f"{one.store.value}, {one.place}"
        seen.add((one.store, one.place))


_Places = dict[tuple[Store, str], HeldColumn]


def _gaps(one: HeldColumn, by_place: _Places) -> Iterator[str]:
    if one.holds is None:
        yield "nobody has said what it holds"
        return
    source = by_place.get((one.store, one.refers_to))
    if one.personal is None:
        if _TELLTALE.fullmatch(one.column):
            yield "says that it is about nobody, but its name speaks of somebody"
        if source is not None and source.personal is not None:
            yield f"says that it is about nobody, but refers to {one.refers_to}"
        return
    if one.retention not in RETENTION_POLICIES:
        yield f"there is no retention policy {one.retention!r}"
    if one.personal.key is SubjectKey.NOBODY and not one.personal.no_key_because:
        yield "nobody is found from here, and it does not say why that is enough"
    if one.personal.key in _NEEDS_PATH:
        yield from _path_gaps(one, one.personal, by_place)


def _path_gaps(one: HeldColumn, held: Classification, by_place: _Places) -> Iterator[str]:
    """Each step has to exist, be about somebody, and be what the step before refers to."""
    if not one.path:
        yield "does not say how its person is found"
        return
    steps = [f"{one.table}.{one.path[0]}", *one.path[1:]]
    found = [by_place.get((one.store, step)) for step in steps]
    for step, column in zip(steps, found, strict=True):
        if column is None:
            yield f"its person is looked for in {step}, which there is not"
        elif column is found[-1] and column.personal is None:
            yield f"its person is looked for in {step}, which says that it is about nobody"
    for before, step in zip(found, steps[1:], strict=False):
        if before is not None and before.refers_to.split(".")[0] != step.split(".")[0]:
            yield f"{before.place} does not lead to {step}"
    end = _ENDS.get(held.key)
    last = found[-1]
    if end and last is not None and not _leads_to(last, end, by_place):
        yield f"{last.place} does not lead to {end}"


def _leads_to(column: HeldColumn, end: str, by_place: _Places) -> bool:
    """By references, or (of people in the data) by a pseudonym of theirs."""
    if end in (column.place, column.refers_to):
        return True
    onward = by_place.get((column.store, column.refers_to))
    if onward is not None:
        return _leads_to(onward, end, by_place)
    return end == _ENDS[SubjectKey.PERSON] and column.column == "pseudonym"
