"""The plan: what comes before what, what stays and why, and one text for one plan."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts.fact import Erased
from domain.facts.tables import Table
from domain.privacy.evidence import TreatmentAction
from gdpr.erasure.erasable import Erasable, NotErasableError, find_erasables
from gdpr.erasure.places import PLACES, unplanned_tables
from gdpr.erasure.plan import Plan, PlanError, Step, StepKind, _ordered, build_plan
from tests.gdpr.erasure.shop import ERASABLES, TABLES

PLAN = build_plan(list(ERASABLES.values()), PLACES)
PLACE = {step.name: number for number, step in enumerate(PLAN.steps)}


def test_late_data_is_turned_away_before_anything_is_looked_for() -> None:
    assert [step.name for step in PLAN.steps[:3]] == ["tombstones", "find", "landing"]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("tombstones", "find"),
        ("find", "landing"),
        ("landing", "raw.shopify__orders"),
        ("landing", "raw.shopify__customers"),
        ("raw.shopify__orders", "facts.orders"),
        ("raw.shopify__order_lines", "facts.order_lines"),
        ("raw.shopify__refunds", "facts.refunds"),
        ("raw.shopify__customers", "facts.customers"),
        ("raw.file__orders", "facts.orders"),
        ("facts.orders", "marts.orders"),
        ("facts.order_lines", "marts.order_lines"),
        ("facts.refunds", "marts.refunds"),
        ("facts.customers", "marts.customers"),
        ("marts.customers", "versions"),
        ("facts.orders", "versions"),
        ("versions", "answers"),
        ("versions", "features"),
        ("features", "records"),
        ("find", "quarantine"),
        ("find", "recipients"),
        *((step.name, "rescan") for step in PLAN.steps[:-3] if step.kind is not StepKind.FIND),
        ("rescan", "shred"),
        ("recipients", "shred"),
        ("shred", "forget"),
        ("rescan", "forget"),
    ],
)
def test_what_could_bring_it_back_comes_first(first: str, then: str) -> None:
    assert PLACE[first] < PLACE[then]
    assert first in _all_before(then), "the order is declared, not luck"


def _all_before(name: str) -> set[str]:
    steps = {step.name: step for step in PLAN.steps}
    before = set(steps[name].after)
    return before.union(*(_all_before(one) for one in before))


def test_every_table_about_people_has_one_step() -> None:
    names = [step.name for step in PLAN.steps if step.kind is StepKind.TABLE]
    about = {table.qualified for table in TABLES if table.names_people}
    assert sorted(names) == sorted(about)
    assert len(about) == 16


def test_what_stays_says_why() -> None:
    kept = {TreatmentAction.KEEP, TreatmentAction.ANONYMISE}
    assert [one.place for one in PLAN.treatments if one.action in kept and not one.reason] == []
    [orders] = [one for one in PLAN.treatments if one.place == "facts.orders"]
    assert orders.action is TreatmentAction.ANONYMISE
    assert orders.reason == (
        "sums of money stay, without the person: the client's accounts rest on them, and nobody is"
        " named any more (GDPR 17(3)(b), recital 26); order_id gets a keyed surrogate; customer_id"
        " is emptied; ordered_at keeps its day only"
    )
    [customers] = [one for one in PLAN.treatments if one.place == "facts.customers"]
    assert customers.action is TreatmentAction.DELETE


def test_every_place_of_postgresql_with_people_in_it_is_planned() -> None:
    assert unplanned_tables() == []
    assert {one.place for one in PLACES.values()} <= {one.place for one in PLAN.treatments}


def test_a_column_that_is_treated_otherwise_is_another_plan() -> None:
    """What a certificate names is this plan and no other."""
    hashes = {PLAN.hash}
    for table in TABLES:
        for column in table.columns if table.outlives_person else ():
            if column.erased is not Erased.KEPT and column.names is None:
                columns = tuple(
                    dataclasses.replace(one, erased=Erased.KEPT) if one is column else one
                    for one in table.columns
                )
                changed = dataclasses.replace(table, columns=columns)
                others = [changed if one is table else one for one in TABLES]
                hashes.add(build_plan(find_erasables(others), PLACES).hash)
    assert len(hashes) > 20
    assert build_plan(list(ERASABLES.values()), PLACES).hash == PLAN.hash


@given(st.permutations(range(len(PLAN.steps))))
def test_steps_come_in_order_however_they_are_declared(order: list[int]) -> None:
    ordered = _ordered([PLAN.steps[number] for number in order])
    place = {step.name: number for number, step in enumerate(ordered)}
    assert len(place) == len(PLAN.steps)
    for step in ordered:
        assert all(place[name] < place[step.name] for name in step.after)


def test_steps_that_wait_for_each_other_are_refused() -> None:
    steps = [
        Step("a", StepKind.FIND, after=("b",)),
        Step("b", StepKind.FIND, after=("a",)),
    ]
    with pytest.raises(PlanError, match="step a waits for what does not come"):
        _ordered(steps)
    with pytest.raises(PlanError, match="step a stands twice in the plan"):
        _ordered([Step("a", StepKind.FIND), Step("a", StepKind.LANDING)])


def _broken(table: Table) -> list[Table]:
    """The same table with one declaration that erasing cannot carry out."""
    columns = table.columns
    twice = tuple(dataclasses.replace(one, names=columns[-1].names) for one in columns)
    nobody = tuple(dataclasses.replace(one, names=None) for one in columns)
    return [dataclasses.replace(table, columns=one) for one in (twice, nobody)]


@pytest.mark.parametrize("name", ["facts.orders", "facts.customers"])
def test_a_table_that_names_nobody_or_several_is_refused(name: str) -> None:
    for table in _broken(ERASABLES[name].table):
        with pytest.raises(NotErasableError, match="has to name one person, one order"):
            Erasable(table)


def test_a_row_that_stays_has_to_belong_to_an_order() -> None:
    customers = dataclasses.replace(ERASABLES["facts.customers"].table, outlives_person=True)
    with pytest.raises(NotErasableError, match=r"facts\.customers keeps rows that no order names"):
        Erasable(customers)


def test_a_plan_s_text_has_every_step_and_edge() -> None:
    told = PLAN.to_json()["steps"]
    assert [one["name"] for one in told] == [step.name for step in PLAN.steps]
    assert list(itertools.chain(*(one["after"] for one in told))) == [
        name for step in PLAN.steps for name in step.after
    ]
    fewer = Plan(tuple(dataclasses.replace(step, after=step.after[1:]) for step in PLAN.steps))
    assert fewer.hash != PLAN.hash
