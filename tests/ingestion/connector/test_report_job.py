"""Reports that are ordered: given up, too large, lost, and what is asked for then."""

import json
from dataclasses import dataclass, field

import pytest

from ingestion.connector.failures import ProviderUnavailableError
from ingestion.connector.job import Page
from ingestion.connector.report_job import ReportGivenUpError
from tests.ingestion.connector.harness import harness, platform, rows
from tests.ingestion.connector.scripted_server import Reply, Request, ScriptedServer, serve

pytestmark = pytest.mark.anyio

STREAM = "campaign_day_async"


@dataclass
class Reports:
    """Orders of days, numbered; each report holds one row a day, in pages of one row."""

    words: dict[str, str] = field(default_factory=dict)  # job -> status word
    orders: list[tuple[str, str]] = field(default_factory=list)
    refused_above_days: int = 99

    def answer(self, request: Request) -> Reply:
        if request.method == "POST":
            return self._order(request)
        _, job, *rest = request.path.split("/")
        if int(job) > len(self.orders):
            error = {"message": "Unsupported get request", "code": 100, "error_subcode": 33}
            return Reply({"error": error}, status=400)
        if not rest:
            word = self.words.get(job, "Job Completed")
            return Reply({"async_status": word, "error_message": "it takes too long"})
        return self._page(job, int(request.query.get("after", "0")))

    def _order(self, request: Request) -> Reply:
        days = json.loads(request.form["time_range"])
        since, until = days["since"], days["until"]
        if int(until[-2:]) - int(since[-2:]) >= self.refused_above_days:
            error = {"message": "Please reduce the amount of data", "code": 1}
            return Reply({"error": error}, status=500)
        self.orders.append((since, until))
        return Reply({"report_run_id": str(len(self.orders))})

    def _page(self, job: str, position: int) -> Reply:
        since, until = (int(day[-2:]) for day in self.orders[int(job) - 1])
        row = {"date_start": f"2026-11-{since + position:02d}", "campaign_id": f"job {job}"}
        paging: dict[str, object] = {"cursors": {"before": "x", "after": str(position + 1)}}
        if since + position < until:
            paging["next"] = "https://graph.invalid/?a=secret"
        return Reply({"data": [row], "paging": paging})


def _arrived(pages: list[Page]) -> list[tuple[str, str]]:
    return [(f"{day}", job) for day, job in rows(pages, "date", "campaign_id")]


def _days(*pairs: tuple[int, int]) -> list[tuple[str, str]]:
    return [(f"2026-11-{day:02d}", f"job {job}") for day, job in pairs]


def _asked(server: ScriptedServer) -> list[str]:
    return [f"{request.method} {request.path}" for request in server.requests]


async def test_a_report_that_failed_once_is_ordered_again() -> None:
    reports = Reports(words={"1": "Job Failed"})
    async with serve(reports.answer) as server, harness({"meta_ads": server.url}) as run:
        pages = await run.read(platform("meta_ads"), STREAM)
    assert reports.orders == [("2026-11-01", "2026-11-04")] * 2
    assert _arrived(pages) == _days((1, 2), (2, 2), (3, 2), (4, 2))


async def test_one_that_fails_again_is_ordered_over_fewer_days() -> None:
    reports = Reports(words={"1": "Job Failed", "2": "Job Skipped"})
    async with serve(reports.answer) as server, harness({"meta_ads": server.url}) as run:
        pages = await run.read(platform("meta_ads"), STREAM)
    assert reports.orders[2:] == [("2026-11-01", "2026-11-02"), ("2026-11-03", "2026-11-04")]
    assert _arrived(pages) == _days((1, 3), (2, 3), (3, 4), (4, 4))
    assert rows(pages, "row_number") == [(1,), (2,), (3,), (4,)]


async def test_a_day_that_fails_twice_is_told_in_the_provider_s_words() -> None:
    reports = Reports(words=dict.fromkeys("123456", "Job Failed"))
    async with serve(reports.answer) as server, harness({"meta_ads": server.url}) as run:
        with pytest.raises(ReportGivenUpError) as caught:
            await run.read(platform("meta_ads"), STREAM)
    assert str(caught.value) == (
        "the provider gave up the report 6: Job Failed, it takes too long "
        "(it was ordered again, in the end for a single day; try again later)"
    )
    assert reports.orders[4:] == [("2026-11-01", "2026-11-01")] * 2


async def test_an_order_that_is_too_large_is_placed_for_fewer_days() -> None:
    reports = Reports(refused_above_days=2)
    async with serve(reports.answer) as server, harness({"meta_ads": server.url}) as run:
        pages = await run.read(platform("meta_ads"), STREAM)
    assert reports.orders == [("2026-11-01", "2026-11-02"), ("2026-11-03", "2026-11-04")]
    assert _arrived(pages) == _days((1, 1), (2, 1), (3, 2), (4, 2))


async def test_every_checkpoint_goes_on_without_a_second_order() -> None:
    reports = Reports()
    async with serve(reports.answer) as server:
        async with harness({"meta_ads": server.url}) as run:
            whole = await run.read(platform("meta_ads"), STREAM)
        assert [page.batch.num_rows for page in whole] == [0, 1, 1, 1, 1]
        assert [page.is_order for page in whole] == [True, False, False, False, False]
        for kept in range(len(whole) - 1):
            server.requests.clear()
            stored = json.loads(json.dumps(whole[kept].checkpoint))
            async with harness({"meta_ads": server.url}) as again:
                rest = await again.read(platform("meta_ads"), STREAM, checkpoint=stored)
            assert _arrived(whole[: kept + 1] + rest) == _arrived(whole)
            assert _asked(server) == ["GET /1", *["GET /1/insights"] * (4 - kept)]


async def test_a_lost_report_is_ordered_again_and_read_from_its_first_page() -> None:
    reports = Reports()
    async with serve(reports.answer) as server:
        async with harness({"meta_ads": server.url}) as run:
            whole = await run.read(platform("meta_ads"), STREAM)
        stored = {**whole[2].checkpoint, "job": "99"}
        async with harness({"meta_ads": server.url}) as again:
            rest = await again.read(platform("meta_ads"), STREAM, checkpoint=stored)
    assert _arrived(rest) == _days((1, 2), (2, 2), (3, 2), (4, 2))
    assert rows(rest, "row_number")[0] == (3,)  # two rows of the lost report are kept


async def test_a_report_that_is_never_done_is_given_up_and_tried_later() -> None:
    reports = Reports(words={"1": "Job Running"})
    async with serve(reports.answer) as server, harness({"meta_ads": server.url}) as run:
        with pytest.raises(ProviderUnavailableError) as caught:
            await run.read(platform("meta_ads"), STREAM)
    assert caught.value.message == "the report 1 is still Job Running after 300 seconds"
    assert run.waits == [1.25, 2.5, 5.0, *[10.0] * 30]
