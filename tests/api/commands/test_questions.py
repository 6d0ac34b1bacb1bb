"""Syncing, asking, metrics and quarantine by command, for one agency beside another."""

import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import typer
from sqlalchemy import select, update

from api.cli.main import app
from api.commands.registry import COMMANDS
from api.commands.sync import follow_run
from api.control.protocol import JsonEvent, LineEvent, ProgressEvent, TableEvent
from domain.ids import parse_id, public_id
from ingestion.simulator.server import SimulatorServer, create_simulator
from tenancy.tables import (
    AuditEntry,
    ModelEvent,
    ModelState,
    ModelVersion,
    QuarantinedRow,
    Sync,
)
from tenancy.unscoped import TenantProfile
from tests.api.commands.conftest import make_agency
from tests.e2e.conftest import Trouble
from tests.e2e.platform import Platform, Told
from tests.e2e.world import CLIENT, NOW, connect_google_ads, small_world

pytestmark = pytest.mark.anyio

DAYS = {"from": "2026-10-03", "to": "2026-11-01"}  # the 30 days before the simulated today
GUIDE = Path(__file__).resolve().parents[3] / "docs/plans.md"
LIFT = GUIDE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]


@pytest.fixture(scope="module")
async def synced(platform: Platform, northwind: TenantProfile) -> AsyncIterator[Told]:
    """Northwind's only sync; southwind has no data."""
    with SimulatorServer(create_simulator(small_world(), wall=lambda: NOW)) as server:
        await connect_google_ads(platform.runtime, northwind, server.url)
        yield await platform.command("sync", tenant="northwind", client=CLIENT.shop)


def _error(told: Told) -> tuple[str, str, str]:
    (error,) = told.errors
    assert told.exit_code == 1
    return error.code, error.message, error.hint


async def test_a_sync_shows_progress_and_ends_in_a_table(synced: Told) -> None:
    progress = [event for event in synced.events if isinstance(event, ProgressEvent)]
    last = [event for event in progress if event.task == "acme-shoes  google_ads  campaign_day"][-1]
    assert (last.completed, last.total) == (3, 3)
    client, source, _, syncs, rows, quarantined, state = synced.synced("campaign_day")
    assert (client, source) == ("acme-shoes", "google_ads")
    assert (syncs, quarantined, state) == (3, 0, "published")
    assert last.text == f"{rows:,} rows"
    assert synced.exit_code == 0


@pytest.mark.usefixtures("synced")
async def test_a_sync_says_how_many_rows_were_about_people_who_are_erased(
    platform: Platform, northwind: TenantProfile
) -> None:
    runtime = platform.runtime
    async with runtime.database.session(northwind.tenant_id) as session:
        syncs = (await session.scalars(select(Sync).order_by(Sync.id))).all()
        for sync in syncs[:2]:
            sync.screened = 1_000
    told = [event async for event in follow_run(runtime, northwind, syncs[0].run_id, [])]
    lines = [event.text for event in told if isinstance(event, LineEvent)]
    line = (
        "2,000 rows were about people who are erased, or whose data is past its time:"
        " left out, or kept without the person"
    )
    assert lines == [line]
    async with runtime.database.session(northwind.tenant_id) as session:
        await session.execute(update(Sync).values(screened=0))
    told = [event async for event in follow_run(runtime, northwind, syncs[0].run_id, [])]
    assert not [event for event in told if isinstance(event, LineEvent)]


@pytest.mark.usefixtures("synced")
async def test_asks_in_a_few_words(platform: Platform, trouble: Trouble) -> None:
    told = await platform.command(
        "query", tenant="northwind", metrics="spend, clicks", by="client", last=30
    )
    truth = trouble.simulator.truth("google_ads", CLIENT.google_customer_id, **DAYS, by="")
    spend = f"{int(truth['totals']['costMicros']) / 1e6:,.2f}"
    ((client, found, clicks), total) = told.table
    assert client == "acme-shoes"
    assert found == spend
    assert "," in found
    assert clicks == truth["totals"]["clicks"]
    assert total == ("total", found, clicks)


