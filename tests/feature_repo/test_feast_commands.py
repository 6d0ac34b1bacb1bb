"""Commands of stock Feast in our folder: nothing happens, and the way to go is told."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from feast.cli.cli import cli

FOLDER = Path(__file__).resolve().parents[2] / "feature_repo"

# Commands that open no store: what they do has nothing to do with this folder.
APART = {
    "version": "prints Feast's version",
    "init": "makes a folder elsewhere",
    "demo-notebooks": "writes examples elsewhere",
    "dbt import": "reads a file of dbt",
    "dbt list": "reads a file of dbt",
    "mcp": "needs a package that is not installed",
    "mlflow sync-dataset": "needs a package that is not installed",
    "mlflow preview-dataset": "needs a package that is not installed",
    "mlflow validate-source": "needs a package that is not installed",
}
INSTEAD = {  # by the first word
    "apply": "bosco features apply FILE registers a view of your agency",
    "plan": "bosco features plan FILE",
    "teardown": "nothing is deleted for all agencies",
    "delete": "nothing is deleted for all agencies",
    "materialize": "features follow each publication",
    "materialize-incremental": "features follow each publication",
    "get-historical-features": "feature_repo.client.connect",
    "get-online-features": "feature_repo.client.connect",
    "serve": "bosco serve",
    "serve_offline": "bosco serve",
    "serve_registry": "bosco serve",
    "serve_transformations": "bosco serve",
    "endpoint": "bosco serve",
    "listen": "bosco serve",
    "ui": "bosco features list",
    "registry-dump": "bosco features list",
    "entities": "bosco features list",
    "feature-views": "bosco features list",
    "feature-services": "bosco features list",
    "validate": "bosco features health AGENCY",
    "monitor": "bosco features health AGENCY",
    "permissions": "roles of the agency decide who registers and reads",
    "registry": "bosco features --help",
}


def _commands(group: click.Command, *path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from _commands(command, *path, name)
    else:
        yield " ".join(path), group


COMMANDS = dict(_commands(cli))


def _needed(command: click.Command) -> Iterator[str]:
    """Something for each parameter that the command cannot do without."""
    for one in command.params:
        if one.required:
            if isinstance(one, click.Option):
                yield one.opts[0]
            is_choice = isinstance(one.type, click.Choice)
            yield str(next(iter(one.type.choices))) if is_choice else "2026-01-01"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - APART.keys()))
def test_each_command_says_what_to_use_instead(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    words = [*name.split(" "), *_needed(COMMANDS[name])]
    monkeypatch.setattr(sys, "argv", ["feast", *words])
    monkeypatch.setattr(sys, "path", [*sys.path, str(FOLDER)])  # Feast adds it, and leaves it
    before = sorted(FOLDER.rglob("*"))
    told = CliRunner().invoke(cli, ["--chdir", str(FOLDER), *words])
    assert told.exit_code == 1
    assert "Stock Feast commands know no agency, so they do nothing here." in told.output
    assert f"Use instead: {INSTEAD.get(words[0], 'bosco features')}" in told.output
    assert sorted(FOLDER.rglob("*")) == before


def test_commands_named_here_exist() -> None:
    assert APART.keys() <= COMMANDS.keys()
    assert INSTEAD.keys() <= {name.split(" ")[0] for name in COMMANDS}
