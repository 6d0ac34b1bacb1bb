"""Parts and the whole that they are parts of, read side by side."""

import datetime as dt
import json
from pathlib import Path

import pytest

from domain.time_window import DateRange
from domain.yaml_document import InvalidDocumentError
from ingestion.connector.source_file import read_source
from tests.ingestion.connector.harness import DAYS, harness, platform, rows
from tests.ingestion.connector.scripted_server import Reply, Request, serve

pytestmark = pytest.mark.anyio


def _answer(request: Request) -> Reply:
    day, last = (dt.date.fromisoformat(request.query[end]) for end in ("from", "to"))
    found = []
    while day <= last:
        whole = {"day": day.isoformat(), "campaign": "c1", "cost": "10", "clicks": 5}
        parts = [{**whole, "ad": f"a{n}", "cost": "3", "clicks": 1} for n in (1, 2)]
        found += parts if request.path.endswith("/ads") else [whole]
        day += dt.timedelta(days=1)
    return Reply({"rows": found})


ROWS = [
    (f"2026-11-0{day}", ad)
    for begin in (1, 3)
    for ads in (("a1", "a2"), (None,))
    for day in (begin, begin + 1)
    for ad in ads
]


async def test_the_whole_follows_its_parts_slice_by_slice() -> None:
    async with serve(_answer) as server, harness({"parts": server.url}) as run:
        pages = await run.read(platform("parts"), "ad_day", DAYS)
    found = [(str(day), ad) for day, ad in rows(pages, "date", "ad_id")]
    assert found == ROWS
    assert [row for (row,) in rows(pages, "row_number")] == list(range(1, len(ROWS) + 1))
    asked = [(request.path, request.query["from"]) for request in server.requests]
    assert asked == [
        ("/ads", "2026-11-01"),
        ("/campaigns", "2026-11-01"),
        ("/ads", "2026-11-03"),
        ("/campaigns", "2026-11-03"),
    ]
    assert [item for page in pages for item in page.drift] == []


@pytest.mark.parametrize("kept", range(4))
async def test_goes_on_between_parts_and_whole_after_a_restart(kept: int) -> None:
    async with serve(_answer) as server, harness({"parts": server.url}) as run:
        pages = await run.read(platform("parts"), "ad_day", DAYS)
    stored = json.loads(json.dumps(pages[kept].checkpoint))
    async with serve(_answer) as server, harness({"parts": server.url}) as again:
        more = await again.read(platform("parts"), "ad_day", DAYS, checkpoint=stored)
    columns = ("row_number", "date", "ad_id")
    assert rows(pages[: kept + 1], *columns) + rows(more, *columns) == rows(pages, *columns)
    assert len(server.requests) == 3 - kept


async def test_parts_that_keep_breaking_are_halved_and_the_whole_is_not() -> None:
    def answer(request: Request) -> Reply:
        reply = _answer(request)
        if request.path == "/ads" and request.query["from"] != request.query["to"]:
            return Reply(reply.body, cut_after=10)
        return reply

    days = DateRange(dt.date(2026, 11, 1), dt.date(2026, 11, 2))
    async with serve(answer) as server, harness({"parts": server.url}) as run:
        pages = await run.read(platform("parts"), "ad_day", days)
    found = sorted((str(day), ad or "") for day, ad in rows(pages, "date", "ad_id"))
    assert found == sorted((day, ad or "") for day, ad in ROWS[:6])
    whole = [request.query for request in server.requests if request.path == "/campaigns"]
    assert whole == [{"from": "2026-11-01", "to": "2026-11-02"}]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "by: [campaign_id, date]",
            "by: [campaign, date]",
            "rest.by[0]: there is no field 'campaign'; did you mean 'campaign_id'?",
        ),
        (
            "without: ad_id",
            "without: ad",
            "rest.without: there is no field 'ad'; known are date, campaign_id, ad_id, cost",
        ),
        (
            "key: [campaign_id, date, ad_id]",
            "key: [campaign_id, date]",
            "rest.without: 'ad_id' has to be in the key and not 'required'",
        ),
        (
            "{from: ad, type: string}",
            "{from: ad, type: string, required: true}",
            "rest.without: 'ad_id' has to be in the key and not 'required'",
        ),
        (
            "fact: ads_ad_daily",
            "fact: ads_keyword_daily",
            "rest: ads_keyword_daily does not have to add up to anything",
        ),
        ("path: /campaigns,", "path: '/{job}',", "rest.request: {job} is not known here"),
    ],
)
def test_mistakes_are_told(old: str, new: str, told: str) -> None:
    text = (Path(__file__).parent / "sources" / "parts.yaml").read_text()
    assert text.count(old) == 1
    with pytest.raises(InvalidDocumentError) as caught:
        read_source(text.replace(old, new), "parts.yaml")
    assert f"streams.ad_day.{told}" in str(caught.value)
