"""Which facts a stream feeds: every connection counts once in every whole cut."""

import dataclasses

import pytest

from ingestion.connector.spec import StreamSpec
from ingestion.files.feeds import FILE_SOURCE
from ingestion.unify.feeds import facts_fed
from tests.ingestion.unify.ledger import ADS, ORDERS

WHOLE = ["ads_daily", "ads_ad_daily", "ads_country_daily"]


def stream(fact: str, source: str = "web") -> StreamSpec:
    return dataclasses.replace(ADS, name=fact, fact=fact, source=source)


def fed(asked: StreamSpec, *others: StreamSpec) -> list[str]:
    return [fact.name for fact in facts_fed(asked, [asked, *others])]


def test_a_source_of_one_stream_feeds_every_whole_cut() -> None:
    assert fed(ADS) == WHOLE


def test_another_source_takes_nothing_away() -> None:
    assert fed(ADS, stream("ads_ad_daily", source="other")) == WHOLE


def test_a_cut_with_a_stream_of_its_own_is_left_to_it() -> None:
    countries = stream("ads_country_daily")
    assert fed(ADS, countries) == ["ads_daily", "ads_ad_daily"]
    assert fed(countries, ADS) == ["ads_country_daily"]


def test_a_partial_cut_is_fed_by_nobody_else() -> None:
    keywords = stream("ads_keyword_daily")
    assert fed(keywords, ADS) == ["ads_keyword_daily"]
    assert fed(ADS, keywords) == WHOLE


def test_the_platforms_own_totals_are_no_cut() -> None:
    assert fed(stream("ads_account_daily"), ADS) == ["ads_account_daily"]


@pytest.mark.parametrize("fact", WHOLE)
def test_a_file_feeds_its_whole_family(fact: str) -> None:
    others = [stream(other, FILE_SOURCE) for other in WHOLE if other != fact]
    assert fed(stream(fact, FILE_SOURCE), *others)[0] == fact
    assert sorted(fed(stream(fact, FILE_SOURCE), *others)) == sorted(WHOLE)


def test_a_file_of_keywords_feeds_keywords() -> None:
    assert fed(stream("ads_keyword_daily", FILE_SOURCE)) == ["ads_keyword_daily"]


def test_a_fact_without_cuts_is_fed_alone() -> None:
    assert fed(ORDERS) == ["orders"]
