from collections.abc import Callable
from decimal import Decimal

import pytest

from domain.errors import UserError
from domain.facts import ADS_DAILY, FACTS, METRIC_FACTS, refinements
from domain.metrics.catalogue import (
    UnknownDimensionError,
    UnknownMetricError,
    build_catalogue,
)
from domain.metrics.core import CORE_METRICS
from domain.metrics.definition import (
    Additivity,
    Aggregation,
    DerivedMetric,
    MetricFilter,
    Owner,
    SimpleMetric,
    Unit,
)
from domain.metrics.definition_file import parse_definition
from domain.metrics.dimensions import CORE_DIMENSIONS
from domain.metrics.naming import camel_case, check_name


def derived(name: str, expression: str) -> DerivedMetric:
    return DerivedMetric(name, name, name, expression, owner=Owner.AGENCY)


def test_core_names_keep_their_own_rules() -> None:
    names = [one.name for one in (*CORE_METRICS, *CORE_DIMENSIONS)]
    assert len({camel_case(name) for name in names}) == len(names)
    for metric in CORE_METRICS:
        assert check_name(metric.name) == metric.name


def test_core_metrics() -> None:
    catalogue = build_catalogue()
    found = {name: (info.unit, info.additivity) for name, info in catalogue.metrics.items()}
    full, within, none = Additivity
    assert found == {
        "spend": (Unit.MONEY, full),
        "impressions": (Unit.COUNT, full),
        "clicks": (Unit.COUNT, full),
        "conversions": (Unit.NUMBER, within),
        "attributed_revenue": (Unit.MONEY, within),
        "revenue": (Unit.MONEY, full),
        "orders": (Unit.COUNT, full),
        "discounts": (Unit.MONEY, full),
        "refunds": (Unit.MONEY, full),
        "new_customers": (Unit.COUNT, full),
        "units_sold": (Unit.COUNT, full),
        "item_revenue": (Unit.MONEY, full),
        "sessions": (Unit.COUNT, full),
        "engaged_sessions": (Unit.COUNT, full),
        "new_users": (Unit.COUNT, full),
        "page_views": (Unit.COUNT, full),
        "key_events": (Unit.NUMBER, within),
        "purchase_revenue": (Unit.MONEY, within),
        "net_revenue": (Unit.MONEY, full),
        "average_order_value": (Unit.MONEY, none),
        "roas": (Unit.RATIO, none),
        "attributed_roas": (Unit.RATIO, none),
        "cpc": (Unit.MONEY, none),
        "cpm": (Unit.MONEY, none),
        "ctr": (Unit.RATIO, none),
        "conversion_rate": (Unit.RATIO, none),
        "cost_per_conversion": (Unit.MONEY, none),
        "cost_per_order": (Unit.MONEY, none),
        "engagement_rate": (Unit.RATIO, none),
        "key_events_per_session": (Unit.RATIO, none),
        "orders_per_session": (Unit.RATIO, none),
    }


def test_follows_parts_down_to_facts() -> None:
    info = build_catalogue().metrics["roas"]
    assert info.parts == ("revenue", "spend")
    assert info.facts == {"orders", "ads_daily"}
    assert info.dimensions == {"client", "source", "connection", "channel", "country", "currency"}


def test_core_dimensions() -> None:
    dimensions = build_catalogue().dimensions
    assert list(dimensions) == [
        "client",
        "source",
        "connection",
        "channel",
        "campaign",
        "ad_group",
        "ad",
        "keyword",
        "match_type",
        "search_term",
        "device",
        "country",
        "region",
        "visit_source",
        "visit_medium",
        "landing_page",
        "product",
        "sku",
        "currency",
        "order_status",
        "attribution",
    ]
    campaign = dimensions["campaign"]
    cuts = (ADS_DAILY, *refinements("ads_daily"))
    assert campaign.columns == {cut.name: "campaign_id" for cut in cuts}
    assert campaign.label_columns == {cut.name: "campaign_name" for cut in cuts}
    assert campaign.qualified_by == "connection_id"
    keyword = dimensions["keyword"]
    assert keyword.columns == {"ads_keyword_daily": "keyword_id"}
    assert keyword.label_columns == {"ads_keyword_daily": "keyword"}
    assert dimensions["client"].columns == dict.fromkeys(FACTS, "client_id")


def test_hash_does_not_depend_on_order() -> None:
    one, two = derived("one", "spend * 2"), derived("two", "one + spend")
    assert build_catalogue([one, two]).content_hash == build_catalogue([two, one]).content_hash


