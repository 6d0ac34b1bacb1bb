"""Planning, applying, filling and deprecating an agency's own views, and nobody else's."""

import datetime as dt
from decimal import Decimal
from typing import Any, cast

import pytest
from sqlalchemy import select
from uuid_utils.compat import uuid7

from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import TenantId
from domain.ports import TenantScope
from feature_repo.catalogue import PLATFORM, Catalogues
from feature_repo.compute import FeatureComputer
from feature_repo.feature import Deprecation
from feature_repo.materialise import FeatureRefresh
from feature_repo.online import OnlineFeatures
from feature_repo.read import FeatureReader
from feature_repo.registration.backfill import Backfills
from feature_repo.registration.book import FeatureBook, load_own_views
from feature_repo.registration.changes import ChangeKind, FeatureChange
from feature_repo.registration.own_facts import OwnFacts
from feature_repo.registration.plan import NumericDifference, Plan, Planner
from tenancy.jobs import JobEngine, JobStatus
from tenancy.session import Database
from tenancy.tables import AuditEntry, FeatureDefinition
from tenancy.warehouse.port import Warehouse
from tests.fakes.fake_jobs import FakeJobs
from tests.feature_repo.agency_rows import add_agency
from tests.feature_repo.conftest import A, B, MovableClock, account
from tests.feature_repo.ledger import Ledger, ad, at, order
from tests.feature_repo.registration.samples import BRAND, CAMPAIGN_FILE
from tests.feature_repo.registration.test_trials import LateComputer

pytestmark = pytest.mark.anyio

ADS, SHOP = account(A, 1), account(A, 2, source="shopify", stream="orders")
THEIRS = account(B, 1)
VIEW = "brand_pulse_v1"
FIRST_TEST = "Fourteen complete days are added up, and today is not one of them."
SECOND = BRAND.replace("version: 1", "version: 2").replace(
    "total: orders.revenue\n    days: [1, 14]", "total: orders.revenue\n    days: [1, 13]"
)


@pytest.fixture
async def book(
    database: Database, facts: Warehouse, computer: FeatureComputer, clock: MovableClock
) -> FeatureBook:
    await add_agency(database, A, [ADS, SHOP])
    await add_agency(database, B, [THEIRS])

    async def load(tenant_id: TenantId) -> Any:
        return await load_own_views(database, clock, tenant_id)

    planner = Planner(database, OwnFacts(facts, computer), clock, FeatureComputer)
    return FeatureBook(database, Catalogues(load, clock), planner, clock, uuid7)


@pytest.fixture
async def known(book: FeatureBook, ledger: Ledger) -> Ledger:
    """Spend of 100 in each of two weeks, an order 14 days ago and one yesterday."""
    del book
    spends = [ad(29, "c1", "60"), ad(17, "c1", "40"), ad(3, "c1", "80")]
    await ledger.sync(ADS, "ads_daily", at(30, 6), spends, covers=(1, 29))
    orders = [order(29, "o1", "30"), order(16, "o2", "20")]
    await ledger.sync(SHOP, "orders", at(30, 6), orders, covers=(1, 29))
    return ledger


@pytest.fixture
def jobs() -> FakeJobs:
    return FakeJobs()


@pytest.fixture
def backfills(
    database: Database,
    book: FeatureBook,
    computer: FeatureComputer,
    online: OnlineFeatures,
    clock: MovableClock,
    jobs: FakeJobs,
) -> Backfills:
    async def nothing() -> bool:
        return False

    refresh = FeatureRefresh(database, book.catalogues, computer, online, clock, nothing)
    made = Backfills(cast("JobEngine", jobs), refresh, book)
    made.register()
    return made


async def apply(book: FeatureBook, text: str = BRAND, tenant: TenantId = A) -> tuple[Plan, bool]:
    return await book.apply(TenantScope(tenant), text, "brand_pulse.yaml", actor="user:ada")


async def plan(book: FeatureBook, text: str = BRAND, tenant: TenantId = A) -> Plan:
    return await book.plan(TenantScope(tenant), text, "brand_pulse.yaml")


