"""Features through the real platform: published files in; Redis, GraphQL, Feast, commands out.

    three files, each known later than the one before -> import -> follow job -> online features
    the same files, by plain loops -> what must be served, and what must be found again as of then

A thousand campaigns: some days are restated, some come late, some campaigns vanish from restated
days. Another agency, whose short name ends like the first one's, has the same campaigns with other
numbers.
"""

import ast
import asyncio
import datetime as dt
import math
import random
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from sqlalchemy import text

from api.commands.apps import apps_of
from api.commands.demo_features import FeatureMismatchError, show_demo_features
from api.control.protocol import JsonEvent, LineEvent, TableEvent
from api.http import serve_http
from api.oauth.app_registry import Registration
from feature_repo.catalogue import PLATFORM
from feature_repo.compute import FeatureComputer
from feature_repo.consistency import ConsistencyReport
from feature_repo.feature_services import SERVICES
from feature_repo.feature_views import (
    CAMPAIGN_PERFORMANCE,
    CHANNEL_PERFORMANCE,
    CLIENT_PERFORMANCE,
    VIEWS,
)
from feature_repo.stores.acting import ForeignEntityError, acting
from tenancy.jobs import JobQueue
from tests.e2e.feature_world import (
    CAMPAIGNS,
    ENTITIES,
    NASTY,
    VIEW,
    File,
    World,
    days_between,
    known,
    make_rows,
    make_world,
    reference,
)
from tests.e2e.platform import Platform, Told
from tests.e2e.world import NOW

pytestmark = pytest.mark.anyio

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
async def worlds(platform: Platform, open_folder: Path) -> tuple[World, World]:
    """acme with three files, notacme with one."""
    chance = random.Random(7)  # noqa: S311  # the same numbers in each run
    acme, other = await make_world(platform, "acme"), await make_world(platform, "notacme")
    month = make_rows(chance, days_between("2026-10-05", "2026-11-01"), 0.2)
    await acme.publish(open_folder, File(NOW, month))
    restated = make_rows(chance, days_between("2026-10-28", "2026-11-01"), 0.3)
    await acme.publish(open_folder, File(NOW + dt.timedelta(hours=5), restated))
    late = make_rows(chance, days_between("2026-10-10", "2026-10-12"), 0.5)
    await acme.publish(open_folder, File(NOW + dt.timedelta(days=1, hours=2), late))
    same = make_rows(random.Random(8), days_between("2026-10-20", "2026-11-02"), 0.5)  # noqa: S311
    await other.publish(open_folder, File(NOW + dt.timedelta(days=1, hours=3), same))
    platform.clock.now = NOW + dt.timedelta(days=1, hours=4)
    return acme, other


@pytest.fixture(scope="module")
def acme(worlds: tuple[World, World]) -> World:
    return worlds[0]


@pytest.fixture(scope="module")
def notacme(worlds: tuple[World, World]) -> World:
    return worlds[1]


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in CAMPAIGN_PERFORMANCE.feature_names}


async def test_what_is_served_after_each_publication_is_what_was_known(acme: World) -> None:
    for instant, rows in acme.served.items():
        expected = reference(acme.files, instant)
        assert len(rows) == ENTITIES
        for campaign, row in zip(CAMPAIGNS, rows, strict=True):
            values = expected[campaign]
            assert row["as_of"] == (None if values is None else instant), campaign
            assert _values(row) == (values or dict.fromkeys(_values(row))), campaign
    present = [sum(row["as_of"] is not None for row in rows) for rows in acme.served.values()]
    assert len(present) == 3
    assert min(present) > ENTITIES * 0.99


async def test_the_facts_give_the_same_as_of_each_instant_later(
    platform: Platform, acme: World
) -> None:
    computer = FeatureComputer(platform.runtime.warehouse)
    pairs = [
        (row["entity"], row["as_of"])
        for rows in acme.served.values()
        for row in rows
        if row["as_of"] is not None
    ]
    table = await computer.asked(acme.scope, CAMPAIGN_PERFORMANCE, pairs)
    found = {(row["entity"], row["moment"]): _values(row) for row in table.to_pylist()}
    assert len(found) == len(pairs)
    for instant, rows in acme.served.items():
        moment = round(instant.timestamp() * 10**6)
        for row in rows:
            if row["as_of"] is not None:
                assert found[row["entity"], moment] == _values(row)


