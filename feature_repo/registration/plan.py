"""What applying a definition would do, and why it may not.

    definition + registered ones -> changes, numeric differences, cost, tests, leaks -> Plan

Nothing is written. A plan that refuses nothing is what `apply` carries out; `apply` makes it anew,
so nobody carries out a plan that has aged.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from domain.ports import Clock, TenantScope
from feature_repo.catalogue import PLATFORM
from feature_repo.feature import FeatureView
from feature_repo.on_demand import ON_DEMAND, REQUEST_VALUES
from feature_repo.packing import Value
from feature_repo.registration.changes import FeatureChange, compare_views
from feature_repo.registration.cost import Cost, estimate_cost
from feature_repo.registration.definition import Definition
from feature_repo.registration.leakage import Leak, find_leaks
from feature_repo.registration.own_facts import OwnFacts, count_entities, list_owners
from feature_repo.registration.trial import MakeComputer, sample_of_case
from feature_repo.registration.unit_tests import Outcome, run_tests
from feature_repo.statements import ENTITY
from tenancy.session import Database

__all__ = ["NumericDifference", "Plan", "Planner", "standing_refusals"]

_SHOWN_LEAKS: Final = 3
_MAXIMUM_VIEWS: Final = 50


@dataclass(frozen=True, slots=True)
class NumericDifference:
    """A feature of two versions, on the agency's own entities as of the same instant.

    Attributes:
        feature: In both.
        compared: Entities that one of the versions has a value of.
        differing: Of these, how many values differ.
        example: Entity, value of the earlier version, value of this one; None: none differs.
    """

    feature: str
    compared: int
    differing: int
    example: tuple[str, Value, Value] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to know before a definition is applied.

    Attributes:
        definition: Which.
        earlier: Full name of the version that it is compared with; empty: it is the first.
        is_known: This very version is registered; at most words change.
        changes: Against the earlier version.
        differences: On the agency's own figures.
        cost: Of a refresh.
        tests: What the file's unit tests said.
        refusals: Why it may not be applied; none: it may.
        notices: What else somebody should know.
    """

    definition: Definition
    earlier: str
    is_known: bool
    changes: Sequence[FeatureChange]
    differences: Sequence[NumericDifference]
    cost: Cost
    tests: Sequence[Outcome]
    refusals: Sequence[str]
    notices: Sequence[str]


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans.

    Attributes:
        make_computer: Of the trials; computes what they ask.
    """

    database: Database
    own: OwnFacts
    clock: Clock
    make_computer: MakeComputer

    async def plan(
        self,
        scope: TenantScope,
        definition: Definition,
        registered: Sequence[Definition],
        retired: frozenset[str],
    ) -> Plan:
        """Look at a definition from all sides.

        Args:
            scope: Whose figures are looked at.
            definition: What somebody wants to apply.
            registered: All of the agency, retired ones included.
            retired: Full names of those that are retired.

        Raises:
            WarehouseError: The warehouse, or DuckDB, failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        now, view = self.clock(), definition.view
        owners = await list_owners(self.database, scope, view.entity)
        found = await self.own.current(scope, view, owners, now)
        earlier = _earlier(definition, registered)
        tests = await run_tests(definition, self.make_computer)
        refusals = [
            *standing_refusals(definition, registered, retired),
            *_failed(tests),
            *_leaking(await self._leaks(scope, definition, owners, now)),
        ]
        rows = await self.own.count_rows(scope, view, now)
        return Plan(
            definition=definition,
            earlier="" if earlier is None else earlier.view.name,
            is_known=any(one.view.name == view.name for one in registered),
            changes=[] if earlier is None else compare_views(earlier.view, view),
            differences=await self._differences(scope, earlier, found, owners, now),
            cost=estimate_cost(view, rows, owners=len(owners), entities=found.num_rows),
            tests=tests,
            refusals=refusals,
            notices=[*_notices(rows, found.num_rows)],
        )

    async def cost(self, scope: TenantScope, view: FeatureView) -> Cost:
        """What a refresh of a view costs now. Two queries.

        Raises:
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        rows = await self.own.count_rows(scope, view, self.clock())
        owners = await list_owners(self.database, scope, view.entity)
        entities = await count_entities(self.database, scope, view)
        return estimate_cost(view, rows, owners=len(owners), entities=entities)

    async def _leaks(
        self, scope: TenantScope, definition: Definition, owners: Sequence[str], now: dt.datetime
    ) -> list[Leak]:
        samples = [sample_of_case(definition.view, case) for case in definition.cases]
        own = await self.own.sample(scope, definition.view, owners, now) if owners else None
        samples += [] if own is None else [own]
        return await find_leaks(definition.view, samples, self.make_computer)

    async def _differences(
        self,
        scope: TenantScope,
        earlier: Definition | None,
        found: pa.Table,
        owners: Sequence[str],
        now: dt.datetime,
    ) -> list[NumericDifference]:
        if earlier is None:
            return []
        was = await self.own.current(scope, earlier.view, owners, now)
        before = {row[ENTITY]: row for row in was.to_pylist()}
        after = {row[ENTITY]: row for row in found.to_pylist()}
        shared = [name for name in earlier.view.feature_names if name in found.column_names]
        return [_difference(name, before, after) for name in shared]


def standing_refusals(
    definition: Definition, registered: Sequence[Definition], retired: frozenset[str]
) -> Iterator[str]:
    """Why a definition does not fit what is registered; needs nothing but names and meanings."""
    view = definition.view
    names = {*PLATFORM.views, *PLATFORM.services, *ON_DEMAND}
    if {definition.name, view.name} & names:
        yield f"the name {definition.name} is the platform's; give the view another one"
    of_platform = {name for one in PLATFORM.views.values() for name in one.feature_names}
    of_platform |= {one.name for view in ON_DEMAND.values() for one in view.features}
    of_platform |= set(REQUEST_VALUES)
    for name in view.feature_names:
        if name in of_platform:
            yield f"the feature {name} is the platform's; give it another name"
    for other in registered:
        if other.name != definition.name and other.view.name not in retired:
            for name in sorted(set(view.feature_names) & set(other.view.feature_names)):
                yield f"{other.view.name} has a feature {name} already; give it another name"
    yield from _version_refusals(definition, registered, retired)
    others = {one.view.name for one in registered} - retired - {view.name}
    if len(others) >= _MAXIMUM_VIEWS:
        yield f"the agency has {len(others)} views; retire one that nobody reads"


def _version_refusals(
    definition: Definition, registered: Sequence[Definition], retired: frozenset[str]
) -> Iterator[str]:
    view = definition.view
    versions = {one.version: one for one in registered if one.name == definition.name}
    following = max(versions, default=0) + 1
    same = versions.get(definition.version)
    if same is None:
        if definition.version != following:
            yield f"the next version of {definition.name} is {following}"
    elif view.name in retired:
        yield f"{view.name} is retired; the next version is {following}"
    else:
        for change in compare_views(same.view, view):
            what = change.feature or "the view"
            yield (
                f"{what} {change.kind.value}, and version {definition.version} is in use:"
                f" make it version {following}"
            )


def _earlier(definition: Definition, registered: Sequence[Definition]) -> Definition | None:
    """The version to compare with: the same, else the newest."""
    own = [one for one in registered if one.name == definition.name]
    same = [one for one in own if one.version == definition.version]
    return max(same or own, key=lambda one: one.version, default=None)


def _failed(tests: Sequence[Outcome]) -> Iterator[str]:
    for outcome in tests:
        for one in outcome.differences:
            yield (
                f"test {outcome.name!r}: {one.feature} is {one.found}, and {one.expected} was"
                " expected"
            )


def _leaking(leaks: Sequence[Leak]) -> Iterator[str]:
    for leak in leaks[:_SHOWN_LEAKS]:
        yield (
            f"{leak.feature} leaks: as of an instant it was {leak.as_of_then}, and rows that became"
            f" known later make it {leak.with_later_rows}"
        )
    if len(leaks) > _SHOWN_LEAKS:
        yield f"and {len(leaks) - _SHOWN_LEAKS:,} more values leak"


def _notices(rows: Mapping[str, int], entities: int) -> Iterator[str]:
    for fact, count in rows.items():
        if not count:
            yield f"nothing of the last 28 days feeds {fact}: its features will be unknown"
    if not entities:
        yield "no entity has values yet: the as-of test ran on the rows of the unit tests only"


def _difference(
    name: str, before: Mapping[str, Mapping[str, Value]], after: Mapping[str, Mapping[str, Value]]
) -> NumericDifference:
    pairs = [
        (entity, before.get(entity, {}).get(name), after.get(entity, {}).get(name))
        for entity in sorted(before.keys() | after.keys())
    ]
    differing = [one for one in pairs if one[1] != one[2]]
    return NumericDifference(name, len(pairs), len(differing), next(iter(differing), None))