def test_hash_depends_on_content() -> None:
    texts = [
        "metric: m\nis: spend * a\nlet: {a: 2}",
        "metric: m\nis: spend * a\nlet: {a: 3}",
        "metric: m\nis: spend * a\nlet: {a: 2}\nlabel: Other",
        "metric: m\nis: spend * a\nlet: {a: 2}\nwhere: {channel: tv}",
        "metric: m\nis: spend * a\nlet: {a: 2}\nwhere: {channel: {not: tv}}",
    ]
    hashes = {build_catalogue([parse_definition(text)]).content_hash for text in texts}
    assert len({*hashes, build_catalogue().content_hash}) == 6


def test_later_metrics_may_be_named_before() -> None:
    catalogue = build_catalogue([derived("one", "two + spend"), derived("two", "revenue * 2")])
    assert catalogue.metrics["one"].parts == ("revenue", "spend")


def simple(**changes: str) -> SimpleMetric:
    fields = {"fact": "ads_daily", "column": "spend"} | changes
    return SimpleMetric(
        "m", "m", "m", fields["fact"], fields["column"], Aggregation.SUM, Unit.MONEY,
        owner=Owner.AGENCY,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("build", "code", "message"),
    [
        (
            lambda: derived("roas", "spend"),
            "INVALID_NAME",
            "'roas' is already a metric of every agency (choose another name)",
        ),
        (
            lambda: derived("channel", "spend"),
            "INVALID_NAME",
            "'channel' is already a dimension (choose another name)",
        ),
        (
            lambda: derived("net_revenue2", "spend"),
            "",
            "",
        ),
        (
            lambda: derived("cost__x", "spend"),
            "INVALID_NAME",
            (
                "'cost__x' is not a name for a metric (lower case letters, digits and single "
                "underscores, a letter first, at most 60)"
            ),
        ),
        (
            lambda: derived("m", "spent + 1"),
            "INVALID_METRIC",
            (
                "metric m: there is no metric or parameter 'spent' at column 1\n  spent + 1\n  ^ "
                "(did you mean spend?)"
            ),
        ),
        (
            lambda: derived("m", "spend + clicks"),
            "INVALID_METRIC",
            (
                "metric m: spend (money) cannot be added to clicks (count) at column 7\n"
                "  spend + clicks\n        ^ (both sides of + need the same unit)"
            ),
        ),
        (
            lambda: derived("m", "1 + 2"),
            "INVALID_METRIC",
            "metric m: its expression names no metric (a constant is no metric)",
        ),
        (
            lambda: derived("m", "m + spend"),
            "INVALID_METRIC",
            "metric m refers back to itself: m -> m (a metric may only be made of others)",
        ),
        (
            lambda: parse_definition("metric: m\nis: spend\nlet: {a: 1}"),
            "INVALID_METRIC",
            "metric m: parameter a is not used in its expression",
        ),
        (
            lambda: parse_definition("metric: m\nis: spend * clicks\nlet: {clicks: 1}"),
            "INVALID_METRIC",
            "metric m: parameter clicks has the name of a metric",
        ),
        (
            lambda: parse_definition("metric: m\nis: spend\nwhere: {order_status: paid}"),
            "INVALID_METRIC",
            (
                "metric m: none of its parts can be narrowed by order_status "
                "(ads_daily have no such column)"
            ),
        ),
        (
            lambda: parse_definition(
                "metric: m\nsum: ads_daily.spend\nwhere: {order_status: paid}"
            ),
            "INVALID_METRIC",
            "metric m: ads_daily has no order_status to filter by",
        ),
        (
            lambda: parse_definition("metric: m\nis: spend\nwhere: {chanel: tv}"),
            "INVALID_METRIC",
            "metric m: there is no dimension 'chanel' (did you mean channel?)",
        ),
        (
            lambda: parse_definition("metric: m\nis: spend\nwhere: {device: phone}"),
            "INVALID_METRIC",
            "metric m: 'phone' is no device (it is one of mobile, desktop, tablet, tv, other)",
        ),
        (
            lambda: simple(fact="ads"),
            "INVALID_METRIC",
            f"metric m: there is no fact 'ads' (facts are {', '.join(METRIC_FACTS)})",
        ),
        (
            lambda: simple(column="channel"),
            "INVALID_METRIC",
            (
                "metric m: ads_daily.channel cannot be the column of a sum (sum takes spend, "
                "impressions, clicks, conversions, attributed_revenue)"
            ),
        ),
        (
            lambda: simple(fact="ads_account_daily"),
            "INVALID_METRIC",
            (
                "metric m: there is no fact 'ads_account_daily' (did you mean ads_country_daily or "
                "ads_ad_daily or ads_daily?)"
            ),
        ),
        (
            lambda: parse_definition(
                "metric: m\nsum: ads_daily.spend\nwhere: {country: DE, device: mobile}"
            ),
            "INVALID_METRIC",
            (
                "metric m: m cannot be narrowed by country and device at once: the platforms do "
                "not report them together (leave one of them out)"
            ),
        ),
        (
            lambda: parse_definition(
                "metric: m\nis: revenue - spend\nwhere: {country: DE, device: mobile}"
            ),
            "INVALID_METRIC",
            (
                "metric m: spend cannot be narrowed by country and device at once: the platforms "
                "do not report them together (leave one of them out)"
            ),
        ),
        (
            lambda: simple(column="clicks"),
            "INVALID_METRIC",
            "metric m: its unit is count",
        ),
        (
            lambda: DerivedMetric("m", "m", "m", "spend", owner=Owner.CORE),
            "INVALID_INPUT",
            "metric m says that it belongs to every agency (owner: agency)",
        ),
        (
            lambda: DerivedMetric(
                "m", "m", "m", "spend", where=(MetricFilter("channel", ()),), owner=Owner.AGENCY
            ),
            "INVALID_METRIC",
            "metric m: its filter on channel has no values",
        ),
    ],
)
def test_refuses(build: Callable[[], DerivedMetric], code: str, message: str) -> None:
    if not code:
        build_catalogue([build()])
        return
    with pytest.raises(UserError) as raised:
        build_catalogue([build()])
    assert (raised.value.code, str(raised.value)) == (code, message)


