"""Where the log goes: one JSON object a line.

    structlog, logging -> redaction of what looks secret -> state folder (development) | stderr

On a laptop the terminal belongs to the user, so the log is a file; in production whoever runs the
process collects its standard error.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from logging.handlers import RotatingFileHandler, WatchedFileHandler
from pathlib import Path
from typing import Any, Final

import structlog
from structlog.typing import Processor

from api.settings import Settings
from domain.errors import BoscoError

__all__ = ["configure_logs", "log_file", "reason_of"]

_SECRET_NAMES: Final = ("secret", "token", "password", "credential", "authorization", "api_key")
# Secrets inside texts: the password of a URL, a bearer's token, a pair in a query, header or body.
_SECRET_TEXTS: Final = re.compile(
    r"(?P<before>://[^/\s:@]*:)[^\s/@]+(?=@)"
    r"|(?P<word>\bbearer\s+"
    r"|\b\w*(?:secret|token|password|credential|api_key|authorization)[\"']?\s*[=:]\s*[\"']?"
    r"(?:(?:bearer|basic)\s+)?)[^\s\"'&,;]+",
    re.IGNORECASE,
)
# At DEBUG these write down whole addresses; that of a webhook is a secret.
_TELL_ADDRESSES: Final = ("apprise", "urllib3")
_FILE_BYTES: Final = 10_000_000


def log_file(settings: Settings) -> Path:
    """The log of a laptop."""
    return settings.state_dir / "logs" / "bosco.log"


def reason_of(error: Exception) -> str:
    """An error in one line for the operator: its own words, without secrets."""
    words = error.message if isinstance(error, BoscoError) else str(error)
    first = next((line.strip() for line in words.splitlines() if line.strip()), "")
    return _without_secrets(first) or type(error).__name__


def configure_logs(settings: Settings, *, rotates: bool = True) -> None:
    """Send the log of this process to its place.

    Args:
        settings: Name the place.
        rotates: This process puts full files aside; others that share the file follow it.
    """
    handler: logging.Handler
    if settings.env == "production":
        handler = logging.StreamHandler(sys.stderr)
    else:
        path = log_file(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = (
            RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=3)
            if rotates
            else WatchedFileHandler(path)
        )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    for name in _TELL_ADDRESSES:
        logging.getLogger(name).setLevel(max(logging.INFO, logging.getLogger().level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(settings.log_level)
        ),
        cache_logger_on_first_use=False,
    )


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what its name or its place in a text says to be secret, should it ever get here."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: Any) -> Any:
    if any(word in name.lower() for word in _SECRET_NAMES):
        return "***"
    match value:
        case str():
            return _without_secrets(value)
        case dict():
            return {key: _masked(str(key), inner) for key, inner in value.items()}
        case list() | tuple():
            return [_masked("", inner) for inner in value]
    return value


def _without_secrets(text: str) -> str:
    return _SECRET_TEXTS.sub(lambda found: f"{found['before'] or found['word']}***", text)