@pytest.mark.usefixtures("synced")
async def test_ratios_have_four_decimals(platform: Platform, trouble: Trouble) -> None:
    told = await platform.command("query", tenant="northwind", metrics="cpm, ctr", by="", last=30)
    totals = trouble.simulator.truth("google_ads", CLIENT.google_customer_id, **DAYS, by="")[
        "totals"
    ]
    ((cpm, ctr),) = told.table
    assert ctr == f"{totals['clicks'] / totals['impressions']:.4f}"
    assert cpm == f"{int(totals['costMicros']) / 1000 / totals['impressions']:,.2f}"


@pytest.mark.usefixtures("synced")
async def test_the_next_weeks_are_told_from_what_is_there(
    platform: Platform, trouble: Trouble
) -> None:
    asked = {"tenant": "northwind", "client": CLIENT.shop, "measure": "spend", "level": "client"}
    told = await platform.command("forecast", **asked)
    last_week = DAYS | {"from": "2026-10-26"}
    truth = trouble.simulator.truth("google_ads", CLIENT.google_customer_id, **last_week, by="")
    week = int(truth["totals"]["costMicros"]) / 1e6
    assert [row[2] for row in told.table] == ["7", "14", "28", "90"]
    expected = [float(row[4].replace(",", "")) for row in told.table]
    assert expected == pytest.approx([week, 2 * week, 4 * week, 90 / 7 * week], abs=0.01)
    assert {row[6] for row in told.table} == {"mean of 7"}
    assert told.lines[-2].startswith("next 28 days: ")
    assert told.lines[-1] == (
        "a baseline serves, mean of 7: it carries the past on, and nothing moves it"
    )
    # Thirty days are enough for a band of a week, and the rest says how long it takes.
    assert [row[3].startswith("in ") for row in told.table] == [False, True, True, True]
    again = await platform.command("forecast", **asked)
    assert again.table == told.table
    assert "made today already" in again.lines[1]
    told = await platform.command("forecast", **asked | {"level": "campaign"})
    campaigns = {row[0].partition(":")[0] for row in told.table}
    assert len(campaigns) == 1
    assert campaigns.pop().startswith("con_")


@pytest.mark.usefixtures("synced")
@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"measure": "profit"}, ("INVALID_INPUT", "nothing is called 'profit' here")),
        ({"level": "ad"}, ("INVALID_INPUT", "there is no level 'ad'")),
        ({"measure": "sales"}, ("NOT_FOUND", "nothing is known of sales of acme-shoes by client")),
    ],
)
async def test_what_cannot_be_forecast_is_said(
    platform: Platform, more: dict[str, str], error: tuple[str, str]
) -> None:
    asked = {"tenant": "northwind", "client": CLIENT.shop, "measure": "spend", "level": "client"}
    told = await platform.command("forecast", **asked | more)
    assert _error(told)[:2] == error


@pytest.mark.usefixtures("synced")
async def test_a_month_is_too_little_to_train_on(platform: Platform) -> None:
    told = await platform.command("models.list")
    assert told.table == []
    assert told.lines == ["baselines serve until there is one: bosco models train"]
    for name, arguments in (("models.show", {}), ("models.rollback", {"reason": "worse"})):
        told = await platform.command(name, model=7, **arguments)
        assert _error(told)[:2] == ("NOT_FOUND", "there is no model 7")
    told = await platform.command("models.train")
    assert _error(told)[:2] == ("INVALID_INPUT", "no agency has enough past to learn from")


