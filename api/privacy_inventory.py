"""The whole inventory of personal data, composed of what every part declares.

    ingestion, feature_repo, exports, log words, models -> gdpr.inventory.collect -> Inventory

Exports are what a command writes to a file, or shows of what is otherwise kept inside.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import feature_repo.held
import ingestion.held
import ml.held
from api.log_words import LOG_WORDS
from domain.facts import FACTS
from domain.privacy.classification import Privacy
from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import (
    AGENCY_ACCOUNT,
    AGGREGATE_FIGURES,
    CANONICAL_WORD,
    CONFIGURATION,
    EXPORTED_ACTOR,
    EXPORTED_OBJECT,
    EXPORTED_PERSON,
    EXPORTED_PROOF,
    LINEAGE,
    PROOF,
    QUARANTINED,
)
from feature_repo.catalogue import PLATFORM
from gdpr.inventory.collect import Inventory, collect
from gdpr.inventory.job_arguments import JOB_ARGUMENTS
from ingestion.connector.source_file import load_all_sources
from ingestion.files.feeds import raw_file_stream

__all__ = ["EXPORTS", "MODELS", "read_inventory"]

# What leaves by a command, under the name of the command.
EXPORTS: Final[Mapping[str, Mapping[str, Privacy]]] = {
    "audit export": {
        **dict.fromkeys(("format", "tenant", "exported_at", "sequence", "id", "at"), LINEAGE),
        "agency": CONFIGURATION,
        "action": CANONICAL_WORD,
        "object_kind": CANONICAL_WORD,
        "actor": EXPORTED_ACTOR,
        "object_id": EXPORTED_OBJECT,
        "details": EXPORTED_OBJECT,
        **dict.fromkeys(("public_key", "previous_hash", "hash", "statement"), PROOF),
    },
    "compare --csv": {"account": AGENCY_ACCOUNT, "differences": AGGREGATE_FIGURES},
    "gdpr certificate": {"certificate": EXPORTED_PROOF},
    "person export": {"parts": EXPORTED_PERSON},
    "quarantine show": {"row": QUARANTINED},
}

# Artefacts of models, by kind: they learn from sums by day, never from rows of people.
MODELS: Final[Mapping[str, Mapping[str, Privacy]]] = {"forecast": {"artefact": AGGREGATE_FIGURES}}


def read_inventory() -> Inventory:
    """Everything that is kept, as the code declares it."""
    return collect(_handed())


def _handed() -> Iterator[HeldColumn]:
    streams = [one for source in load_all_sources().values() for one in source.streams.values()]
    streams += [raw_file_stream(fact) for fact in FACTS.values()]
    yield from ingestion.held.held_columns(streams)
    yield from feature_repo.held.held_columns(PLATFORM)
    jobs = {**JOB_ARGUMENTS, **ml.held.JOB_ARGUMENTS}
    told = ((Store.EXPORTS, EXPORTS), (Store.JOBS, jobs), (Store.MODELS, MODELS))
    for store, tables in told:
        for table, columns in tables.items():
            for name, what in columns.items():
                yield HeldColumn(store, table, name, what)
    for word, what in LOG_WORDS.items():
        yield HeldColumn(Store.LOGS, "log", word, what)
