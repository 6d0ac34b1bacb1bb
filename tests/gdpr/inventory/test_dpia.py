"""An assessment is due when the law, two criteria of WP 248, or a change of ours asks for it."""

import dataclasses

import pytest

from domain.privacy.classification import Classification, Recipient
from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import SHOP_CUSTOMER_ID, STAFF_ACTOR
from gdpr.inventory import dpia
from gdpr.inventory.collect import Inventory
from gdpr.inventory.dpia import LARGE_SCALE, Extent, assess
from tests.gdpr.inventory.test_inventory import INVENTORY

FEW = Extent(people=LARGE_SCALE - 1, most_sources=1)
MANY = Extent(people=LARGE_SCALE, most_sources=1)


def _held(what: Classification, store: Store = Store.WAREHOUSE) -> Inventory:
    return Inventory((HeldColumn(store, "t", "c", what),))


def _met(inventory: Inventory, extent: Extent) -> dict[str, tuple[str, ...]]:
    return {one.rule: one.evidence for one in assess(inventory, extent).findings if one.evidence}


def test_the_last_assessment_knew_exactly_what_is_held() -> None:
    """A new category, use or recipient: assess it, then say so in `gdpr.inventory.dpia`."""
    personal = [what for _, what in INVENTORY.personal]
    assert {one.category for one in personal} == dpia.ASSESSED_CATEGORIES
    assert {one.use for one in personal} == dpia.ASSESSED_USES
    assert {to for one in personal for to in one.recipients} == dpia.ASSESSED_RECIPIENTS


def test_today_it_is_due_for_whom_there_are_many_people_of() -> None:
    """The agency's own people are watched (the audit trail), which alone is one criterion."""
    assert _met(INVENTORY, FEW) == {"vulnerable_people": ("employee",)}
    assert assess(INVENTORY, FEW).reasons == ()
    assert assess(INVENTORY, MANY).reasons == ("WP 248: large_scale, vulnerable_people",)


def test_two_sources_that_name_one_client_s_people_are_matched() -> None:
    assert _met(_held(SHOP_CUSTOMER_ID), Extent(people=0, most_sources=2)) == {
        "combined_data": ("one client's people are known from 2 sources",)
    }


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"category": "user.health_and_medical.genetic"}, {"sensitive_data", "new_category"}),
        ({"category": "user.criminal_history"}, {"sensitive_data", "new_category"}),
        ({"category": "user.childrens"}, {"children", "new_category"}),
        ({"category": "user.behavior.browsing_history"}, {"systematic_monitoring", "new_category"}),
        ({"category": "user.location.imprecise"}, {"new_category"}),
        ({"use": "personalize.profiling"}, {"evaluation_or_scoring", "new_use"}),
        ({"use": "personalize.content.profiled"}, {"automated_decisions", "new_use"}),
        ({"recipients": (Recipient.PROVIDER,)}, {"new_recipient"}),
    ],
)
def test_a_change_of_what_is_held_is_found(change: dict[str, str], rules: set[str]) -> None:
    changed = dataclasses.replace(SHOP_CUSTOMER_ID, **change)  # type: ignore[arg-type]
    assert set(_met(_held(changed), FEW)) == rules


@pytest.mark.parametrize("store", [Store.FEATURES, Store.MODELS])
def test_a_feature_or_model_of_people_scores_them(store: Store) -> None:
    assert _met(_held(SHOP_CUSTOMER_ID, store), FEW) == {"evaluation_or_scoring": ("t.c",)}


def test_special_categories_on_a_large_scale_are_the_law_s_own_case() -> None:
    health = dataclasses.replace(SHOP_CUSTOMER_ID, category="user.health_and_medical")
    assert assess(_held(health), MANY).reasons == (
        "article 35(3)(b): special_large_scale",
        "article 35(11): new_category",
        "WP 248: sensitive_data, large_scale",
    )
    assert assess(_held(health), FEW).reasons == ("article 35(11): new_category",)


def test_one_criterion_is_not_enough() -> None:
    assert assess(_held(STAFF_ACTOR), FEW).reasons == ()
    assert assess(_held(SHOP_CUSTOMER_ID), FEW).reasons == ()