async def test_a_model_is_shown_with_what_it_was_made_of(platform: Platform) -> None:
    now = dt.datetime(2026, 11, 1, 4, tzinfo=dt.UTC)
    version_id = uuid.UUID(int=41)
    async with platform.runtime.database.platform_session() as session:
        session.add(
            ModelVersion(
                id=version_id,
                kind="forecast",
                number=41,
                state=ModelState.REJECTED,
                state_since=now,
                created_at=now,
                code="c0de",
                features="fea7",
                as_of=now,
                data_hash="da7a",
                agencies=3,
                figures=12_345,
                parameters={"days": 400},
                metrics={"all": {"agencies": 3, "change": 0.05, "coverage_80": 0.7}},
                inputs={"noise": {}},
                artefact_hash="a4",
                artefact_bytes=2_048,
                retrain_by=now,
            )
        )
        await session.flush()
        session.add(
            ModelEvent(
                version_id=version_id,
                number=1,
                at=now,
                process="job:train_forecaster",
                state=ModelState.REJECTED,
                reason="its error is 5.0% larger",
            )
        )
    told = await platform.command("models.show", model=41)
    lines = dict(line.split(maxsplit=1) for line in told.lines)
    assert lines["model"] == "forecast 41, rejected"
    assert lines["knew"] == "what was known on 2026-11-01 04:00 UTC, 400 days back"
    assert lines["data"] == "3 agencies, 12,345 figures, da7a"
    assert lines["gate"] == "did not pass"
    assert lines["inputs"] == "noise"
    assert lines["erasure"] == "saw people who were erased: to be gone by 2026-11-01"
    tables = [event.rows for event in told.events if isinstance(event, TableEvent)]
    assert tables == [
        (("all", "3", "+5.0%", "70.0%"),),
        (
            (
                "2026-11-01 04:00 UTC",
                "rejected",
                "job:train_forecaster",
                "its error is 5.0% larger",
            ),
        ),
    ]


async def test_what_is_planned_is_listed_and_taken_back(
    platform: Platform, northwind: TenantProfile, tmp_path: Path
) -> None:
    of = {"tenant": northwind.slug, "client": "acme-shoes"}
    days = {"first": "2026-12-01", "last": "2026-12-31"}
    (tmp_path / "lift.yaml").write_text(LIFT, encoding="utf-8")
    await platform.command("plans.spend", amount="12000.50", currency="EUR", **of, **days)
    await platform.command("plans.event", name="winter sale", **of, **days)
    await platform.command("plans.lift-test", file=str(tmp_path / "lift.yaml"), **of)
    told = await platform.command("plans.list", **of)
    tables = [event.rows for event in told.events if isinstance(event, TableEvent)]
    assert [row[1:] for rows in tables for row in rows] == [
        ("2026-12-01 to 2026-12-31", "all channels", "12000.50 EUR"),
        ("2026-12-01 to 2026-12-31", "winter sale"),
        (
            *("2026-05-01 to 2026-05-28", "paid_social", "5000.00 EUR"),
            *("11000.00 ± 2500.00 revenue", "geo holdout, six regions"),
        ),
    ]
    for rows in tables:
        await platform.command("plans.remove", tenant=northwind.slug, plan=rows[0][0])
    told = await platform.command("plans.list", **of)
    assert [event.rows for event in told.events if isinstance(event, TableEvent)] == [(), (), ()]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{}", "lacks channel, currency, effect, from, measure"),
        ("- 1", "has no fields"),
        ("a: [", "is no YAML"),
    ],
)
async def test_a_result_that_is_none_is_refused(
    platform: Platform, northwind: TenantProfile, tmp_path: Path, text: str, error: str
) -> None:
    (tmp_path / "lift.yaml").write_text(text, encoding="utf-8")
    told = await platform.command(
        "plans.lift-test",
        tenant=northwind.slug,
        client="acme-shoes",
        file=str(tmp_path / "lift.yaml"),
    )
    code, message, hint = _error(told)
    assert code == "INVALID_INPUT"
    assert error in message
    assert hint == "docs/plans.md has an example"


