"""Google Analytics 4 when it fails: nothing is missing or doubled, waits and errors teach."""

import dataclasses
import datetime as dt

import pytest

from domain.ports import Clock
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    ApiVersionRetiredError,
    CredentialsRejectedError,
    ProviderError,
    ThrottledError,
    UnknownFieldRequestedError,
)
from tenancy.quota import RedisCallBudget
from tenancy.redis_server import RedisServer
from tests.fixtures.simulator import RunningSimulator
from tests.ingestion.connector.harness import harness
from tests.ingestion.sources.documented_faults import DocumentedFault, plays
from tests.ingestion.sources.ga4 import (
    ACCOUNT,
    APP,
    KEYS,
    LAST,
    SMALL_PAGES,
    SOURCE,
    TOKEN,
    arrived,
    list_rows,
    read,
    simulated,
    truth,
)

pytestmark = pytest.mark.anyio


@plays("ga4")
async def test_rows_survive(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(simulated(simulator)) as run:
        pages = await read(run, source=SMALL_PAGES)
    assert arrived(pages, *KEYS) == truth(simulator, *KEYS)
    assert [row for page in pages for row in page.rejected] == []
    assert tuple(run.waits) == fault.waits


async def test_the_tokens_of_a_day_come_back_at_midnight_in_california(
    simulator: RunningSimulator,
) -> None:
    simulator.fault("rate_limited", value="day", operation="runReport")
    async with harness(simulated(simulator)) as run:
        with pytest.raises(ThrottledError) as caught:
            await read(run)
    assert caught.value.wait_seconds == 20 * 3600.0  # the harness's noon, UTC, is 04:00 there
    assert run.budget.holds == [("ga4:property_tokens:111111111", 72_000.0)]


@pytest.mark.parametrize(
    ("quota", "left", "seconds"),
    [
        ("tokensPerDay", 499, 72_000.0),
        ("tokensPerHour", 199, 900.0),
        ("tokensPerProjectPerHour", 199, 900.0),
        ("serverErrorsPerProjectPerHour", 2, 900.0),
        ("concurrentRequests", 0.5, 10.0),
    ],
)
async def test_quotas_of_the_answer_hold_every_worker(
    simulator: RunningSimulator, quota: str, left: float, seconds: float
) -> None:
    simulator.fault("high_usage", field=quota, value=left, times=1, operation="runReport")
    async with harness(simulated(simulator)) as run:
        pages = await read(run, days=LAST)
    assert len(list_rows(pages)) == 120  # the answer itself counts
    assert run.budget.holds == [("ga4:property_tokens:111111111", seconds)]


async def test_server_errors_never_close_the_property(
    simulator: RunningSimulator, redis_server: RedisServer
) -> None:
    def share(clock: Clock) -> RedisCallBudget:
        return RedisCallBudget(redis_server, clock=clock)

    simulator.fault("server_error", times=None, operation="runReport")
    async with harness(simulated(simulator), share=share) as run:
        with pytest.raises(ThrottledError) as caught:
            await read(run)
        with pytest.raises(ThrottledError, match="the budget property_tokens is spent"):
            await read(run, "property_day")
        counts = simulator.requests()["requests"]
        simulator.http.delete("/_control/faults")
        run.now[0] += dt.timedelta(hours=1)
        assert len(list_rows(await read(run, "property_day"))) == 3
    assert [(each["status"], each["count"]) for each in counts if "runReport" in each["path"]] == [
        (503, 6)  # of the ten that the property may have in an hour
    ]
    assert caught.value.message == (
        "Google Analytics 4 grants no calls for 3569 seconds: Google Analytics 4 is throttling: it "
        "allows few server errors, and answers with more: The service is currently unavailable."
    )


ROLLED = (
    "rare combinations are rolled into (other): totals are right, pages and sources are not "
    "complete"
)
WITHHELD = "rows of few people are withheld: rows add up to less than the property's totals"
SAMPLED = "the report is estimated from a sample of the events"
NOTICES = {
    "other_row": ("metadata.dataLossFromOtherRow", ROLLED),
    "thresholded": ("metadata.subjectToThresholding", WITHHELD),
    "sampled": ("metadata.samplingMetadatas", SAMPLED),
}


@plays("ga4")
async def test_shortcomings_are_kept_and_told(
    simulator: RunningSimulator, fault: DocumentedFault
) -> None:
    assert fault.play is not None
    kind = fault.play["kind"]
    simulator.fault(**fault.play)
    async with harness(simulated(simulator)) as run:
        pages = await read(run)
    told = [(item.kind, item.field, item.detail) for page in pages for item in page.drift]
    assert told == [("notice", *NOTICES[kind])]  # once, not for each of the three days
    held = truth(simulator, *KEYS)
    sessions = sum(row["sessions"] for row in list_rows(pages))
    exact = sum(numbers[0] for numbers in held.values())
    if kind == "other_row":
        assert sessions == exact
        assert {row["landing_page"] for row in list_rows(pages)} > {"(other)"}
    elif kind == "thresholded":
        assert len(list_rows(pages)) == 3 * 108
        assert arrived(pages, *KEYS).items() < held.items()
    else:
        assert len(list_rows(pages)) == 360
        assert 0 < exact - sessions < exact // 10


async def test_rows_of_another_type_are_quarantined(simulator: RunningSimulator) -> None:
    cells = [{"value": "many"}, *[{"value": "1"}] * 5]
    fault = {"operation": "runReport", "times": 1, "rows": 2, "value": cells}
    simulator.fault("changed_type", **fault)
    async with harness(simulated(simulator)) as run:
        (page,) = await read(run, days=LAST)
    assert [(row.row_number, row.field, row.reason, row.message) for row in page.rejected] == [
        (number, "sessions", "not_a_number", "'many' is not a number") for number in (1, 2)
    ]
    assert page.batch.num_rows == 118


ROLE = (
    "give the connected Google user the role Viewer of this property, and enable the Analytics "
    "Data API and Admin API in the Google Cloud project"
)
NOT_SHARED = (
    "User does not have sufficient permissions for this property. To learn more about Property ID, "
    "see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id. "
    "(PERMISSION_DENIED)"
)
GONE = "set a newer api.version in the source file and check its fields"
REFUSALS: dict[int, tuple[type[ProviderError], str, str]] = {
    403: (AccountNotAccessibleError, NOT_SHARED, ROLE),
    404: (ApiVersionRetiredError, "HTTP status 404 (404)", GONE),
}


@plays("ga4")
async def test_refusals_say_what_to_do(simulator: RunningSimulator, fault: DocumentedFault) -> None:
    assert fault.play is not None
    simulator.fault(**fault.play)
    async with harness(simulated(simulator)) as run:
        with pytest.raises(ProviderError) as caught:
            await read(run)
    kind, message, hint = REFUSALS[fault.play["code"]]
    assert type(caught.value) is kind
    assert str(caught.value) == f"Google Analytics 4 refused the request: {message} ({hint})"
    assert run.waits == []


async def test_a_metric_that_is_gone_is_told(simulator: RunningSimulator) -> None:
    stream = SOURCE.streams["property_day"]
    assert stream.request is not None
    body = {**stream.request.json, "metrics": [{"name": "conversions"}]}
    asked = dataclasses.replace(stream, request=dataclasses.replace(stream.request, json=body))
    source = dataclasses.replace(SOURCE, streams={"property_day": asked})
    async with harness(simulated(simulator)) as run:
        with pytest.raises(UnknownFieldRequestedError) as caught:
            await read(run, "property_day", source)
    assert str(caught.value) == (
        "Google Analytics 4 refused the request: Did you mean sessions? Field conversions is not a "
        "valid metric. For a list of valid dimensions and metrics, see "
        "https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema "
        "(INVALID_ARGUMENT) (compare the request in the source file with the provider's field list "
        "of this version)"
    )


CONNECT = "connect the account again; the permission was withdrawn or has run out"


@pytest.mark.parametrize(
    ("token", "app", "message"),
    [
        ({"refresh_token": "1//withdrawn"}, APP, "Bad Request (invalid_grant)"),
        (TOKEN, {**APP, "client_secret": "guessed"}, "Unauthorized (invalid_client)"),
    ],
)
async def test_bad_credentials_say_what_to_do(
    simulator: RunningSimulator, token: dict[str, str], app: dict[str, str], message: str
) -> None:
    async with harness(simulated(simulator)) as run:
        with pytest.raises(CredentialsRejectedError) as caught:
            await run.extractor.check(SOURCE, ACCOUNT, token, app)
    assert str(caught.value) == (f"Google Analytics 4 refused the request: {message} ({CONNECT})")
    assert "guessed" not in str(caught.value)
