"""Which sums could count a sale twice, and which claims must be of one attribution."""

import pytest

from domain.errors import UserError
from domain.metrics.catalogue import build_catalogue
from domain.metrics.claims import claim_groups
from domain.metrics.definition import Additivity
from domain.metrics.definition_file import parse_definition

OWN = (
    "metric: google_claims\nis: conversions\nwhere: {source: google_ads}",
    "metric: meta_claims\nis: conversions\nwhere: {source: meta_ads}",
    "metric: keyword_claims\nsum: ads_keyword_daily.conversions",
)


def build(expression: str) -> tuple[list[list[str]], Additivity]:
    """The groups of claims of an expression, by metric and source, and its additivity."""
    texts = (*OWN, f"metric: m\nis: {expression}")
    info = build_catalogue(map(parse_definition, texts)).metrics["m"]
    groups = [
        [" ".join((one.metric, *(value for own in one.where for value in own.values))) for one in g]
        for g in claim_groups(info.formula)
    ]
    return groups, info.additivity


@pytest.mark.parametrize(
    ("expression", "first", "second", "column"),
    [
        ("conversions + key_events", "conversions", "key_events", 13),
        ("attributed_revenue + purchase_revenue", "attributed_revenue", "purchase_revenue", 20),
        ("attributed_revenue + revenue", "attributed_revenue", "revenue", 20),
        ("revenue - attributed_revenue", "revenue", "attributed_revenue", 9),
        ("orders + conversions", "orders", "conversions", 8),
        ("item_revenue + attributed_revenue", "item_revenue", "attributed_revenue", 14),
        ("spend - (attributed_revenue - net_revenue)", "attributed_revenue", "revenue", 29),
        ("2 * conversions + key_events / 3", "conversions", "key_events", 17),
        ("-conversions + key_events", "conversions", "key_events", 14),
        ("greatest(conversions, clicks) + orders", "conversions", "orders", 31),
        ("abs(conversions + key_events)", "conversions", "key_events", 17),
        ("attributed_revenue * ctr + revenue", "attributed_revenue", "revenue", 26),
        ("attributed_revenue / ctr + revenue", "attributed_revenue", "revenue", 26),
    ],
)
def test_refuses_sums_that_may_count_a_sale_twice(
    expression: str, first: str, second: str, column: int
) -> None:
    with pytest.raises(UserError) as raised:
        build(expression)
    assert raised.value.code == "INVALID_METRIC"
    assert str(raised.value) == (
        f"metric m: {first} and {second} may tell of the same sale at column {column}\n"
        f"  {expression}\n  {' ' * (column - 1)}^ "
        "(ask for both and see them side by side, or divide one by the other)"
    )


@pytest.mark.parametrize(
    ("expression", "groups", "additivity"),
    [
        ("spend - revenue", [], Additivity.FULL),
        ("conversions", [["conversions"]], Additivity.WITHIN_ATTRIBUTION),
        ("attributed_revenue - spend", [["attributed_revenue"]], Additivity.WITHIN_ATTRIBUTION),
        ("attributed_revenue * 2 - spend", [["attributed_revenue"]], Additivity.WITHIN_ATTRIBUTION),
        ("attributed_revenue / revenue", [["attributed_revenue"]], Additivity.NONE),
        ("conversions / key_events", [["conversions"], ["key_events"]], Additivity.NONE),
        (
            "conversion_rate + key_events / sessions",
            [["conversions"], ["key_events"]],
            Additivity.NONE,
        ),
        ("coalesce(conversions, key_events)", [["conversions"], ["key_events"]], Additivity.NONE),
        (
            "google_claims + meta_claims",
            [["conversions google_ads", "conversions meta_ads"]],
            Additivity.WITHIN_ATTRIBUTION,
        ),
        (
            "google_claims / meta_claims",
            [["conversions google_ads"], ["conversions meta_ads"]],
            Additivity.NONE,
        ),
        (
            "(conversions - keyword_claims) / clicks",
            [["conversions", "keyword_claims"]],
            Additivity.NONE,
        ),
        (
            "greatest(google_claims, meta_claims)",
            [["conversions google_ads", "conversions meta_ads"]],
            Additivity.NONE,
        ),
    ],
)
def test_claims_that_meet_in_one_amount(
    expression: str, groups: list[list[str]], additivity: Additivity
) -> None:
    assert build(expression) == (groups, additivity)
