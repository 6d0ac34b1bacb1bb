"""Definitions that break a rule are told, one sentence each; the present ones break none."""

from dataclasses import replace

import pytest

from feature_repo.definition_rules import find_problems
from feature_repo.entities import CAMPAIGN
from feature_repo.feature import (
    Change,
    Count,
    Currency,
    Feature,
    FeatureView,
    Quotient,
    Rule,
    Total,
    Unit,
    Window,
)
from feature_repo.feature_services import SERVICES, FeatureService
from feature_repo.feature_views import CAMPAIGN_PERFORMANCE, VIEWS, fingerprint

WEEK = Window(1, 7)


def _view(*features: Feature) -> FeatureView:
    return replace(CAMPAIGN_PERFORMANCE, features=features)


def _feature(rule: Rule, *, name: str = "f", unit: Unit = Unit.COUNT) -> Feature:
    return Feature(name, "A feature.", unit, rule)


CLICKS = _feature(Total("ads_daily", "clicks", WEEK), name="clicks")


def test_the_present_definitions_break_no_rule() -> None:
    assert find_problems(VIEWS.values(), SERVICES.values()) == []


@pytest.mark.parametrize(
    ("feature", "problem"),
    [
        (_feature(CLICKS.rule, name="Clicks_7d"), "a name is lower-case words with _ between them"),
        (_feature(Count("ads_daily", Window(0, 7))), "days 0 to 7 are not within 1 to 28"),
        (_feature(Count("ads_daily", Window(9, 8))), "days 9 to 8 are not within 1 to 28"),
        (_feature(Count("ads_daily", Window(1, 29))), "days 1 to 29 are not within 1 to 28"),
        (_feature(Total("ads_daily", "channel", WEEK)), "ads_daily.channel is no measure"),
        (_feature(Total("ads_daily", "spent", WEEK)), "ads_daily.spent is no measure"),
        (
            _feature(Quotient("clicks", "shows")),
            "shows is no feature of the view that is counted from facts",
        ),
        (_feature(Change("f", "clicks")), "f is no feature of the view that is counted from facts"),
        (
            _feature(Total("ads_daily", "spend", WEEK), unit=Unit.MONEY),
            "no feature tells the currency of ads_daily",
        ),
    ],
)
def test_a_feature_that_cannot_be_computed_is_told(feature: Feature, problem: str) -> None:
    problems = find_problems([_view(CLICKS, feature)], [])
    assert problems == [f"campaign_performance.{feature.name}: {problem}"]


def test_measures_about_people_are_no_features() -> None:
    view = replace(
        VIEWS["client_performance"],
        features=(_feature(Total("customers", "orders_to_date", WEEK)),),
    )
    [problem] = find_problems([view], [])
    assert problem == (
        "client_performance.f: customers.orders_to_date is about a person "
        "(user.behavior.purchase_history)"
    )


def test_facts_without_the_entity_are_told() -> None:
    view = _view(_feature(Count("orders", WEEK)))
    assert find_problems([view], []) == ["campaign_performance: orders lacks campaign_id"]


def test_the_tenant_comes_first_in_every_key() -> None:
    view = replace(_view(CLICKS), entity=replace(CAMPAIGN, join_key="a_campaign"))
    assert find_problems([view], []) == [
        "campaign_performance: the join key a_campaign does not sort after a_tenant_id"
    ]


def test_a_name_stands_for_one_feature() -> None:
    other = replace(_view(CLICKS), name="other")
    assert find_problems([_view(CLICKS), other], []) == ["feature clicks is in 2 places"]


def test_services_name_what_there_is_and_amounts_with_their_currency() -> None:
    view = _view(
        _feature(Currency("ads_daily"), name="currency", unit=Unit.CODE),
        _feature(Total("ads_daily", "spend", WEEK), name="spend", unit=Unit.MONEY),
        CLICKS,
        _feature(Quotient("spend", "clicks"), name="cpc", unit=Unit.MONEY),
    )
    services = [
        FeatureService("good_v1", "All.", view.name, ("cpc", "currency", "clicks")),
        FeatureService("poor_v1", "No currency.", view.name, ("cpc", "clicks")),
        FeatureService("odd_v1", "Unknown.", view.name, ("shows",)),
        FeatureService("lost_v1", "No view.", "nowhere", ("cpc",)),
    ]
    assert find_problems([view], services) == [
        "service poor_v1: cpc is told without currency",
        "service odd_v1: campaign_performance has no feature shows",
        "service lost_v1: there is no view nowhere",
    ]


def test_the_fingerprint_follows_the_meaning_and_not_the_words() -> None:
    view = _view(CLICKS)
    same = _view(replace(CLICKS, description="Other words."))
    longer = _view(replace(CLICKS, rule=Total("ads_daily", "clicks", Window(1, 8))))
    assert fingerprint(view) == fingerprint(same)
    assert fingerprint(view) != fingerprint(longer)
    assert fingerprint(view) != fingerprint(replace(view, ttl_seconds=1))