CLAIMS_MAP = """\
map: claims
label: Claims of two platforms
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day, channel]
    columns: {reporting_date: day, channel: channel, attribution: rules, conversions: claimed}
"""
CLAIMS = """\
day,channel,rules,claimed
2026-10-30,paid_search,google_ads:30d:,2
2026-10-31,paid_search,google_ads:30d:,3
2026-10-31,paid_social,meta_ads:7d:,4
"""


async def test_claims_stand_side_by_side_and_a_line_says_why(
    platform: Platform, tmp_path: Path
) -> None:
    agency = await make_agency(platform, "eastwind")
    (tmp_path / "map.yaml").write_text(CLAIMS_MAP, encoding="utf-8")
    (tmp_path / "ads.csv").write_text(CLAIMS, encoding="utf-8")
    paths = {"map": str(tmp_path / "map.yaml"), "file": str(tmp_path / "ads.csv")}
    done = await platform.command("import", tenant=agency.slug, client="acme-shoes", **paths)
    assert done.exit_code == 0
    told = await platform.command(
        "query", tenant=agency.slug, metrics="conversions", by="channel,attribution", last=30
    )
    assert told.table == [
        ("paid_search", "google_ads:30d:", "5"),
        ("paid_social", "meta_ads:7d:", "4"),
        ("total", "", "-"),
    ]
    assert told.lines == [
        (
            "conversions is empty where claims of different attribution meet, google_ads:30d: and "
            "meta_ads:7d: among them: they may tell of the same sale (split or filter by "
            "attribution, source or connection)"
        )
    ]


@pytest.mark.usefixtures("synced", "southwind")
async def test_another_agency_sees_none_of_it(platform: Platform) -> None:
    told = await platform.command("query", tenant="southwind", metrics="clicks", by="", last=30)
    assert told.table in ([(None,)], [("-",)], [(0,)])
    told = await platform.command("query", tenant="southwind", metrics="clicks", by="day", last=30)
    assert all(cell in {"-", "", "total", 0} for row in told.table for cell in row)


@pytest.mark.usefixtures("synced")
async def test_graphql_answers_as_json(platform: Platform) -> None:
    document = "{ metrics(period: {last: 30, unit: DAY}) { totals { clicks } } }"
    told = await platform.command("query", tenant="northwind", document=document)
    (answer,) = [event.value for event in told.events if isinstance(event, JsonEvent)]
    assert answer["data"]["metrics"]["totals"]["clicks"] > 0
    assert json.loads(json.dumps(answer)) == answer
    wrong = await platform.command("query", tenant="northwind", document="{ metric }")
    (answer,) = [event.value for event in wrong.events if isinstance(event, JsonEvent)]
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert wrong.exit_code == 1


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            {"by": "day,week"},
            "--by 'day,week' names more than one length of time",
            "choose one of day, week, month, quarter, year",
        ),
        ({"last": 0}, "--last is 0", "ask for at least 1 day"),
    ],
)
async def test_impossible_questions_are_explained(
    platform: Platform, northwind: TenantProfile, given: dict[str, str], message: str, hint: str
) -> None:
    question = {"metrics": "clicks", "by": "", "last": 30, **given}
    told = await platform.command("query", tenant=northwind.slug, **question)
    assert _error(told) == ("INVALID_INPUT", message, hint)


@pytest.mark.parametrize(("metrics", "by"), [("spent", ""), ("spend", "chanel"), ("", "")])
async def test_unknown_names_are_suggested(
    platform: Platform, northwind: TenantProfile, metrics: str, by: str
) -> None:
    told = await platform.command("query", tenant=northwind.slug, metrics=metrics, by=by, last=30)
    _, message, hint = _error(told)
    assert (metrics or "metric") in message or by in message
    assert hint


