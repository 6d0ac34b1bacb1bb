"""The log: JSON lines in their place, and no secret in any of them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from api.logs import configure_logs, log_file, reason_of
from api.settings import Settings, load_settings
from domain.errors import ConflictError

SECRET = "s3cr3t-value"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    settings = load_settings({"BOSCO_STATE_DIR": str(tmp_path)})
    root.handlers = []
    configure_logs(settings)
    yield settings
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(settings: Settings) -> list[dict[str, Any]]:
    text = log_file(settings).read_text(encoding="utf-8")
    assert SECRET not in text
    return [json.loads(line) for line in text.splitlines()]


def test_both_kinds_of_loggers_write_json_lines(settings: Settings) -> None:
    structlog.get_logger("ours").info("sync_failed", rows=3)
    logging.getLogger("theirs").warning("pool is %s", "full")
    ours, theirs = _lines(settings)
    assert (ours["event"], ours["rows"], ours["level"]) == ("sync_failed", 3, "info")
    assert (theirs["event"], theirs["level"]) == ("pool is full", "warning")
    assert ours["timestamp"].endswith("Z")


def test_addresses_of_webhooks_are_not_written_even_for_debugging(settings: Settings) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("apprise", "urllib3.connectionpool"):
        logging.getLogger(name).debug("POST https://hooks.slack.com/services/%s", SECRET)
        logging.getLogger(name).warning("no answer")
    assert [line["event"] for line in _lines(settings)] == ["no answer", "no answer"]


def test_values_are_hidden_by_their_names(settings: Settings) -> None:
    structlog.get_logger().info(
        "asked",
        client_secret=SECRET,
        Authorization=SECRET,
        nested={"refresh_token": SECRET, "list": [{"password": SECRET, "rows": 1}]},
    )
    (line,) = _lines(settings)
    assert (line["client_secret"], line["Authorization"]) == ("***", "***")
    assert line["nested"] == {"refresh_token": "***", "list": [{"password": "***", "rows": 1}]}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"postgresql://bosco:{SECRET}@host/db failed", "postgresql://bosco:***@host/db failed"),
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer ***"),
        (f"sent bearer {SECRET}, refused", "sent bearer ***, refused"),
        (f"GET /x?access_token={SECRET}&page=2", "GET /x?access_token=***&page=2"),
        (f'{{"client_secret": "{SECRET}", "a": 1}}', '{"client_secret": "***", "a": 1}'),
        (f"password={SECRET}", "password=***"),
        ("the token endpoint answered at 12:30:45", "the token endpoint answered at 12:30:45"),
        ("ask for basic access", "ask for basic access"),
        ("http://127.0.0.1:8080/graphql", "http://127.0.0.1:8080/graphql"),
    ],
)
def test_texts_lose_their_secrets(settings: Settings, text: str, masked: str) -> None:
    logging.getLogger("theirs").error(text)
    structlog.get_logger().error("failed", reason=text)
    first, second = _lines(settings)
    assert (first["event"], second["reason"]) == (masked, masked)


def test_tracebacks_lose_their_secrets(settings: Settings) -> None:
    def refuse() -> None:
        raise ValueError(f"https://user:{SECRET}@host refused")

    try:
        refuse()
    except ValueError:
        structlog.get_logger().exception("sync_broke")
        logging.getLogger("theirs").exception("broke")
    for line in _lines(settings):
        assert "ValueError: https://user:***@host refused" in line["exception"]


def test_reasons_are_one_line_without_secrets() -> None:
    assert reason_of(ConflictError("taken", hint="choose")) == "taken"
    assert reason_of(ValueError(f"\n  password={SECRET} is wrong\nmore")) == "password=*** is wrong"
    assert reason_of(KeyError()) == "KeyError"


def test_production_logs_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    configure_logs(settings.model_copy(update={"env": "production", "state_dir": tmp_path / "x"}))
    structlog.get_logger().info("served")
    assert json.loads(capsys.readouterr().err)["event"] == "served"
    assert not (tmp_path / "x").exists()