async def trail(book: FeatureBook, tenant: TenantId = A) -> list[tuple[str, str, dict[str, Any]]]:
    async with book.database.session(tenant) as session:
        entries = await session.scalars(select(AuditEntry).order_by(AuditEntry.sequence))
        return [(one.action, one.object_id, one.details) for one in entries]


async def test_a_plan_of_the_first_version_writes_nothing(book: FeatureBook, known: Ledger) -> None:
    del known
    found = await plan(book)
    assert (found.earlier, found.is_known, found.changes, found.differences) == ("", False, [], [])
    assert (found.refusals, found.notices) == ([], [])
    assert [one.differences for one in found.tests] == [(), ()]
    assert found.cost.rows == 5
    assert found.cost.queries == 1
    # One client, two facts, and no query is billed less than 10 MB for a table.
    assert found.cost.usd == (Decimal("6.25") * 20_000_000 / 2**40).quantize(Decimal("0.000001"))
    assert found.cost.usd_a_month == 30 * found.cost.usd
    assert found.cost.online_bytes == 250 + 8 * 12
    assert await book.list_registered(A) == []
    assert await trail(book) == []


async def test_without_facts_a_plan_says_so(book: FeatureBook) -> None:
    found = await plan(book)
    assert found.refusals == []
    assert found.notices == [
        "nothing of the last 28 days feeds ads_daily: its features will be unknown",
        "nothing of the last 28 days feeds orders: its features will be unknown",
        "no entity has values yet: the as-of test ran on the rows of the unit tests only",
    ]


@pytest.mark.slow
async def test_a_leak_is_refused(
    book: FeatureBook, known: Ledger, database: Database, clock: MovableClock
) -> None:
    del known
    planner = Planner(database, book.planner.own, clock, LateComputer)
    leaky = FeatureBook(database, book.catalogues, planner, clock, uuid7)
    found = await plan(leaky)
    leaks = [one for one in found.refusals if " leaks: " in one]
    assert len(leaks) == 3
    with pytest.raises(ConflictError, match="pulse_spend_14d leaks: as of an instant it was"):
        await apply(leaky)
    assert await book.list_registered(A) == []


async def test_a_view_is_applied_once_and_audited(book: FeatureBook) -> None:
    _, is_new = await apply(book)
    assert is_new
    fingerprint = (await book.list_registered(A))[0].definition.fingerprint
    again, is_new = await apply(book)
    assert (again.is_known, again.changes, is_new) == (True, [], False)
    assert await trail(book) == [
        ("feature_view.applied", VIEW, {"version": 1, "fingerprint": fingerprint})
    ]
    assert list((await book.catalogues.of(A)).views) == [*PLATFORM.views, VIEW]


@pytest.mark.slow
async def test_words_may_be_written_anew(book: FeatureBook) -> None:
    await apply(book)
    text = BRAND.replace("team data science", "team insight")
    found, is_new = await apply(book, text)
    assert (found.changes, is_new) == ([], False)
    assert (await book.catalogues.of(A)).view(VIEW).owner == "team insight"
    assert [action for action, *_ in await trail(book)] == [
        "feature_view.applied",
        "feature_view.reworded",
    ]


async def test_a_change_of_meaning_needs_a_version(book: FeatureBook) -> None:
    await apply(book)
    changed = SECOND.replace("version: 2", "version: 1")
    with pytest.raises(ConflictError) as caught:
        await apply(book, changed)
    assert caught.value.message == (
        "brand_pulse_v1 is refused:\n"
        "pulse_revenue_14d changed, and version 1 is in use: make it version 2"
    )
    longer = BRAND.replace("ttl_hours: 72", "ttl_hours: 73")
    assert (await plan(book, longer)).refusals == [
        "the view changed, and version 1 is in use: make it version 2"
    ]
    assert (await plan(book, BRAND.replace("version: 1", "version: 3"))).refusals == [
        "the next version of brand_pulse is 2"
    ]


