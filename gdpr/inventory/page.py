"""The inventory as a page for officers: docs/data_inventory.md.

Inventory -> what is about people, by store -> how it is found, why it is kept, for how long
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from domain.privacy.classification import Classification, NotPersonal
from domain.privacy.held import HeldColumn, Store
from domain.privacy.retention_policies import RETENTION_POLICIES, RetentionPolicy
from gdpr.inventory.collect import Inventory

__all__ = ["how_long", "write_page"]

_HEAD = """\
# What we hold of people

Written from the code by `bosco gdpr inventory --format md`. A test fails when this page is out of
date, and another one when any column of any store does not say what it holds.

The first table lists the **kinds** of personal data that there are. The tables after it say where
each kind lies, column by column, and how a row leads to its person. Categories are those of
[fideslang](https://ethyca.github.io/fideslang/); words of the last column of the first table, and
periods, are explained at the end. Retention is the kind's, except where a store ends it earlier.
"""


def write_page(inventory: Inventory) -> str:
    """The page, as Markdown."""
    return "\n".join(
        (
            _HEAD,
            *_kinds(inventory),
            "## Where it lies\n",
            *_stores(inventory),
            *_judgements(inventory),
            *_policies(),
        )
    )


def how_long(policy: RetentionPolicy) -> str:
    """How long a policy keeps, in words."""
    if policy.days is None:
        return f"until {policy.ends}"
    return f"{policy.days:,} days from {policy.counts_from.value}"


def _kinds(inventory: Inventory) -> Iterator[str]:
    yield "## Kinds of personal data\n"
    kinds = {what.name: what for _, what in inventory.personal}
    yield _table(
        ("kind", "category", "of", "for", "legal basis", "we are", "found by", "kept", "seen by"),
        [_kind(what) for _, what in sorted(kinds.items())],
    )


def _kind(what: Classification) -> tuple[str, ...]:
    found = f"{what.key.value}: {what.no_key_because}" if what.no_key_because else what.key.value
    return (
        f"`{what.name}`",
        f"`{what.category}`{', sealed' if what.sealed else ''}",
        what.subjects,
        what.purpose,
        what.basis.value,
        what.role.value,
        found,
        f"`{what.retention}`",
        "; ".join(to.value for to in what.recipients),
    )


def _stores(inventory: Inventory) -> Iterator[str]:
    for store in Store:
        columns = inventory.of(store)
        personal = [one for one in columns if one.personal is not None]
        yield f"### {store.value[0].upper()}{store.value[1:]}\n"
        tables = len({one.table for one in columns})
        yield f"Tables: {tables}. Columns: {len(columns):,}, about people {len(personal):,}.\n"
        if personal:
            rows = [
                _row(table, list(found))
                for table, found in groupby(personal, key=lambda one: one.table)
            ]
            yield _table(("table", "a row leads to its person by", "columns: kind", "kept"), rows)


def _row(table: str, columns: Sequence[HeldColumn]) -> tuple[str, ...]:
    kinds: dict[str, list[str]] = {}
    for one in columns:
        if one.personal is not None:
            kinds.setdefault(one.personal.name, []).append(one.column)
    told = "; ".join(f"{', '.join(names)}: `{kind}`" for kind, names in kinds.items())
    kept = f"`{columns[0].kept}`" if columns[0].kept else "as the kind"
    return f"`{table}`", " → ".join(columns[0].path) or "see kind", told, kept


def _judgements(inventory: Inventory) -> Iterator[str]:
    yield "## About nobody, by judgement\n"
    yield "Where it is not obvious that a column is about nobody, this was considered:\n"
    held = {
        one.holds.name: one.holds for one in inventory.columns if isinstance(one.holds, NotPersonal)
    }
    yield _table(
        ("kind", "since it is", "considered"),
        [
            (f"`{name}`", one.reason.value, one.note)
            for name, one in sorted(held.items())
            if one.note
        ],
    )


def _policies() -> Iterator[str]:
    yield "## How long it is kept\n"
    rows = [(f"`{name}`", how_long(one), one.why) for name, one in RETENTION_POLICIES.items()]
    yield _table(("policy", "kept", "why"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