def test_names_that_are_one_in_graphql() -> None:
    with pytest.raises(UserError) as raised:
        build_catalogue([derived("cost_per_1k", "cpm"), derived("cost_per1k", "cpm")])
    assert str(raised.value) == (
        "'cost_per1k' and 'cost_per_1k' are both costPer1k in GraphQL (choose another name)"
    )


def test_the_same_name_twice() -> None:
    with pytest.raises(UserError) as raised:
        build_catalogue([derived("mine", "cpm"), derived("mine", "cpc")])
    assert str(raised.value) == ("'mine' is already a metric of this agency (choose another name)")


def test_names_the_path_of_a_circle() -> None:
    circle = [derived("a1", "b1 + spend"), derived("b1", "c1"), derived("c1", "a1 * 2")]
    with pytest.raises(UserError) as raised:
        build_catalogue(circle)
    assert raised.value.message == "metric a1 refers back to itself: a1 -> b1 -> c1 -> a1"


def test_limits_the_depth_of_metrics_of_metrics() -> None:
    chain = [derived("m0", "spend")]
    chain += [derived(f"m{n}", f"m{n - 1} * 2") for n in range(1, 400)]
    with pytest.raises(UserError) as raised:
        build_catalogue(reversed(chain))
    assert raised.value.message == "metric m399 is made of metrics more than 24 deep"


def test_limits_the_size_of_a_formula() -> None:
    doubling = [derived("m0", "greatest(spend, revenue)")]
    doubling += [derived(f"m{n}", f"greatest(m{n - 1}, m{n - 1} * 2)") for n in range(1, 12)]
    with pytest.raises(UserError) as raised:
        build_catalogue(doubling)
    assert raised.value.message == (
        "metric m5: with all its parts it is too large for one question"
    )


def test_unknown_names() -> None:
    catalogue = build_catalogue()
    with pytest.raises(UnknownMetricError, match=r"did you mean spend\?"):
        catalogue.get_metric("spent")
    with pytest.raises(UnknownDimensionError, match=r"did you mean region\?"):
        catalogue.get_dimension("regions")
    assert catalogue.get_metric("spend").unit is Unit.MONEY


def test_parameters_are_decimals() -> None:
    metric = DerivedMetric("m", "m", "m", "spend * a", {"a": Decimal("0.50")}, owner=Owner.AGENCY)
    other = DerivedMetric("m", "m", "m", "spend * a", {"a": Decimal("0.5")}, owner=Owner.AGENCY)
    assert build_catalogue([metric]).content_hash == build_catalogue([other]).content_hash