async def test_the_next_version_tells_what_differs_on_own_figures(
    book: FeatureBook, known: Ledger
) -> None:
    del known
    await apply(book)
    found = await plan(book, SECOND)
    window = "Total(fact='orders', column='revenue', window=Window(first=1, last={}))"
    assert (found.earlier, found.refusals) == (VIEW, [])
    assert found.changes == [
        FeatureChange(
            "pulse_revenue_14d",
            ChangeKind.CHANGED,
            f"money: {window.format(14)}",
            f"money: {window.format(13)}",
        )
    ]
    by_name = {one.feature: one for one in found.differences}
    client = str(ADS.client_id)
    # Of 30 yesterday and 20 fourteen days ago the latter falls out; spend is 60 + 40.
    assert by_name["pulse_revenue_14d"] == NumericDifference(
        "pulse_revenue_14d", 1, 1, (client, 50.0, 30.0)
    )
    assert by_name["pulse_return_14d"] == NumericDifference(
        "pulse_return_14d", 1, 1, (client, 0.5, 0.3)
    )
    assert by_name["pulse_spend_14d"] == NumericDifference("pulse_spend_14d", 1, 0, None)
    await apply(book, SECOND)
    assert list((await book.catalogues.of(A)).views) == [*PLATFORM.views, VIEW, "brand_pulse_v2"]


@pytest.mark.parametrize(
    ("before", "after", "refusal"),
    [
        (
            "view: brand_pulse",
            "view: client_performance",
            "the name client_performance is the platform's; give the view another one",
        ),
        (
            "view: brand_pulse",
            "view: client_sales",
            "the name client_sales is the platform's; give the view another one",
        ),
        (
            "pulse_orders_14d",
            "orders_28d",
            "the feature orders_28d is the platform's; give it another name",
        ),
        (
            "pulse_return_14d: 2.5",
            "pulse_return_14d: 3.5",
            f"test {FIRST_TEST!r}: pulse_return_14d is 2.5, and 3.5 was expected",
        ),
    ],
)
async def test_a_plan_says_why_it_refuses(
    book: FeatureBook, before: str, after: str, refusal: str
) -> None:
    assert (await plan(book, BRAND.replace(before, after))).refusals == [refusal]


@pytest.mark.slow
async def test_features_have_one_place_in_an_agency(book: FeatureBook) -> None:
    await apply(book)
    other = BRAND.replace("view: brand_pulse", "view: brand_health")
    assert (await plan(book, other)).refusals[0] == (
        "brand_pulse_v1 has a feature pulse_ads_currency already; give it another name"
    )
    assert (await plan(book, CAMPAIGN_FILE)).refusals == []


async def test_another_agency_has_no_such_view(book: FeatureBook) -> None:
    await apply(book)
    assert await book.list_registered(B) == []
    assert await book.catalogues.of(B) is PLATFORM
    with pytest.raises(NotFoundError, match="'brand_pulse_v1' is not a feature view of this"):
        await book.deprecate(B, VIEW, last_day=dt.date(2027, 1, 1), successor="", actor="user:eve")
    # The same name is free for them, and is another view.
    _, is_new = await apply(book, BRAND.replace("team data science", "team eve"), B)
    assert is_new
    assert (await book.catalogues.of(A)).view(VIEW).owner == "team data science"


async def test_a_backfill_computes_every_client_and_is_noted(
    book: FeatureBook,
    known: Ledger,
    backfills: Backfills,
    jobs: FakeJobs,
    online: OnlineFeatures,
) -> None:
    del known
    found, _ = await apply(book)
    reader, scope = FeatureReader(online, book.catalogues), TenantScope(A)
    client = str(ADS.client_id)
    assert await reader.read(scope, VIEW, [client]) == [None]
    await backfills.start(A, found.definition)
    await backfills.start(A, found.definition)
    assert await jobs.work() == 1
    assert {job.state for job in jobs.jobs.values()} == {JobStatus.SUCCEEDED}
    assert jobs.steps.names == ["clients", "begin", f"client {client}", f"after {client}"]
    (registered,) = await book.list_registered(A)
    assert (registered.clients, registered.clients_filled, registered.entities_filled) == (1, 1, 1)
    assert registered.filled_at == at(30)
    (row,) = await reader.read(scope, VIEW, [client])
    assert row is not None
    assert row.values["pulse_spend_14d"] == 100.0
    assert row.values["pulse_return_14d"] == 0.5
    with pytest.raises(NotFoundError):
        await reader.read(TenantScope(B), VIEW, [client])