async def test_defines_explains_and_retires_a_metric(
    platform: Platform, northwind: TenantProfile, southwind: TenantProfile, tmp_path: Path
) -> None:
    file = tmp_path / "margin.yaml"
    file.write_text("metric: margin\nis: revenue - spend\n", encoding="utf-8")
    told = await platform.command("metrics.define", tenant=northwind.slug, file=str(file))
    assert told.lines[0].startswith("margin, revision 1: money, split by ")
    assert told.lines[1] == "in GraphQL: margin"
    again = await platform.command("metrics.define", tenant=northwind.slug, file=str(file))
    assert again.lines[0].startswith("margin, revision 2: money, ")
    listed = await platform.command("metrics.list", tenant=northwind.slug)
    assert ("margin", "agency", "money", "revenue - spend") in [
        (row[0], row[1], row[2], row[4]) for row in listed.table
    ]
    foreign = await platform.command("metrics.list", tenant=southwind.slug)
    assert "margin" not in [row[0] for row in foreign.table]
    explained = await platform.command("metrics.explain", tenant=northwind.slug, name="margin")
    assert "is           revenue - spend" in explained.lines
    assert "SELECT" in explained.lines[-1]
    elsewhere = await platform.command("metrics.retire", tenant=southwind.slug, name="margin")
    assert _error(elsewhere) == (
        "NOT_FOUND",
        "'margin' is not a metric of this agency",
        "it has none of its own, and core metrics cannot be retired",
    )
    retired = await platform.command("metrics.retire", tenant=northwind.slug, name="margin")
    assert retired.lines == ["margin retired"]
    listed = await platform.command("metrics.list", tenant=northwind.slug)
    assert "margin" not in [row[0] for row in listed.table]


async def test_a_metric_that_others_need_stays(
    platform: Platform, northwind: TenantProfile, tmp_path: Path
) -> None:
    for name, text in (("net_gain", "revenue - spend"), ("gain_rate", "net_gain / revenue")):
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"metric: {name}\nis: {text}\n", encoding="utf-8")
        assert (
            await platform.command("metrics.define", tenant=northwind.slug, file=str(file))
        ).exit_code == 0
    code, message, hint = _error(
        await platform.command("metrics.retire", tenant=northwind.slug, name="net_gain")
    )
    assert code == "CONFLICT"
    assert message.startswith("another metric is made of 'net_gain': ")
    assert hint == "retire or change that one first"


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, "NOT_FOUND", "cannot be read: No such file or directory"),
        (b"\xff\xfe\x00", "INVALID_INPUT", "is no UTF-8 text"),
    ],
)
async def test_unreadable_definitions_are_explained(
    platform: Platform,
    northwind: TenantProfile,
    tmp_path: Path,
    content: bytes | None,
    code: str,
    message: str,
) -> None:
    file = tmp_path / "metric.yaml"
    if content is not None:
        file.write_bytes(content)
    told = await platform.command("metrics.define", tenant=northwind.slug, file=str(file))
    assert _error(told) == (code, f"{file} {message}", "docs/metrics.md has an example")


async def test_a_wrong_definition_changes_nothing(
    platform: Platform, northwind: TenantProfile, tmp_path: Path
) -> None:
    file = tmp_path / "metric.yaml"
    file.write_text("metric: broken\nis: spend / nothing_known\n", encoding="utf-8")
    told = await platform.command("metrics.define", tenant=northwind.slug, file=str(file))
    code, message, _ = _error(told)
    assert "nothing_known" in message
    assert code
    listed = await platform.command("metrics.list", tenant=northwind.slug)
    assert "broken" not in [row[0] for row in listed.table]


