"""Lists that move while their pages are read: nothing is lost, nothing comes twice."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from domain.time_window import DateRange
from ingestion.connector.failures import IncompleteAnswerError
from ingestion.connector.job import ExtractionJob, Page
from ingestion.connector.spec import SourceSpec
from tests.ingestion.connector.harness import (
    ACCOUNT,
    APP,
    CREDENTIALS,
    Harness,
    harness,
    platform,
    rows,
)
from tests.ingestion.connector.scripted_server import Reply, Request, ScriptedServer, serve

pytestmark = pytest.mark.anyio

DAY = DateRange(dt.date(2026, 11, 2), dt.date(2026, 11, 2))
LIST = ["b", "c", "d", "e", "f"]  # three pages: the source files of the tests ask for two records
Lists = list[list[str]]


def _offset_answer(request: Request, held: list[str]) -> dict[str, Any]:
    begin = request.json["offset"]
    return {
        "rows": [
            {
                "dimensionValues": [{"value": "20261102"}, {"value": name}],
                "metricValues": [{"value": "1.25"}],
            }
            for name in held[begin : begin + request.json["limit"]]
        ],
        "rowCount": len(held),
    }


def _page_answer(request: Request, held: list[str]) -> dict[str, Any]:
    size = int(request.query["page_size"])
    begin = (int(request.query["page"]) - 1) * size
    listed = [
        {
            "dimensions": {"campaign_id": name, "stat_time_day": "2026-11-02 00:00:00"},
            "metrics": {"spend": "1.25"},
        }
        for name in held[begin : begin + size]
    ]
    return {"code": 0, "data": {"list": listed, "page_info": {"total_number": len(held)}}}


Answer = Callable[[Request, list[str]], dict[str, Any]]
KINDS: list[tuple[str, str, Answer]] = [
    ("ga4", "traffic_day", _offset_answer),
    ("tiktok_ads", "ad_day", _page_answer),
]


def _handler(answer: Answer, lists: Lists) -> Callable[[Request], Reply]:
    """Answers each page out of the next list; the last list stays."""

    def handle(request: Request) -> Reply:
        if request.path == "/token":
            return Reply({"access_token": "fresh", "expires_in": 3599})
        return Reply(answer(request, lists.pop(0) if len(lists) > 1 else lists[0]))

    return handle


def _urls(server: ScriptedServer) -> dict[str, str]:
    return {"ga4": server.url, "ga4.token": f"{server.url}/token", "tiktok_ads": server.url}


def _asked(server: ScriptedServer) -> int:
    return sum(path != "/token" for path in server.paths())


@pytest.mark.parametrize(("source", "stream", "answer"), KINDS, ids=["offset", "page"])
async def test_a_list_that_stays_becomes_one_page(source: str, stream: str, answer: Answer) -> None:
    async with (
        serve(_handler(answer, [LIST])) as server,
        harness(_urls(server)) as run,
    ):
        (page,) = await run.read(platform(source), stream, DAY)
        assert rows([page], "row_number", "campaign_id") == list(enumerate(LIST, start=1))
        assert (page.requests, page.last) == (_asked(server) + (source == "ga4"), True)
        assert [step.rows for step in run.progress] == [2, 4, 5]


MOVES: dict[str, list[str]] = {
    "a record comes in before": ["a", *LIST],
    "a record comes in and another goes": ["a", *LIST[:-1]],
    "a record goes": LIST[1:],
    "the order changes": LIST[::-1],
    "all but one go": LIST[:1],
}


@pytest.mark.parametrize("after", MOVES.values(), ids=MOVES)
@pytest.mark.parametrize(("source", "stream", "answer"), KINDS, ids=["offset", "page"])
async def test_a_list_that_moves_is_read_again(
    source: str, stream: str, answer: Answer, after: list[str]
) -> None:
    async with (
        serve(_handler(answer, [LIST, after])) as server,
        harness(_urls(server)) as run,
    ):
        (page,) = await run.read(platform(source), stream, DAY)
    assert rows([page], "row_number", "campaign_id") == list(enumerate(after, start=1))
    assert page.checkpoint["rows"] == len(after)


async def test_a_list_that_keeps_moving_is_given_up_and_nothing_handed_out() -> None:
    lists = [LIST, ["a", *LIST]] * 9
    pages: list[Page] = []
    async with serve(_handler(_offset_answer, lists)) as server, harness(_urls(server)) as run:
        with pytest.raises(IncompleteAnswerError) as caught:
            await _read_into(pages, run, platform("ga4"), "traffic_day")
        assert _asked(server) == 6  # three readings of two pages
    assert pages == []
    assert str(caught.value) == (
        "the provider counted 5 records, and now counts 6 "
        "(the sync is tried again by itself; the list changes while it is read)"
    )


async def test_a_record_on_two_pages_is_told_with_its_number() -> None:
    lists = [LIST, ["a", *LIST[:-1]]] * 9
    async with serve(_handler(_page_answer, lists)) as server, harness(_urls(server)) as run:
        with pytest.raises(IncompleteAnswerError) as caught:
            await run.read(platform("tiktok_ads"), "ad_day", DAY)
    assert str(caught.value) == (
        "records stand on two pages (1 of them), so others stand on none "
        "(the sync is tried again by itself; the list changes while it is read)"
    )


async def test_days_before_a_moving_one_stand_and_numbers_go_on() -> None:
    days = DateRange(dt.date(2026, 11, 1), dt.date(2026, 11, 2))
    lists = [["x"], LIST, ["a", *LIST]]
    async with serve(_handler(_offset_answer, lists)) as server, harness(_urls(server)) as run:
        first, second = await run.read(platform("ga4"), "traffic_day", days)
    assert rows([first, second], "row_number", "campaign_id") == [
        *[(1, "x"), (2, "a"), (3, "b"), (4, "c"), (5, "d"), (6, "e"), (7, "f")]
    ]
    assert (first.checkpoint["rows"], second.checkpoint["rows"]) == (1, 7)


async def test_a_crash_within_a_slice_reads_it_again() -> None:
    days = DateRange(dt.date(2026, 11, 1), dt.date(2026, 11, 2))
    pages: list[Page] = []
    answered = 0

    def answer(request: Request) -> Reply:
        nonlocal answered
        if request.path == "/token":
            return Reply({"access_token": "fresh", "expires_in": 3599})
        answered += 1
        if answered == 5:  # the second page of the second day
            return Reply({"error": {"status": "INVALID_ARGUMENT", "message": "no"}}, status=400)
        return Reply(_offset_answer(request, LIST))

    async with serve(answer) as server, harness(_urls(server)) as run:
        source = platform("ga4")
        with pytest.raises(Exception, match="refused the request: no"):
            await _read_into(pages, run, source, "traffic_day", days)
        rest = await run.read(source, "traffic_day", days, pages[-1].checkpoint)
    assert [row[0] for row in rows([*pages, *rest], "row_number")] == list(range(1, 11))
    assert [row[0] for row in rows(rest, "campaign_id")] == LIST


async def test_a_later_page_that_keeps_timing_out_is_asked_for_over_fewer_days() -> None:
    days = DateRange(dt.date(2026, 11, 1), dt.date(2026, 11, 2))

    def answer(request: Request) -> Reply:
        is_whole = request.query["start_date"] != request.query["end_date"]
        if is_whole and request.query["page"] == "2":
            return Reply({"code": 50002, "message": "timed out"})
        held = (
            LIST if is_whole else LIST[:2] if request.query["start_date"][-1] == "1" else LIST[2:]
        )
        return Reply(_page_answer(request, held))

    async with serve(answer) as server, harness(_urls(server)) as run:
        pages = await run.read(platform("tiktok_ads"), "ad_day", days)
        assert _asked(server) == 1 + 3 + 1 + 2
    assert [page.batch.num_rows for page in pages] == [2, 3]
    assert rows(pages, "row_number", "campaign_id") == list(enumerate(LIST, start=1))


async def test_rejected_rows_and_drift_of_all_pages_are_told() -> None:
    def answer(request: Request) -> Reply:
        body = _page_answer(request, LIST)
        for item in body["data"]["list"]:
            item["metrics"]["shadow"] = "1"
            if item["dimensions"]["campaign_id"] in "ce":
                item["metrics"]["spend"] = "much"
        return Reply(body)

    async with serve(answer) as server, harness(_urls(server)) as run:
        (page,) = await run.read(platform("tiktok_ads"), "ad_day", DAY)
    assert rows([page], "row_number", "campaign_id") == [(1, "b"), (3, "d"), (5, "f")]
    assert [(row.row_number, row.reason) for row in page.rejected] == [
        (2, "not_a_number"),
        (4, "not_a_number"),
    ]
    assert [(item.kind, item.field) for item in page.drift] == [("new_field", "metrics.shadow")]


async def _read_into(
    pages: list[Page], run: Harness, source: SourceSpec, stream: str, window: DateRange = DAY
) -> None:
    job = ExtractionJob(source, source.streams[stream], ACCOUNT, CREDENTIALS, window, APP)
    async for page in run.extractor.extract(job, None, run.progress.append):
        pages.append(page)  # noqa: PERF401 - what came before an error is looked at
