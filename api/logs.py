"""Where the log goes: one JSON object a line.

    structlog, logging -> redaction of what looks secret -> state folder (development) | stderr

On a laptop the terminal belongs to the user, so the log is a file; in production whoever runs the
process collects its standard error.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import structlog
from structlog.typing import Processor

from api.settings import Settings

__all__ = ["configure_logs", "log_file"]

_SECRET_NAMES: Final = ("secret", "token", "password", "credential", "authorization", "api_key")
_FILE_BYTES: Final = 10_000_000


def log_file(settings: Settings) -> Path:
    """The log of a laptop."""
    return settings.state_dir / "logs" / "bosco.log"


def configure_logs(settings: Settings) -> None:
    """Send the log of this process to its place."""
    handler: logging.Handler
    if settings.env == "production":
        handler = logging.StreamHandler(sys.stderr)
    else:
        path = log_file(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=3)
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
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(settings.log_level)
        ),
        cache_logger_on_first_use=False,
    )


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Hide values whose names say that they are secret, should one ever get here."""
    for name in event:
        if any(word in name.lower() for word in _SECRET_NAMES):
            event[name] = "***"
    return event