async def test_the_products_own_check_agrees(platform: Platform, acme: World) -> None:
    report = await platform.runtime.features.check.run(acme.scope, CAMPAIGN_PERFORMANCE, acme.ids)
    last = list(acme.served.values())[-1]
    missing = sum(row["as_of"] is None for row in last)
    values = (ENTITIES - missing) * len(CAMPAIGN_PERFORMANCE.features)
    assert report == ConsistencyReport(VIEW, ENTITIES, missing, values, ())


async def test_feast_reads_the_same_online_and_as_of_any_instant(
    platform: Platform, acme: World
) -> None:
    store = await platform.runtime.features.registry.open_store()
    refs = [f"{VIEW}:{name}" for name in CAMPAIGN_PERFORMANCE.feature_names]
    keys = [{"a_tenant_id": str(acme.tenant.tenant_id), "campaign_key": one} for one in acme.ids]
    *_, last = acme.served.values()
    with acting(acme.scope):
        online = await asyncio.to_thread(lambda: store.get_online_features(refs, keys).to_dict())
    for name in CAMPAIGN_PERFORMANCE.feature_names:
        assert online[name] == [row[name] for row in last]
    for instant, rows in acme.served.items():
        frame = pd.DataFrame(keys).assign(event_timestamp=pd.Timestamp(instant))
        with acting(acme.scope):
            job = await asyncio.to_thread(store.get_historical_features, frame, refs)
        found = (await asyncio.to_thread(job.to_arrow)).to_pylist()
        for row, past in zip(rows, found, strict=True):
            if row["as_of"] is not None:
                assert _values(past) == _values(row)


GRAPHQL = """{ features(service: "campaign_pacing_v1", entities: %s) { nodes {
  entity { id } status values { ... on CampaignPacingV1 { spend28d { amount currency } } } } } }"""


async def _ask(platform: Platform, slug: str, ids: Sequence[str]) -> list[Any]:
    quoted = ", ".join('"' + one.replace("\\", "\\\\") + '"' for one in ids)
    told = await platform.command("query", tenant=slug, document=GRAPHQL % f"[{quoted}]")
    [answer] = [event.value for event in told.events if isinstance(event, JsonEvent)]
    nodes: list[Any] = answer["data"]["features"]["nodes"]
    return nodes


async def test_graphql_shows_them(platform: Platform, acme: World) -> None:
    nodes = await _ask(platform, "acme", [acme.public(campaign) for campaign in CAMPAIGNS[:50]])
    *_, last = acme.served.values()
    for node, row in zip(nodes, last[:50], strict=True):
        amount = node["values"] and node["values"]["spend28d"]["amount"]
        assert (amount and Decimal(amount)) == (
            row["spend_28d"] and Decimal(repr(row["spend_28d"]))
        )


async def test_another_agency_finds_nothing_by_any_path(
    platform: Platform, acme: World, notacme: World
) -> None:
    features, runtime = platform.runtime.features, platform.runtime
    foreign = acme.ids
    assert await features.reader.read(notacme.scope, VIEW, foreign) == [None] * ENTITIES
    listed = await features.reader.list_entities(
        notacme.scope, CAMPAIGN_PERFORMANCE, [acme.account]
    )
    assert listed == []
    computer = FeatureComputer(runtime.warehouse)
    instant = runtime.clock()
    pairs = [(one, instant) for one in foreign]
    assert (await computer.asked(notacme.scope, CAMPAIGN_PERFORMANCE, pairs)).num_rows == 0
    current = await computer.current(notacme.scope, CAMPAIGN_PERFORMANCE, [acme.account], instant)
    assert current.num_rows == 0
    nodes = await _ask(platform, "notacme", [acme.public(campaign) for campaign in NASTY])
    assert {node["status"] for node in nodes} == {"NOT_FOUND"}
    assert {node["values"] is None for node in nodes} == {True}
    for campaign in NASTY[:3]:
        told = await _show(platform, "notacme", acme.public(campaign))
        assert [error.code for error in told.errors] == ["NOT_FOUND"]


