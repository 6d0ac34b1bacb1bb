"""What stands below a campaign, from developers.google.com/google-ads/api/fields/v25."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from tests.ingestion.simulator.conftest import AdsCaller

DAYS = "segments.date BETWEEN '2026-10-01' AND '2026-10-07'"
TOTALS = (
    "metrics.cost_micros, metrics.impressions, metrics.clicks, metrics.conversions, "
    "metrics.conversions_value"
)
# Campaigns of the account by channel; those of the numbers 7 and 14 are paused.
SEARCH, PERFORMANCE_MAX, SHOPPING = "111111111101", "111111111102", "111111111103"


def _sums(rows: Iterable[dict[str, Any]], *path: str) -> dict[str, dict[str, Decimal]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        node: Any = row
        for name in path:
            node = node[name]
        held = sums.setdefault(str(node), {})
        for name, value in row["metrics"].items():
            held[name] = held.get(name, Decimal(0)) + Decimal(str(value))
    return sums


def _ask(ads: AdsCaller, fields: str, resource: str, more: str = "") -> list[dict[str, Any]]:
    return ads.rows(f"SELECT {fields}, {TOTALS} FROM {resource} WHERE {DAYS}{more}")


def test_ads_make_up_their_campaigns_and_performance_max_has_none(ads: AdsCaller) -> None:
    campaigns = _sums(_ask(ads, "campaign.id, segments.date", "campaign"), "campaign", "id")
    found = _ask(ads, "campaign.id, ad_group_ad.ad.id, segments.date", "ad_group_ad")
    assert _sums(found, "campaign", "id") == {
        campaign: sums
        for campaign, sums in campaigns.items()
        if campaign not in (PERFORMANCE_MAX, "111111111108")
    }
    groups = _ask(ads, "campaign.id, ad_group.id, segments.date", "ad_group")
    assert _sums(groups, "campaign", "id") == _sums(found, "campaign", "id")


def test_a_row_of_a_keyword(ads: AdsCaller) -> None:
    row = ads.rows(
        "SELECT campaign.id, ad_group.id, ad_group_criterion.criterion_id, "
        "ad_group_criterion.keyword.text, ad_group_criterion.keyword.match_type, segments.date, "
        f"segments.device, metrics.clicks FROM keyword_view WHERE {DAYS}"
    )[0]
    assert row == {
        "keywordView": {
            "resourceName": "customers/1111111111/keywordViews/1111111111010~11111111110100"
        },
        "adGroupCriterion": {
            "resourceName": "customers/1111111111/adGroupCriteria/1111111111010~11111111110100",
            "criterionId": "11111111110100",
            "keyword": {"text": "acme shoes delivery", "matchType": "EXACT"},
        },
        "adGroup": {
            "resourceName": "customers/1111111111/adGroups/1111111111010",
            "id": "1111111111010",
        },
        "campaign": {
            "resourceName": "customers/1111111111/campaigns/111111111101",
            "id": "111111111101",
        },
        "metrics": {"clicks": row["metrics"]["clicks"]},
        "segments": {"date": "2026-10-01", "device": "MOBILE"},
    }


def test_keywords_are_of_search_only_and_bring_a_part_of_it(ads: AdsCaller) -> None:
    groups = _sums(
        _ask(ads, "ad_group.id, segments.date", "ad_group", f" AND campaign.id = {SEARCH}"),
        "adGroup",
        "id",
    )
    keywords = _ask(ads, "campaign.id, ad_group.id, segments.date", "keyword_view")
    assert {row["campaign"]["id"] for row in keywords} == {SEARCH}
    brought = _sums(keywords, "adGroup", "id")
    assert brought.keys() == groups.keys()
    for group, sums in brought.items():
        assert Decimal("0.92") < sums["costMicros"] / groups[group]["costMicros"] < Decimal("0.94")


def test_search_terms_leave_rare_ones_and_performance_max_out(ads: AdsCaller) -> None:
    rows = _ask(
        ads,
        "campaign.id, ad_group.id, search_term_view.search_term, search_term_view.status, "
        "segments.date",
        "search_term_view",
    )
    assert {row["campaign"]["id"] for row in rows} == {SEARCH, SHOPPING, "111111111109"}
    first = rows[0]["searchTermView"]
    assert first == {
        "resourceName": "customers/1111111111/searchTermViews/111111111101~1111111111010~"
        "YWNtZSBzaG9lcyBkZWxpdmVyeQ",
        "searchTerm": "acme shoes delivery",
        "status": "NONE",
    }
    whole = _sums(_ask(ads, "campaign.id, segments.date", "campaign"), "campaign", "id")
    for campaign, sums in _sums(rows, "campaign", "id").items():
        assert 0 < sums["clicks"] < whole[campaign]["clicks"] * Decimal("0.9")


def test_locations_leave_out_who_could_not_be_located(ads: AdsCaller) -> None:
    rows = _ask(
        ads,
        "campaign.id, user_location_view.country_criterion_id, "
        "user_location_view.targeting_location, segments.date",
        "user_location_view",
    )
    assert rows[0]["userLocationView"] == {
        "resourceName": "customers/1111111111/userLocationViews/2276~true",
        "countryCriterionId": "2276",
        "targetingLocation": True,
    }
    places = Counter(
        (
            row["userLocationView"]["countryCriterionId"],
            row["userLocationView"]["targetingLocation"],
        )
        for row in rows
    )
    assert places.keys() == {("2276", True), ("2040", True), ("2756", False), ("2250", False)}
    whole = _sums(_ask(ads, "campaign.id, segments.date", "campaign"), "campaign", "id")
    located = _sums(rows, "campaign", "id")
    assert located.keys() == whole.keys()
    for campaign, sums in located.items():
        assert (
            Decimal("0.96") < sums["costMicros"] / whole[campaign]["costMicros"] < Decimal("0.98")
        )


def test_a_location_is_one_row_of_the_account_unless_a_campaign_splits_it(ads: AdsCaller) -> None:
    fields = "user_location_view.country_criterion_id"
    split = _ask(ads, f"campaign.id, {fields}", "user_location_view")
    whole = _ask(ads, fields, "user_location_view")
    assert len(whole) == 4
    assert len(split) == 4 * 12
    place = ("userLocationView", "countryCriterionId")
    assert _sums(split, *place) == _sums(whole, *place)
    one = _ask(ads, fields, "user_location_view", f" AND campaign.id = {SEARCH}")
    assert _sums(one, *place) == _sums(
        [row for row in split if row["campaign"]["id"] == SEARCH], *place
    )


@pytest.mark.parametrize(
    ("fields", "resource", "code", "message"),
    [
        (
            "ad_group_ad.ad.id",
            "keyword_view",
            "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
            (
                "Cannot select or filter on the following fields: 'ad_group_ad.ad.id', since the "
                "resource is incompatible with the resource in FROM clause."
            ),
        ),
        (
            "user_location_view.country_criterion_id",
            "campaign",
            "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE",
            (
                "Cannot select or filter on the following fields: "
                "'user_location_view.country_criterion_id', since the resource is incompatible "
                "with the resource in FROM clause."
            ),
        ),
        (
            "search_term_view.search_term, metrics.search_impression_share",
            "search_term_view",
            "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
            (
                "Cannot select or filter on the following metrics: 'search_impression_share', "
                "since metrics is incompatible with the resource in FROM clause: "
                "'search_term_view'."
            ),
        ),
        (
            "user_location_view.country_code",
            "user_location_view",
            "UNRECOGNIZED_FIELD",
            "Unrecognized field in the query: 'user_location_view.country_code'.",
        ),
    ],
)
def test_says_what_does_not_go_together(
    ads: AdsCaller, fields: str, resource: str, code: str, message: str
) -> None:
    status, body = ads.failure(f"SELECT {fields} FROM {resource} WHERE {DAYS}")
    (error,) = body["error"]["details"][0]["errors"]
    assert (status, error["errorCode"], error["message"]) == (400, {"queryError": code}, message)


@pytest.mark.parametrize(
    ("by", "fields", "resource", "path"),
    [
        ("ad", "ad_group_ad.ad.id", "ad_group_ad", ("adGroupAd", "ad", "id")),
        (
            "country",
            "campaign.id, user_location_view.country_criterion_id",
            "user_location_view",
            ("userLocationView", "countryCriterionId"),
        ),
        (
            "keyword",
            "ad_group_criterion.criterion_id",
            "keyword_view",
            ("adGroupCriterion", "criterionId"),
        ),
        (
            "search_term",
            "search_term_view.search_term",
            "search_term_view",
            ("searchTermView", "searchTerm"),
        ),
    ],
)
def test_the_truth_of_a_level_is_what_is_served(
    ads: AdsCaller, by: str, fields: str, resource: str, path: tuple[str, ...]
) -> None:
    rows = _ask(ads, f"{fields}, segments.date, segments.device", resource)
    truth = ads.simulator.truth(
        "google_ads", "1111111111", by=by, **{"from": "2026-10-01", "to": "2026-10-07"}
    )
    assert {row[by]: row["clicks"] for row in truth["rows"]} == {
        key: sums["clicks"] for key, sums in _sums(rows, *path).items()
    }
    assert sum(row["rowCount"] for row in truth["rows"]) == len(rows)
    whole = _sums(_ask(ads, "segments.date", "customer"), "customer", "resourceName")
    assert truth["totals"]["costMicros"] == whole["customers/1111111111"]["costMicros"]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("CUSTOMER_NOT_ENABLED", 403, "authorizationError"),
        ("USER_PERMISSION_DENIED", 403, "authorizationError"),
        ("DEVELOPER_TOKEN_NOT_APPROVED", 403, "authorizationError"),
        ("OAUTH_TOKEN_REVOKED", 401, "authenticationError"),
        ("UNSUPPORTED_VERSION", 400, "requestError"),
        ("EXPIRED_PAGE_TOKEN", 400, "requestError"),
        ("UNRECOGNIZED_FIELD", 400, "queryError"),
    ],
)
def test_plays_documented_refusals(ads: AdsCaller, code: str, status: int, kind: str) -> None:
    ads.simulator.fault("refused", value=code, operation="searchStream")
    answered, body = ads.failure(f"SELECT metrics.clicks FROM customer WHERE {DAYS}")
    (error,) = body["error"]["details"][0]["errors"]
    assert (answered, error["errorCode"]) == (status, {kind: code})


@pytest.mark.parametrize(
    ("code", "rate"),
    [
        ("RESOURCE_EXHAUSTED", "Number of operations for basic access"),
        ("RESOURCE_TEMPORARILY_EXHAUSTED", "Requests per second per account"),
        (
            "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION",
            "Query resource consumption per hour",
        ),
    ],
)
def test_quotas_tell_their_delay_in_the_body_alone(ads: AdsCaller, code: str, rate: str) -> None:
    ads.simulator.fault("rate_limited", value=code, retry_after_seconds=30)
    answer = ads.post(f"SELECT metrics.clicks FROM customer WHERE {DAYS}")
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
    (error,) = answer.json()[0]["error"]["details"][0]["errors"]
    assert error["errorCode"] == {"quotaError": code}
    assert error["details"]["quotaErrorDetails"] == {
        "rateScope": "DEVELOPER",
        "rateName": rate,
        "retryDelay": "30s",
    }
