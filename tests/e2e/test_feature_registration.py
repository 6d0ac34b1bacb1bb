"""A feature view registered, tested, filled, served and deprecated by the docs alone.

docs/features.md -> its file and its commands, word for word -> the running platform
"""

import datetime as dt
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import api.cli.nouns.features as commands
from api.cli.main import app
from api.commands.tenants import create_client, create_tenant
from api.control.protocol import TableEvent
from tests.e2e.platform import Platform, Told
from tests.feature_repo.registration.samples import BRAND

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # the whole platform starts

DOCS = Path(__file__).resolve().parents[2] / "docs" / "features.md"
NOW = dt.datetime(2026, 11, 2, 6, tzinfo=dt.UTC)
MAP = """
map: ads
file: {format: csv}
feeds:
  - fact: ads_daily
    key: [day]
    constants: {channel: paid_search}
    columns: {reporting_date: day, spend: cost}
"""
# Yesterday, 14 days ago, and 15 days ago.
ROWS = "day,cost\n2026-11-01,60\n2026-10-19,40\n2026-10-18,80\n"


def documented() -> list[str]:
    """The commands of the section, without what is said beside them."""
    section = DOCS.read_text(encoding="utf-8").split("## Register a feature view")[1]
    block = section.split("## ")[0].split("```\nbosco features test")[1].split("```")[0]
    lines = f"bosco features test{block}".strip().splitlines()
    return [re.sub(r"\s+#.*", "", line).removeprefix("bosco ") for line in lines]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the command line makes of words."""
    calls: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(commands, "invoke", lambda name, **more: calls.append((name, more)))
    return calls


async def test_the_docs_lead_from_a_file_to_served_values_and_to_the_end(
    platform: Platform,
    open_folder: Path,
    said: list[tuple[str, dict[str, Any]]],
) -> None:
    platform.clock.now = NOW
    runtime = platform.runtime
    agency = await create_tenant(
        runtime, slug="northwind", name="N", currency="EUR", time_zone="UTC"
    )
    await create_client(runtime, agency, slug="acme-shoes", name="Acme", actor="test")
    for name, text in (("map.yaml", MAP), ("ads.csv", ROWS), ("brand_pulse.yaml", BRAND)):
        (open_folder / name).write_text(text, encoding="utf-8")
    imported = await platform.command(
        "import",
        tenant="northwind",
        client="acme-shoes",
        file=str(open_folder / "ads.csv"),
        map=str(open_folder / "map.yaml"),
    )
    assert imported.exit_code == 0, imported.lines

    told: dict[str, Told] = {}
    for line in documented():
        assert CliRunner().invoke(app, shlex.split(line)).exit_code == 0, line
        name, arguments = said.pop()
        if "file" in arguments:
            arguments["file"] = str(open_folder / arguments["file"])
        told[name] = await platform.command(name, **arguments)
        assert told[name].exit_code == 0, (line, told[name].events)

    assert list(told) == [
        f"features.{verb}" for verb in ("test", "plan", "apply", "show", "list", "deprecate")
    ]
    assert told["features.test"].lines[-1] == "2 passed, 0 failed"
    assert told["features.plan"].lines[-1] == ("brand_pulse_v1 may be applied: it is a new version")
    assert told["features.apply"].lines[-1] == "1 entities of 1 clients have values"
    values = {row[0]: row[1] for row in told["features.show"].table}
    assert values["pulse_spend_14d"] == "100.00"
    assert values["pulse_spend_change"] == "0.2500"
    assert values["pulse_revenue_14d"] == "-"
    own = [one for one in told["features.list"].events if isinstance(one, TableEvent)][-1]
    assert own.rows == (("brand_pulse_v1", "team data science", "1 of 1", 1, "served"),)
    notice = "brand_pulse_v1: deprecated, served until 2027-06-30 UTC"
    assert told["features.deprecate"].lines == [notice]

    shown = {"tenant": "northwind", "entity": "acme-shoes", "service": "brand_pulse_v1"}
    still = await platform.command("features.show", **shown, limit=10)
    assert still.lines == [notice]
    # The last day is over: it is gone, for readers as for the command.
    platform.clock.now = dt.datetime(2027, 7, 1, tzinfo=dt.UTC)
    gone = await platform.command("features.show", **shown, limit=10)
    (error,) = gone.errors
    assert error.code == "NOT_FOUND"


async def test_a_wrong_file_ends_with_its_lines(platform: Platform, open_folder: Path) -> None:
    path = open_folder / "wrong.yaml"
    path.write_text(BRAND.replace("pulse_spend_14d: 20", "pulse_spend_14d: 21"), encoding="utf-8")
    failed = await platform.command("features.test", file=str(path))
    assert failed.exit_code == 1
    assert "    pulse_spend_14d: expected 21, found 20.0" in failed.lines
    assert failed.lines[-1] == "1 passed, 1 failed"
    path.write_text(BRAND.replace("entity: client", "entity: shop"), encoding="utf-8")
    (error,) = (await platform.command("features.test", file=str(path))).errors
    assert error.message.startswith("wrong.yaml:5: entity: 'shop' has no features of")
    lost = await platform.command("features.test", file=str(open_folder / "nothing.yaml"))
    assert lost.errors[0].code == "NOT_FOUND"
