"""Which cut a measure is read from."""

import pytest

from domain.metrics.catalogue import build_catalogue
from domain.metrics.cuts import companions, cuts_of, find_clash, find_cut, has_dimension
from domain.metrics.definition_file import parse_definition
from domain.metrics.formula import Measure, iter_measures

OWN = (
    "metric: german\nsum: ads_daily.spend\nwhere: {country: DE}",
    "metric: campaigns\ncount_distinct: ads_daily.campaign_id",
    "metric: ads\ncount_distinct: ads_ad_daily.ad_id",
    "metric: lines\ncount: ads_daily.campaign_id",
)
CATALOGUE = build_catalogue(map(parse_definition, OWN))
DIMENSIONS = CATALOGUE.dimensions


def measure(metric: str) -> Measure:
    (found,) = iter_measures(CATALOGUE.metrics[metric].formula)
    return found


@pytest.mark.parametrize("metric", ["spend", "campaigns"])
def test_whole_cuts_come_first(metric: str) -> None:
    assert [cut.name for cut in cuts_of(measure(metric))] == [
        "ads_daily",
        "ads_ad_daily",
        "ads_country_daily",
        "ads_keyword_daily",
        "ads_search_term_daily",
    ]


@pytest.mark.parametrize(
    ("metric", "fact"),
    [
        ("ads", "ads_ad_daily"),
        ("lines", "ads_daily"),
        ("revenue", "orders"),
        ("sessions", "web_daily"),
    ],
)
def test_some_measures_have_one_cut(metric: str, fact: str) -> None:
    assert [cut.name for cut in cuts_of(measure(metric))] == [fact]


@pytest.mark.parametrize(
    ("metric", "names", "fact"),
    [
        ("spend", (), "ads_daily"),
        ("spend", ("channel", "device", "attribution"), "ads_daily"),
        ("spend", ("ad_group",), "ads_ad_daily"),
        ("spend", ("ad_group", "match_type"), "ads_keyword_daily"),
        ("spend", ("region",), "ads_country_daily"),
        ("spend", ("search_term",), "ads_search_term_daily"),
        ("german", (), "ads_country_daily"),
        ("german", ("campaign",), "ads_country_daily"),
        ("german", ("device",), None),
        ("spend", ("search_term", "device"), None),
        ("spend", ("order_status",), None),
    ],
)
def test_the_first_cut_that_has_everything(
    metric: str, names: tuple[str, ...], fact: str | None
) -> None:
    found = find_cut(measure(metric), names, DIMENSIONS)
    assert (found.name if found else None) == fact


@pytest.mark.parametrize(
    ("metric", "names", "clash"),
    [
        ("spend", ("channel", "ad", "device"), ()),
        ("spend", ("channel", "country", "campaign", "device"), ("country", "device")),
        ("spend", ("ad", "keyword", "country"), ("ad", "keyword")),
        ("german", ("channel", "device"), ("device", "country")),
    ],
)
def test_the_fewest_that_clash(metric: str, names: tuple[str, ...], clash: tuple[str, ...]) -> None:
    assert find_clash(measure(metric), names, DIMENSIONS) == clash


def test_companions_are_what_not_every_cut_has() -> None:
    assert companions(measure("spend"), "device", DIMENSIONS) == (
        "ad",
        "ad_group",
        "keyword",
        "match_type",
    )
    assert companions(measure("spend"), "search_term", DIMENSIONS) == ("ad_group",)
    assert companions(measure("revenue"), "country", DIMENSIONS) == ()


def test_a_metrics_own_filters_do_not_hide_a_dimension() -> None:
    assert has_dimension(measure("german"), "device", DIMENSIONS)
    assert not has_dimension(measure("german"), "order_status", DIMENSIONS)