async def test_another_agency_finds_nothing_through_feast(
    platform: Platform, acme: World, notacme: World
) -> None:
    store = await platform.runtime.features.registry.open_store()
    refs = [f"{VIEW}:spend_28d"]
    for tenant, is_refused in ((acme.tenant, True), (notacme.tenant, False)):
        keys = [{"a_tenant_id": str(tenant.tenant_id), "campaign_key": one} for one in acme.ids]
        frame = pd.DataFrame(keys).assign(event_timestamp=pd.Timestamp(platform.runtime.clock()))
        with acting(notacme.scope):
            if is_refused:
                with pytest.raises(ForeignEntityError):
                    await asyncio.to_thread(store.get_online_features, refs, keys)
                with pytest.raises(ForeignEntityError):
                    await asyncio.to_thread(store.get_historical_features, frame, refs)
                continue
            online = await asyncio.to_thread(store.get_online_features, refs, keys)
            job = await asyncio.to_thread(store.get_historical_features, frame, refs)
        assert online.to_dict()["spend_28d"] == [None] * ENTITIES
        past = await asyncio.to_thread(job.to_arrow)
        assert past.column("spend_28d").null_count == ENTITIES


async def test_the_registry_and_redis_keep_agencies_apart(
    platform: Platform, acme: World, notacme: World
) -> None:
    keys = [key.decode() async for key in platform.runtime.redis.commands.scan_iter("*")]
    features = [key for key in keys if ":feature" in key]
    owners = {key.split(":")[1] for key in features}
    assert owners == {str(acme.tenant.tenant_id), str(notacme.tenant.tenant_id)}
    assert all(key.startswith("t:") and len(key.split(":")) <= 5 for key in features)
    async with platform.runtime.database.unscoped_session() as session:
        readable = await session.scalar(text("SELECT has_schema_privilege('feast', 'USAGE')"))
    assert readable is False


async def _show(platform: Platform, slug: str, entity: str, service: str | None = None) -> Told:
    return await platform.command(
        "features.show", tenant=slug, entity=entity, service=service, limit=50
    )