async def test_quarantined_rows_are_their_agencys_own(
    platform: Platform, trouble: Trouble, southwind: TenantProfile, northwind: TenantProfile
) -> None:
    await connect_google_ads(platform.runtime, southwind, trouble.url)
    trouble.simulator.fault(
        "changed_type",
        times=None,
        operation="searchStream",
        rows=2,
        after=1,
        field="metrics.clicks",
        value="many",
    )
    told = await platform.command("sync", tenant=southwind.slug)
    quarantined = told.synced("campaign_day")[5]
    assert quarantined > 0
    assert "rows in quarantine: bosco quarantine list southwind" in told.lines
    listed = await platform.command("quarantine.list", tenant=southwind.slug, limit=1)
    ((row_id, stream, _, field, reason, what),) = listed.table
    assert (stream.partition(".")[0], field) == ("google_ads", "clicks")
    assert "many" in what
    assert reason
    assert listed.lines == ["one in full: bosco quarantine show southwind ID"]
    shown = await platform.command("quarantine.show", tenant=southwind.slug, id=row_id)
    assert json.loads(shown.lines[1])["metrics"]["clicks"] == "many"
    foreign = await platform.command("quarantine.show", tenant=northwind.slug, id=row_id)
    assert _error(foreign) == (
        "NOT_FOUND",
        f"{row_id} is not in the quarantine of northwind",
        "bosco quarantine list northwind shows what is",
    )
    assert (await platform.command("quarantine.list", tenant=northwind.slug, limit=9)).table == []
    async with platform.runtime.database.session(southwind.tenant_id) as session:
        ids = {public_id("qua", i) for i in (await session.scalars(select(QuarantinedRow.id)))}
        viewed = select(AuditEntry).where(AuditEntry.action == "quarantine.viewed")
        (view,) = (await session.scalars(viewed)).all()
    assert (view.actor, view.object_id) == ("test", str(parse_id("qua", row_id)))
    assert view.details == {"rows": 1, "streams": [stream], "fields": []}
    assert row_id in ids
    malformed = await platform.command("quarantine.show", tenant=southwind.slug, id="qua_1")
    assert _error(malformed)[0] == "INVALID_INPUT"


@pytest.mark.parametrize("name", ["quarantine.list", "sync", "connections.list"])
async def test_unknown_sources_are_suggested(
    platform: Platform, northwind: TenantProfile, name: str
) -> None:
    told = await platform.command(name, tenant=northwind.slug, source="googl_ads", limit=5)
    assert _error(told) == (
        "NOT_FOUND",
        "there is no source 'googl_ads'",
        "did you mean google_ads?",
    )


async def test_files_that_cannot_be_imported_leave_nothing(
    platform: Platform, southwind: TenantProfile, tmp_path: Path
) -> None:
    given = {"tenant": southwind.slug, "client": "acme-shoes", "map": str(tmp_path / "map.yaml")}
    before = (await platform.command("connections.list", tenant=southwind.slug)).table
    told = await platform.command("import", **given, file=str(tmp_path / "ads.csv"))
    assert _error(told)[1:] == (
        f"the map {tmp_path}/map.yaml cannot be read: No such file or directory",
        "docs/import.md shows how to write one",
    )
    (tmp_path / "map.yaml").write_text("map: x\nfeeds: 7\n", encoding="utf-8")
    told = await platform.command("import", **given, file=str(tmp_path / "ads.csv"))
    assert "map.yaml" in _error(told)[1]
    assert (await platform.command("connections.list", tenant=southwind.slug)).table == before


def _commands(group: typer.Typer, path: str = "") -> set[str]:
    """Every command of the command line, as `noun.verb`."""
    own = {
        f"{path}{command.name or getattr(command.callback, '__name__', '')}"
        for command in group.registered_commands
    }
    nested = (
        _commands(inner.typer_instance, f"{path}{inner.name}.")
        for inner in group.registered_groups
        if inner.typer_instance is not None
    )
    return own.union(*nested)


def test_the_catalogue_of_commands_has_no_gaps() -> None:
    here = {"serve", "simulate", "worker", "sources.list", "sources.describe"}  # in this process
    here |= {"gdpr.inventory", "gdpr.verify"}
    asked_by_workers = {"workers.join"}
    by_option = {"gdpr.requests.look-again"}  # `countersign --look-again`
    one_for_each_kind = "alerts.channels.add"
    names = {name.removesuffix("_file") for name in _commands(app)} - here
    names = {one_for_each_kind if one_for_each_kind in name else name for name in names}
    assert names | asked_by_workers | by_option == set(COMMANDS.names)
