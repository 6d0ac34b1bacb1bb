"""Which row it is: the same key as unification writes, and nothing that was not read."""

import datetime as dt
from typing import Any

import orjson
import pytest

from ingestion.connector.answer import AnswerReader
from ingestion.connector.identity import RowIdentity
from ingestion.connector.job import Account, RejectedRow
from ingestion.connector.source_file import load_source
from ingestion.connector.spec import StreamSpec

ACCOUNT = Account("1", {}, "EUR", "Europe/Berlin")
CAMPAIGNS = load_source("tiktok_ads").streams["campaign_day"]
REFUNDS = load_source("shopify").streams["refunds"]


def _campaign(**metrics: Any) -> dict[str, Any]:
    dimensions = {"campaign_id": "7", "stat_time_day": "2026-03-01 00:00:00"}
    told = {"spend": "1.00", "impressions": "10", "clicks": "1", "conversion": "0"}
    return {"dimensions": dimensions, "metrics": {**told, **metrics}}


def _read(stream: StreamSpec, document: Any) -> tuple[RejectedRow, ...]:
    reader = AnswerReader(stream, ACCOUNT)
    typed, _ = reader.read_document(orjson.dumps(document), 1, lambda _: None)
    return typed.rejected


def _rejected(records: list[dict[str, Any]]) -> tuple[RejectedRow, ...]:
    document = {"code": 0, "data": {"list": records, "page_info": {"total_number": len(records)}}}
    return _read(CAMPAIGNS, document)


def test_key_and_day_of_a_row_that_does_not_fit_are_kept() -> None:
    (row,) = _rejected([_campaign(), _campaign(spend="much")])
    assert (row.natural_key, row.reporting_date, row.around) == (
        "7\x1f2026-03-01",
        dt.date(2026, 3, 1),
        "",
    )


def test_what_cannot_be_read_is_not_known() -> None:
    bad_day = _campaign()
    bad_day["dimensions"] = {"campaign_id": "7", "stat_time_day": "someday"}
    (row,) = _rejected([bad_day])
    assert (row.natural_key, row.reporting_date) == (None, None)


def test_what_the_records_around_say_is_kept() -> None:
    refund = {
        "id": "gid://shopify/Refund/5",
        "createdAt": "2026-03-01T09:00:00Z",
        "totalRefundedSet": {"shopMoney": {"amount": "much", "currencyCode": "EUR"}},
    }
    order = {
        "id": "gid://shopify/Order/3",
        "test": False,
        "shippingAddress": {"countryCodeV2": "DE"},
        "billingAddress": None,
        "customerJourneySummary": None,
        "refunds": [refund],
    }
    (row,) = _read(REFUNDS, {"data": {"orders": {"nodes": [order]}}})
    around = orjson.loads(row.around)
    assert orjson.loads(row.raw) == refund
    assert around["^.id"] == "gid://shopify/Order/3"
    assert around["^.shippingAddress.countryCodeV2"] == "DE"
    assert row.natural_key == "5"


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"campaign_id": "7", "date": dt.date(2026, 3, 1)}, "7\x1f2026-03-01"),
        ({"campaign_id": None, "date": dt.date(2026, 3, 1)}, "\x1f2026-03-01"),
        ({"campaign_id": 7, "date": None}, "7\x1f"),
    ],
)
def test_the_key_of_a_good_row_is_that_of_unification(values: dict[str, Any], key: str) -> None:
    assert RowIdentity(CAMPAIGNS).natural_key(values.__getitem__) == key
