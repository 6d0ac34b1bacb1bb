"""Commands of stock Feast in our folder: nothing happens, and the way to go is told."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from feast.cli.cli import cli

FOLDER = Path(__file__).resolve().parents[2] / "feature_repo"


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["apply"], "bosco features apply FILE registers a view of your agency"),
        (["plan"], "bosco features plan FILE"),
        (["teardown"], "nothing is torn down for all agencies"),
        (["materialize", "2026-01-01", "2026-02-01"], "features follow each publication"),
        (["materialize-incremental", "2026-01-01"], "features follow each publication"),
        (["serve"], "bosco serve"),
        (["ui"], "bosco features list"),
        (["feature-views", "list"], "bosco features --help"),
        (["registry-dump"], "bosco features --help"),
        (["entities", "list"], "bosco features --help"),
    ],
)
def test_each_command_says_what_to_use_instead(
    monkeypatch: pytest.MonkeyPatch, words: list[str], instead: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["feast", *words])
    monkeypatch.setattr(sys, "path", [*sys.path, str(FOLDER)])  # Feast adds it, and leaves it
    before = sorted(FOLDER.rglob("*"))
    told = CliRunner().invoke(cli, ["--chdir", str(FOLDER), *words])
    assert told.exit_code == 1
    assert "Stock Feast commands know no agency, so they do nothing here." in told.output
    assert f"Use instead: {instead}" in told.output
    assert sorted(FOLDER.rglob("*")) == before