async def test_a_backfill_that_failed_is_begun_anew(
    book: FeatureBook, backfills: Backfills, jobs: FakeJobs
) -> None:
    found, _ = await apply(book)
    first = await backfills.start(A, found.definition)
    jobs.jobs[first.job_id].state = JobStatus.FAILED
    again = await backfills.start(A, found.definition)
    assert [first.job_id, again.job_id] == [f"backfill-{A}-{VIEW}-{n}" for n in (1, 2)]
    assert (await backfills.start(A, found.definition)).job_id == again.job_id


async def test_a_backfill_of_a_view_that_is_gone_writes_nothing(
    book: FeatureBook, backfills: Backfills, jobs: FakeJobs
) -> None:
    found, _ = await apply(book)
    await backfills.start(B, found.definition)
    assert await jobs.work() == 1
    assert {job.state for job in jobs.jobs.values()} == {JobStatus.SUCCEEDED}
    (registered,) = await book.list_registered(A)
    assert (registered.clients, registered.filled_at) == (0, None)


async def test_a_deprecated_view_is_served_until_its_day_and_then_gone(
    book: FeatureBook, clock: MovableClock
) -> None:
    await apply(book)
    await apply(book, SECOND)
    last = dt.date(2026, 4, 30)
    told, again = [
        await book.deprecate(A, VIEW, last_day=last, successor="brand_pulse_v2", actor="user:ada")
        for _ in range(2)
    ]
    assert again == told
    end = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    assert told == Deprecation(end, "brand_pulse_v2")
    assert str(told) == "deprecated, served until 2026-04-30 UTC; use brand_pulse_v2"
    assert (await book.catalogues.of(A)).view(VIEW).deprecation == told
    assert [action for action, *_ in await trail(book)][2:] == ["feature_view.deprecated"]
    clock.now = end - dt.timedelta(seconds=6)
    assert VIEW in (await book.catalogues.fresh(A)).views
    clock.now = end
    assert list((await book.catalogues.of(A)).views) == [*PLATFORM.views, "brand_pulse_v2"]
    assert [one.definition.view.name for one in await book.list_registered(A)] == ["brand_pulse_v2"]
    assert (await plan(book)).refusals == ["brand_pulse_v1 is retired; the next version is 3"]


_UNFIT = (
    (VIEW, "2026-03-29", "", InvalidInputError, "2026-03-29 is too near"),
    (VIEW, "2026-05-01", VIEW, InvalidInputError, "brand_pulse_v1 cannot follow itself"),
    (VIEW, "2026-05-01", "brand_v9", NotFoundError, "there is no feature view 'brand_v9'"),
    ("brand_puls_v1", "2026-05-01", "", NotFoundError, "did you mean 'brand_pulse_v1'"),
    ("client_performance", "2026-05-01", "", NotFoundError, "is not a feature view of this"),
)


async def test_what_cannot_be_deprecated_is_told(book: FeatureBook) -> None:
    await apply(book)
    for view, last_day, successor, error, message in _UNFIT:
        day = dt.date.fromisoformat(last_day)
        with pytest.raises(error, match=message):
            await book.deprecate(A, view, last_day=day, successor=successor, actor="user:ada")
    assert (await book.catalogues.fresh(A)).view(VIEW).deprecation is None


async def test_a_stored_view_that_fits_no_more_does_not_take_the_others_away(
    book: FeatureBook,
) -> None:
    await apply(book)
    async with book.database.session(A) as session:
        row = (await session.scalars(select(FeatureDefinition))).one()
        row.definition = row.definition.replace("ads_daily", "ads_weekly")
    assert await book.catalogues.fresh(A) is PLATFORM
    await apply(book, CAMPAIGN_FILE)
    assert list((await book.catalogues.of(A)).views) == [*PLATFORM.views, "campaign_clicks_v1"]
