"""Reads source files: YAML -> JSON Schema -> SourceSpec -> meaning checked.

    sources/<name>.yaml -> yaml_document -> spec_build -> spec_check -> SourceSpec

Every file is read once per process and then kept; nothing is read at import.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from domain.errors import NotFoundError
from domain.yaml_document import Schema, check_schema, did_you_mean, parse_yaml
from ingestion.connector.spec import SourceSpec
from ingestion.connector.spec_build import build_source
from ingestion.connector.spec_check import check_source

__all__ = ["SOURCES_FOLDER", "expiring", "load_all_sources", "load_source", "read_source"]

SOURCES_FOLDER: Final = Path(__file__).resolve().parent.parent / "sources"


@cache
def _schema() -> Schema:
    return Schema((SOURCES_FOLDER / "source.schema.json").read_text(encoding="utf-8"))


def read_source(text: str, name: str) -> SourceSpec:
    """Read the text of a source file.

    Args:
        text: YAML.
        name: File name, for messages.

    Raises:
        InvalidDocumentError: With every mistake, its line and what was expected.
    """
    document = parse_yaml(text, name)
    check_schema(document, _schema())
    spec = build_source(document, hashlib.sha256(text.encode()).hexdigest())
    check_source(document, spec)
    return spec


@cache
def load_source(name: str) -> SourceSpec:
    """The source of that name, read from the program's own files.

    Raises:
        NotFoundError: There is no such source.
        InvalidDocumentError: Its file is wrong.
    """
    known = _names()
    if name not in known:
        raise NotFoundError(
            f"there is no source {name!r}{did_you_mean(name, known)}",
            hint="docs/writing_a_source.md tells how to add one",
        )
    path = SOURCES_FOLDER / f"{name}.yaml"
    return read_source(path.read_text(encoding="utf-8"), path.name)


def load_all_sources() -> Mapping[str, SourceSpec]:
    """Every source, by name."""
    return {name: load_source(name) for name in _names()}


def _names() -> list[str]:
    return sorted(path.stem for path in SOURCES_FOLDER.glob("*.yaml"))


def expiring(today: dt.date, days: int) -> list[SourceSpec]:
    """Sources whose API version ends within `days` days of `today`, or has ended; soonest first."""
    limit = today + dt.timedelta(days=days)
    ending = [spec for spec in load_all_sources().values() if spec.api.sunset <= limit]
    return sorted(ending, key=lambda spec: spec.api.sunset)
