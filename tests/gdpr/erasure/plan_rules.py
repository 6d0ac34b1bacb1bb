"""What every plan of erasure has to be, said once more, without the code that makes plans.

    plan + tables about people -> flaws, one sentence each; none: it will do

Rules come from the law and from how data flows here: late data is turned away first, a copy is
changed after what it is made from, nothing is forgotten while it is still needed to look for
somebody, and what stays says why. Orders have to be declared: a run may be carried out in any order
that the edges allow.

Sources: GDPR articles 5(2), 17(1), 17(3)(b), 17(3)(e) and 19.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping
from functools import cache

from domain.privacy.evidence import Treatment, TreatmentAction
from gdpr.erasure.plan import Plan, Step, StepKind

__all__ = ["before", "find_flaws", "needed_edges"]

_ROWS = {  # what becomes of a row of each kind of table, whatever keeps it
    "customers": TreatmentAction.DELETE,
    "orders": TreatmentAction.ANONYMISE,
    "order_lines": TreatmentAction.ANONYMISE,
    "refunds": TreatmentAction.ANONYMISE,
}
_ELSEWHERE = {
    ("postgres", "tombstones"): TreatmentAction.KEEP,
    ("landing", "objects"): TreatmentAction.ANONYMISE,
    ("postgres", "quarantined_rows"): TreatmentAction.DELETE,
    ("redis", "answer"): TreatmentAction.DELETE,
    ("features", "client_performance"): TreatmentAction.ANONYMISE,
    ("exports", "person_exports"): TreatmentAction.SHRED,
    ("exports", "audit exports"): TreatmentAction.KEEP,
    ("models", "all"): TreatmentAction.RETRAIN,
    ("recipients", "notices"): TreatmentAction.KEEP,
    ("postgres", "subjects"): TreatmentAction.SHRED,
    ("warehouse", "privacy.targets"): TreatmentAction.DELETE,
    ("warehouse", "privacy.suppressed"): TreatmentAction.DELETE,
}
_SAY_WHY = {TreatmentAction.KEEP, TreatmentAction.ANONYMISE, TreatmentAction.RETRAIN}
_LEAVES_A_ROW = {("postgres", "quarantined_rows")}  # emptied, and counted on
_ONCE = frozenset(StepKind) - {StepKind.TABLE, StepKind.IDENTITY, StepKind.ACCOUNT}
_LAST = (StepKind.RESCAN, StepKind.SHRED, StepKind.FORGET)


def find_flaws(plan: Plan, tables: Collection[str], kept: Mapping[str, Treatment]) -> Iterator[str]:
    """Everything that is wrong with a plan.

    Args:
        plan: As it would be carried out.
        tables: Qualified names of all tables of the warehouse that are about people.
        kept: What is said of the tables of PostgreSQL.
    """
    yield from _presence(plan, tables)
    yield from _treatments(plan, tables, kept)
    known = {step.name for step in plan.steps}
    if len(known) < len(plan.steps) or any(set(step.after) - known for step in plan.steps):
        yield "a step stands twice, or follows one that there is not"
        return
    earlier = before(plan)
    for first, then in _orders(plan):
        if first not in earlier[then]:
            yield f"{then} may come before {first}"
    places = {step.name: number for number, step in enumerate(plan.steps)}
    for step in plan.steps:
        if any(places[name] >= places[step.name] for name in step.after):
            yield f"{step.name} does not stand after what it follows"


def before(plan: Plan) -> Mapping[str, frozenset[str]]:
    """By step: every step that its edges, and theirs, put before it."""
    steps = {step.name: step for step in plan.steps}

    @cache
    def of(name: str) -> frozenset[str]:
        return frozenset(steps[name].after).union(*map(of, steps[name].after))

    return {name: of(name) for name in steps}


def needed_edges(plan: Plan) -> list[tuple[str, str]]:
    """Edges that no other edges imply: without one of them, another order is allowed."""
    earlier = before(plan)
    return [
        (first, step.name)
        for step in plan.steps
        for first in step.after
        if not any(first in earlier[other] for other in step.after)
    ]


def _presence(plan: Plan, tables: Collection[str]) -> Iterator[str]:
    kinds = [step.kind for step in plan.steps]
    for kind in sorted(_ONCE, key=lambda one: one.value):
        if kinds.count(kind) != 1:
            yield f"{kinds.count(kind)} steps are {kind.value}"
    changed = sorted(step.name for step in plan.steps if step.kind is StepKind.TABLE)
    if changed != sorted(tables):
        yield "not every table about people has its step"


def _treatments(
    plan: Plan, tables: Collection[str], kept: Mapping[str, Treatment]
) -> Iterator[str]:
    expected = _ELSEWHERE | {("warehouse", name): _ROWS[_kind(name)] for name in tables}
    expected |= {(one.store, one.place): one.action for one in kept.values()}
    told = {(one.store, one.place): one for one in plan.treatments}
    for place in sorted(expected.keys() ^ told.keys()):
        yield f"{place} is not told, or told without need"
    for place in sorted(expected.keys() & told.keys()):
        one = told[place]
        if one.action is not expected[place]:
            yield f"{place} is told to {one.action.value}"
        if (one.action in _SAY_WHY or place in _LEAVES_A_ROW) and not one.reason:
            yield f"nothing says why something of {place} stays"
    for step in plan.steps:
        if step.kind is StepKind.TABLE and [one.place for one in step.treatments] != [step.name]:
            yield f"the step of {step.name} tells of another table"


def _kind(table: str) -> str:
    return table.partition(".")[2].rpartition("__")[2]


def _orders(plan: Plan) -> Iterator[tuple[str, str]]:
    """Which step has to come before which, whatever else is declared."""
    kind = {one: [s.name for s in plan.steps if s.kind is one] for one in StepKind}
    tables = {schema: _of(plan.steps, schema) for schema in ("raw", "facts", "marts")}
    middle = [step.name for step in plan.steps if step.kind not in _LAST]
    late = [
        *((StepKind.TOMBSTONES, one) for one in middle if one not in kind[StepKind.TOMBSTONES]),
        *((StepKind.FIND, one) for one in _looking(plan)),
    ]
    for first, then in late:
        yield from ((one, then) for one in kind[first])
    # The loader makes facts of objects and raw rows, and marts of facts.
    yield from itertools.product(kind[StepKind.LANDING], tables["raw"])
    yield from itertools.product(tables["raw"], tables["facts"])
    marts = set(tables["marts"])
    yield from ((f"facts.{_kind(one)}", one) for one in marts if f"facts.{_kind(one)}" in middle)
    # Answers and features are made of facts and marts, and found again by their versions.
    yield from itertools.product([*tables["facts"], *marts], kind[StepKind.VERSIONS])
    after = [*kind[StepKind.ANSWERS], *kind[StepKind.FEATURES]]
    yield from itertools.product(kind[StepKind.VERSIONS], after)
    yield from itertools.product(kind[StepKind.FEATURES], kind[StepKind.RECORDS])
    yield from itertools.product(middle, kind[StepKind.RESCAN])
    needed = [*kind[StepKind.RESCAN], *kind[StepKind.RECIPIENTS]]
    yield from itertools.product(needed, kind[StepKind.SHRED])
    yield from itertools.product(
        [*kind[StepKind.RESCAN], *kind[StepKind.SHRED]], kind[StepKind.FORGET]
    )


def _of(steps: Collection[Step], schema: str) -> list[str]:
    tables = (step.name for step in steps if step.kind is StepKind.TABLE)
    return [name for name in tables if name.startswith(f"{schema}.")]


def _looking(plan: Plan) -> list[str]:
    kinds = {StepKind.LANDING, StepKind.TABLE, StepKind.QUARANTINE, StepKind.RECIPIENTS}
    return [step.name for step in plan.steps if step.kind in kinds]
