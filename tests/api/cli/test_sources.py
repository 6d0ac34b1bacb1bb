"""`bosco sources`: without a runtime, and fit to be written into a file."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import app

DOCS = Path(__file__).parents[3] / "docs"


def test_lists_what_can_be_connected() -> None:
    result = CliRunner().invoke(app, ["sources", "list"])
    assert result.exit_code == 0
    head, columns, *rows = result.stdout.splitlines()
    assert (head, columns.split()) == (
        "sources",
        ["source", "API", "answers", "until", "brings", "checked"],
    )
    assert [row.split()[0] for row in rows] == [
        *("ga4", "google_ads", "meta_ads", "shopify", "tiktok_ads")
    ]
    assert "web_daily, web_property_daily" in rows[0]


def test_writes_the_page_of_the_guide() -> None:
    result = CliRunner().invoke(app, ["sources", "describe"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (DOCS / "sources.md").read_text(encoding="utf-8")


def test_describes_one_source_alone() -> None:
    result = CliRunner().invoke(app, ["sources", "describe", "ga4"])
    assert result.stdout.splitlines()[0] == "## Google Analytics 4"
    assert [line for line in result.stdout.splitlines() if line.startswith("## ")] == [
        "## Google Analytics 4"
    ]


@pytest.mark.parametrize("word", ["shopfy", "../shopify"])
def test_an_unknown_source_is_told(word: str) -> None:
    result = CliRunner().invoke(app, ["sources", "describe", word])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"error there is no source {word!r}; did you mean 'shopify'?  NOT_FOUND",
        "  → docs/writing_a_source.md tells how to add one",
    ]
