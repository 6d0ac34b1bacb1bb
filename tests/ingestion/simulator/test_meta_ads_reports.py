"""Report runs of Meta as documented, and what can go wrong with them and with pages."""

from datetime import timedelta
from typing import Any

import pytest

from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.simulator.meta_caller import ACCOUNT, MetaCaller, refusal

ASKED: dict[str, Any] = {
    "level": "ad",
    "fields": "ad_id,campaign_id,spend,clicks",
    "time_increment": 1,
    "days": ("2026-10-05", "2026-10-11"),
}


def test_a_report_is_ordered_polled_and_read(meta: MetaCaller) -> None:
    run = meta.order(**ASKED)
    refused = refusal(meta.get(f"/{run}/insights"))
    assert refused == (400, 2601, 1815107, "(#2601) Error accessing adreport job.")
    first, second, third = (meta.get(f"/{run}").json() for _ in range(3))
    assert (first["async_status"], first["async_percent_completion"]) == ("Job Running", 50)
    assert (second["async_status"], second["async_percent_completion"]) == ("Job Completed", 100)
    assert third == second
    assert second["id"] == run
    assert second["account_id"] == ACCOUNT
    assert meta.rows(f"/{run}/insights") == meta.rows(**ASKED)


def test_a_report_holds_what_was_known_when_it_was_ordered(
    simulator: RunningSimulator, meta: MetaCaller
) -> None:
    asked = {**ASKED, "days": ("2026-11-01", "2026-11-01")}
    before = meta.rows(**asked)
    run = meta.order(**asked)
    simulator.move_clock(SIMULATED_NOW + timedelta(days=5))
    meta.get(f"/{run}")
    meta.get(f"/{run}")
    assert meta.rows(f"/{run}/insights") == before != meta.rows(**asked)


def test_a_report_is_gone_after_30_days(simulator: RunningSimulator, meta: MetaCaller) -> None:
    run = meta.order(**ASKED)
    simulator.move_clock(SIMULATED_NOW + timedelta(days=29))
    assert meta.get(f"/{run}").status_code == 200
    simulator.move_clock(SIMULATED_NOW + timedelta(days=31))
    assert refusal(meta.get(f"/{run}"))[1:3] == (100, 33)
    assert refusal(meta.get(f"/{run}/insights"))[1:3] == (100, 33)


def test_a_report_of_others_is_unknown(meta: MetaCaller) -> None:
    run = meta.order(**ASKED)
    other = MetaCaller(meta.http, token="EAAharborpine-system-user")
    assert refusal(other.get(f"/{run}"))[1:3] == (100, 33)


def test_a_failed_report_says_why(meta: MetaCaller) -> None:
    run = meta.order(**ASKED)
    meta.fault("job_failed", operation="poll")
    for _ in range(2):  # it stays so
        told = meta.get(f"/{run}").json()
        assert told["async_status"] == "Job Failed"
        assert told["error_code"] == -2
        assert told["error_subcode"] == 2490547
        assert told["error_user_msg"] == "Generating the report failed. Try again later."
    assert refusal(meta.get(f"/{run}/insights"))[1] == 2601


@pytest.mark.parametrize(
    ("kind", "word"), [("job_skipped", "Job Skipped"), ("job_stuck", "Job Running")]
)
def test_a_report_is_skipped_or_stays_where_it_is(meta: MetaCaller, kind: str, word: str) -> None:
    run = meta.order(**ASKED)
    meta.fault(kind, operation="poll", times=3)
    told = [meta.get(f"/{run}").json() for _ in range(3)]
    assert [each["async_status"] for each in told] == [word] * 3
    assert "error_code" not in told[-1]


def test_a_page_can_repeat_the_one_before(meta: MetaCaller) -> None:
    whole = meta.rows(**ASKED)
    meta.fault("duplicate_page", after=1)
    pages = list(meta.pages(f"/act_{ACCOUNT}/insights", **ASKED, limit="20"))
    assert pages[1]["data"] == whole[:40]
    assert pages[2]["data"] == whole[40:60]


def test_pages_can_be_half_as_long_and_go_on_from_there(meta: MetaCaller) -> None:
    whole = meta.rows(**ASKED)
    meta.fault("half_page", times=2)
    pages = list(meta.pages(f"/act_{ACCOUNT}/insights", **ASKED, limit="20"))
    assert [len(page["data"]) for page in pages[:3]] == [10, 10, 20]
    assert [row for page in pages for row in page["data"]] == whole


def test_rows_can_have_new_missing_and_changed_fields(meta: MetaCaller) -> None:
    whole = meta.rows(**ASKED)
    meta.fault("unknown_field", rows=1)
    assert meta.rows(**ASKED)[0] == {**whole[0], "auction_signal": {"bucket": "7"}}
    meta.fault("changed_type", rows=1)
    assert meta.rows(**ASKED)[0]["clicks"] == "n/a"
    meta.fault("missing_field", rows=2)
    altered = meta.rows(**ASKED)
    assert ["campaign_id" in row for row in altered[:3]] == [False, False, True]
    meta.fault("missing_field", field="spend")
    assert all("spend" not in row for row in meta.rows(**ASKED)[:20])
