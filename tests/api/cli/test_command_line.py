"""The command line itself: helpful help, typos, and credentials that are not arguments."""

import io
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.invoke import read_credentials, read_json_lines
from api.cli.main import app, main
from domain.errors import InvalidInputError

SNAPSHOTS = Path(__file__).parents[2] / "snapshots" / "cli"
NOUNS = [
    "",
    "tenants",
    "clients",
    "apps",
    "budget",
    "keys",
    "people",
    "plans",
    "anomalies",
    "connections",
    "metrics",
    "models",
    "features",
    "history",
    "quarantine",
    "alerts",
    "audit",
    "gdpr",
    "sources",
    "webhooks",
]
VERBS = [
    "alerts channels",
    "alerts channels add",
    "alerts channels add email",
    "alerts channels add slack",
    "alerts channels add webhook",
    "alerts list",
    "apps add",
    "apps rotate",
    "audit export",
    "audit list",
    "audit verify",
    "gdpr certificate",
    "gdpr consent",
    "gdpr consent record",
    "gdpr consent show",
    "gdpr consent notice add",
    "gdpr queue",
    "gdpr statistics",
    "gdpr requests",
    "gdpr requests hold",
    "gdpr requests import",
    "gdpr requests list",
    "gdpr requests new",
    "gdpr requests refuse",
    "gdpr requests vouch",
    "gdpr verify",
    "gdpr form-link",
    "gdpr recipients",
    "gdpr recipients add",
    "compare",
    "connections add",
    "connections link",
    "features health",
    "features show",
    "anomalies acknowledge",
    "anomalies list",
    "forecast",
    "pacing",
    "freshness",
    "gdpr dpia",
    "gdpr inventory",
    "gdpr record",
    "history import",
    "import",
    "metrics define",
    "metrics explain",
    "metrics retire",
    "models list",
    "models rollback",
    "models show",
    "models train",
    "budget plan",
    "budget scenario",
    "plans event",
    "plans lift-test",
    "plans list",
    "plans remove",
    "plans spend",
    "night",
    "query",
    "people add",
    "people deactivate",
    "people provider",
    "people reset",
    "people role",
    "quarantine list",
    "serve",
    "simulate",
    "sources describe",
    "sync",
    "tenants add",
    "webhooks add",
    "webhooks deliveries",
    "webhooks replay",
    "webhooks rotate",
]


def _run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, list(words), env={"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    )
    return result.exit_code, "\n".join(line.rstrip() for line in result.output.splitlines()) + "\n"


@pytest.mark.parametrize("command", [*NOUNS, *VERBS])
def test_help_is_sufficient(command: str) -> None:
    code, text = _run(*command.split(), "--help")
    assert code == 0
    snapshot = SNAPSHOTS / f"{command.replace(' ', '_') or 'bosco'}.txt"
    assert text == snapshot.read_text(encoding="utf-8")


def test_a_typo_is_told() -> None:
    code, text = _run("tenant", "list")
    assert code == 2
    assert "No such command 'tenant'. Did you mean 'tenants'?" in " ".join(text.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name an agency, or a file with --file"),
        (["northwind", "--file", "x"], "name an agency, or a file with --file"),
        (["northwind", "--key", "x"], "--key goes with --file"),
        (["--file", "x", "--against", "y"], "--against goes with an agency"),
    ],
)
def test_one_thing_is_verified_at_a_time(words: list[str], message: str) -> None:
    code, text = _run("audit", "verify", *words)
    assert code == 2
    assert message in text


def test_an_export_is_verified_without_the_platform() -> None:
    assert _run("audit", "verify", "--file", "/nowhere") == (
        1,
        "error /nowhere cannot be read: No such file or directory  INVALID_INPUT\n",
    )


@pytest.mark.parametrize("days", ["0", "-3", "x"])
def test_impossible_periods_are_refused(days: str) -> None:
    code, text = _run("query", "northwind", "--last", days)
    assert code == 2
    assert "Invalid value for '--last'" in text


def test_credentials_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text('{"refresh_token": "1//x"}', encoding="utf-8")
    assert read_credentials(str(file)) == {"refresh_token": "1//x"}


def test_credentials_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"access_token": "x"}'))
    assert read_credentials("-") == {"access_token": "x"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"refresh_token": "s3cret",}', "is not JSON: Expecting property name enclosed in"),
        (b'["s3cret"]', "holds no JSON object of texts"),
        (b'{"refresh_token": 7}', "holds no JSON object of texts"),
        (b'"s3cret"', "holds no JSON object of texts"),
        (b"\xff\xfes3cret", "is no UTF-8 text"),
    ],
)
def test_malformed_credentials_are_not_shown(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_credentials(str(file))
    assert caught.value.message.startswith(f"{file} {message}")
    assert "s3cret" not in str(caught.value)


def test_lines_come_from_a_file_or_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '{"email": "a\u2028b"}\n\n{"gpc": "1"}\n'
    file = tmp_path / "words.jsonl"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    for name in (str(file), "-"):
        assert read_json_lines(name, example="{}") == [{"email": "a\u2028b"}, {"gpc": "1"}]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ('{"email": "s3cret"', "is not JSON: Expecting ',' delimiter", ""),
        ('["s3cret"]', "is no JSON object", 'write {"gpc": "1"}'),
    ],
)
def test_malformed_lines_are_not_shown(tmp_path: Path, line: str, message: str, hint: str) -> None:
    file = tmp_path / "words.jsonl"
    file.write_text(f"{{}}\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidInputError) as caught:
        read_json_lines(str(file), example='{"gpc": "1"}')
    assert (caught.value.message, caught.value.hint) == (f"line 2 of {file} {message}", hint)


def test_missing_credentials_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nowhere cannot be read: No such file"):
        read_credentials(str(tmp_path / "nowhere"))


def test_mistakes_before_a_command_are_told_in_two_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["connections", "discover", "google_ads", "--credentials", "/nowhere"]
    monkeypatch.setattr(sys, "argv", ["bosco", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == (
        "error /nowhere cannot be read: No such file or directory  INVALID_INPUT\n"
    )


def test_wrong_settings_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bosco", "doctor"])
    monkeypatch.setenv("BOSCO_ENV", "[/produktion]")
    result = CliRunner().invoke(app, ["doctor"], env={"BOSCO_ENV": "[/produktion]"})
    assert result.exit_code == 1
    assert "error BOSCO_ENV is '[/produktion]'" in result.stderr
    assert capsys.readouterr().err == ""