def _examples(*, notebook: bool) -> list[str]:
    guide = (CHECKOUT / "docs" / "features.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    return [one for one in examples if ("feature_repo.client" in one) is notebook]


async def test_the_guides_notebook_works(platform: Platform, acme: World) -> None:
    """In a thread: the client waits for the server, which runs on this loop."""
    runtime = platform.runtime
    app = await apps_of(runtime).register(
        acme.tenant.tenant_id, Registration("Notebook", ["metrics:read"]), actor="test"
    )
    form = {"grant_type": "client_credentials"}
    [example] = _examples(notebook=True)
    async with serve_http(runtime, port=0) as url, httpx.AsyncClient(base_url=url) as http:
        reply = await http.post(
            "/oauth/token", data=form, auth=(app.client_id, app.client_secret or "")
        )
        names: dict[str, Any] = {
            "url": url,
            "token": reply.json()["access_token"],
            "campaigns": [acme.public(one) for one in CAMPAIGNS],
        }
        code = compile(example, "docs/features.md", "exec")
        await asyncio.to_thread(exec, code, names)
    *_, last = acme.served.values()
    served = [row["spend_7d"] for row in last]
    assert [None if math.isnan(one) else one for one in names["training_set"]["spend_7d"]] == served
    assert set(names["training_set"]["label"]) == {1}
    assert [None if math.isnan(one) else one for one in names["now"]["spend_7d"]] == served


async def test_the_guides_python_works(platform: Platform, acme: World) -> None:
    names: dict[str, Any] = {"runtime": platform.runtime, "scope": acme.scope}
    for example in _examples(notebook=False):
        code = compile(example, "docs/features.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await eval(code, names)  # noqa: S307  # our own guide
    *_, last = acme.served.values()
    served = {row["entity"]: row["spend_7d"] for row in last}
    table = names["table"].to_pylist()
    assert {row["entity"]: row["spend_7d"] for row in table} == {
        one: served[one] for one in names["ids"]
    }
    past = reference(acme.files, dt.datetime(2026, 10, 20, 6, tzinfo=dt.UTC))
    assert set(past.values()) == {None}  # nothing had landed yet
    assert names["training_set"]["spend_7d"].isna().all()
    assert len(names["training_set"]) == len(table)


async def test_the_definitions_are_listed(platform: Platform) -> None:
    told = await platform.command("features.list")
    services, features, on_demand = (
        event for event in told.events if isinstance(event, TableEvent)
    )
    assert tuple(services.rows[0]) == (
        "campaign_pacing_v1",
        "campaign",
        6,
        "How fast a campaign spends, and whether that changes.",
    )
    assert len(features.rows) == sum(len(view.features) for view in VIEWS.values())
    assert tuple(features.rows[1]) == (VIEW, "spend_7d", "money", "Media cost, last 7 days.")
    assert tuple(on_demand.rows[0]) == (
        "campaign_plan",
        "planned_spend_7d",
        "planned_spend_ratio",
        "Planned media cost by that of the last 7 days (1.1: a tenth more).",
    )


async def test_a_client_is_shown(platform: Platform, acme: World) -> None:
    told = await _show(platform, "acme", "shop")
    values = {row[0]: row[1] for row in told.table}
    instant = max(acme.served)
    rows = [row for row in known(acme.files, instant) if row.day >= dt.date(2026, 10, 6)]
    assert values["client_spend_28d"] == f"{sum(row.cost for row in rows):,.2f}"
    assert values["client_days_reported_28d"] == len({row.day for row in rows})
    assert (values["ads_currency"], values["shop_currency"], values["sessions_28d"]) == (
        "EUR",
        "-",
        "-",
    )
    [table] = [event for event in told.events if isinstance(event, TableEvent)]
    assert table.title == "shop, as of 2026-11-03 11:30:00 UTC"


async def test_a_campaign_and_all_of_a_client_are_shown(platform: Platform, acme: World) -> None:
    told = await _show(platform, "acme", acme.public("c*"), "campaign_pacing_v1")
    *_, last = acme.served.values()
    assert told.table[1][:3] == ("spend_7d", f"{last[0]['spend_7d']:,.2f}", "money")
    told = await _show(platform, "acme", "shop", "campaign_pacing_v1")
    assert len(told.table) == 50
    assert told.lines == ["there are more than 50: --limit, or GraphQL page by page"]
    shown = {row[0]: row[2:] for row in told.table}
    by_campaign = dict(zip(CAMPAIGNS, last, strict=True))
    for public, cells in shown.items():
        values = by_campaign[public.partition(":")[2]]
        assert cells[0] == "EUR"
        assert cells[1] == f"{values['spend_7d']:,.2f}"


@pytest.mark.parametrize(
    ("entity", "service", "code", "message", "hint"),
    [
        (
            "shoop",
            None,
            "NOT_FOUND",
            "the agency has no client 'shoop'",
            "did you mean shop?",
        ),
        (
            "shop",
            "weather",
            "NOT_FOUND",
            "there is no feature view or service 'weather'",
            f"there are {', '.join((*VIEWS, *SERVICES))}",
        ),
        (
            "con_x:c1",
            "client_sales_v1",
            "INVALID_INPUT",
            "client_sales_v1 is about clients, and 'con_x:c1' is none",
            "give the short name of a client",
        ),
        (
            "con_x:c1",
            None,
            "INVALID_INPUT",
            "'con_x' is not an id of this kind",
            "ids of this kind look like con_ and 26 letters or digits",
        ),
        (
            "con_00000000000000000000000000:c1",
            None,
            "NOT_FOUND",
            "campaign_performance has nothing of 'con_00000000000000000000000000:c1'",
            "bosco features refresh acme computes what there is",
        ),
    ],
)
async def test_what_cannot_be_shown_is_explained(
    platform: Platform,
    acme: World,
    entity: str,
    service: str | None,
    code: str,
    message: str,
    hint: str,
) -> None:
    told = await _show(platform, acme.tenant.slug, entity, service)
    [error] = told.errors
    assert (error.code, error.message, error.hint) == (code, message, hint)


async def test_the_demo_proves_them(platform: Platform, acme: World) -> None:
    events = [event async for event in show_demo_features(platform.runtime, acme.tenant)]
    table, line = events
    assert isinstance(table, TableEvent)
    assert isinstance(line, LineEvent)
    instant = max(acme.served)
    rows = [row for row in known(acme.files, instant) if row.day >= dt.date(2026, 10, 6)]
    assert table.rows == (("shop", f"{sum(row.cost for row in rows):,.2f}", "-", "-", "-"),)
    campaigns = sum(row["as_of"] is not None for row in acme.served[instant])
    values = campaigns * len(CAMPAIGN_PERFORMANCE.features)
    values += len(CLIENT_PERFORMANCE.features) + len(CHANNEL_PERFORMANCE.features)
    assert line.text == (
        f"equal to the facts as of the same instants: {values:,} values of {campaigns + 2:,} "
        "campaigns, clients and channels"
    )


async def test_the_daily_check_tells_whether_they_are_still_right(
    platform: Platform, acme: World
) -> None:
    told = await platform.command("features.health", tenant="acme", view=VIEW, now=False)
    [error] = told.errors
    assert (error.code, error.message) == (
        "NOT_FOUND",
        "the features of acme have not been checked yet",
    )
    runtime = platform.runtime
    await runtime.features.reader.read(acme.scope, "campaign_pacing_v1", acme.ids[:1])
    assert await runtime.features.reads.flush() >= 1
    assert await runtime.monitoring.go_round() >= 1
    [job_id] = [
        one
        for one in await runtime.jobs.list_unfinished(JobQueue.FOLLOW)
        if str(acme.tenant.tenant_id) in one
    ]
    job = await runtime.jobs.find(job_id)
    assert job is not None
    assert await job.result() == 0  # things that are wrong
    told = await platform.command("features.health", tenant="acme", view=VIEW, now=False)
    assert [row[0] for row in told.table] == list(CAMPAIGN_PERFORMANCE.feature_names)
    currency, spend = told.table[0], told.table[1]
    assert currency[1:] == ("0.0%", "-", "EUR", "too few values to say", "no usual days yet")
    assert (spend[0], spend[1]) == ("spend_7d", "0.0%")
    assert re.fullmatch(r"entities   1,\d\d\d", told.lines[0])
    assert told.lines[1] == "freshness  fresh: at most 2 h old (26 h promised)"
    assert re.fullmatch(r"served     equal: 0 of \d+ values of \d+ reads differ .*", told.lines[2])
    assert told.exit_code == 0
    again = await platform.command("features.health", tenant="acme", view=VIEW, now=True)
    assert again.table == told.table


async def test_what_differs_is_found_and_mended(platform: Platform, notacme: World) -> None:
    """One value is changed, one entity erased; later all of it is too old to be served."""
    clock, now = platform.clock, platform.clock.now
    told = await platform.command("features.check", tenant="notacme")
    assert [row[0:2] + row[-1:] for row in told.table] == [
        (VIEW, "shop", "equal"),
        ("channel_performance", "shop", "equal"),
        ("client_performance", "shop", "equal"),
    ]
    assert (told.exit_code, told.lines) == (0, [])
    computer = FeatureComputer(platform.runtime.warehouse)
    online = platform.runtime.features.refresh.online
    tenant_id = notacme.tenant.tenant_id
    as_of = max(notacme.served)
    table = await computer.asked(notacme.scope, CAMPAIGN_PERFORMANCE, [(notacme.ids[0], as_of)])
    truth = table.column("spend_28d")[0].as_py()
    place = table.column_names.index("spend_28d")
    await online.write(
        tenant_id, CAMPAIGN_PERFORMANCE, table.set_column(place, "spend_28d", [[0.5]])
    )
    told = await platform.command("features.check", tenant="notacme")
    assert told.table[0][-1] == "1 differing"
    assert told.lines == [
        f"{notacme.public('c*')}  spend_28d: served 0.5, the facts say {truth}",
        "compute them anew: bosco features refresh notacme",
    ]
    assert told.exit_code == 1
    await online.erase_entities(tenant_id, PLATFORM, CAMPAIGN_PERFORMANCE.entity, notacme.ids[:1])
    with pytest.raises(FeatureMismatchError, match=f"{VIEW} of .*: 1 missing"):
        _ = [one async for one in show_demo_features(platform.runtime, notacme.tenant)]
    told = await platform.command("features.check", tenant="notacme", client="shop")
    assert (told.table[0][-1], told.exit_code) == ("1 missing", 1)
    told = await platform.command("features.refresh", tenant="notacme")
    assert [row[0:4] for row in told.table] == [
        (VIEW, "shop", "file ads", sum(row["as_of"] is not None for row in notacme.served[as_of])),
        ("client_performance", "shop", "", 1),
        ("channel_performance", "shop", "", 1),
    ]
    told = await platform.command("features.check", tenant="notacme")
    assert told.exit_code == 0
    clock.advance(days=4)
    told = await platform.command("features.check", tenant="notacme")
    assert {row[-1] for row in told.table} == {"too old to be served"}
    assert told.exit_code == 0
    clock.now = now


async def test_an_agency_without_features_is_told(platform: Platform) -> None:
    await make_world(platform, "newcomer")
    told = await platform.command("features.refresh", tenant="newcomer")
    assert told.table == []
    assert told.lines == ["no facts of the last 28 days: bosco sync brings them"]
    told = await platform.command("features.check", tenant="newcomer")
    [error] = told.errors
    assert error.message == "no features of newcomer have been computed yet"
    assert error.hint == "bosco features refresh newcomer"
