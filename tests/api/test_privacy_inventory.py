"""What is declared by hand is held against the code: log words, jobs, exports, names of kinds."""

import ast
import dataclasses
import json
from collections.abc import Iterator
from typing import Final

import msgspec

from api.audit import export_file
from api.log_words import LOG_WORDS
from api.privacy_inventory import EXPORTS
from domain.privacy.classification import NotPersonal, SubjectKey
from domain.privacy.holds import CLASSIFICATIONS, PERSON_IDENTIFIER
from feature_repo import held as features_held
from gdpr.inventory import job_arguments
from ingestion import held
from ingestion.connector.job import Drift
from ml import held as models_held
from tenancy.cache import KEY_HOLDS, KeyKind
from tests.isolation.entries import PACKAGES, ROOT, Kind, find_entries

# Put on every line by `api.logs`.
_ON_EVERY_LINE: Final = {"event", "level", "timestamp", "logger"}
# Commands that read a file, or write one of their own kind, by module.
_OF_FILES: Final = {
    "api/commands/audit.py": "audit export",
    "api/commands/audit_verify.py": "",
    "api/commands/compare.py": "compare --csv",
    "api/commands/feature_registration.py": "",
    "api/commands/gdpr_batch.py": "",
    "api/commands/gdpr_certificates.py": "gdpr certificate",
    "api/commands/history.py": "",
    "api/commands/imports.py": "",
    "api/commands/metrics.py": "",
    "api/commands/plans.py": "",
    "api/commands/quarantine_replay.py": "",
}


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "simulator" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield str(path.relative_to(ROOT)), node


def test_every_word_that_is_logged_is_classified() -> None:
    logged: set[str | None] = set()
    for _, call in _calls():
        match call.func:
            case ast.Attribute(value=ast.Name(id="_LOG" | "_log")):
                logged |= {keyword.arg for keyword in call.keywords}
    # One call spreads a drift: its words are the fields of one.
    logged = (logged - {None}) | {field.name for field in dataclasses.fields(Drift)}
    assert set(LOG_WORDS) == logged | _ON_EVERY_LINE


def test_every_job_says_what_its_arguments_hold() -> None:
    jobs = {entry.name for entry in find_entries() if entry.kind is Kind.JOB}
    declared = (held, features_held, job_arguments, models_held)
    assert {name for one in declared for name in one.JOB_ARGUMENTS} == jobs


def test_every_kind_of_key_says_what_it_holds() -> None:
    assert set(KEY_HOLDS) == set(KeyKind)


def test_every_command_that_touches_a_file_is_known() -> None:
    touching = {
        path
        for path, call in _calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr == "resolve_path"
    }
    assert touching == set(_OF_FILES)
    of_files = {name for name in _OF_FILES.values() if name}
    assert of_files | {"person export", "quarantine show"} == set(EXPORTS)


def test_an_export_of_the_trail_holds_what_is_said() -> None:
    lines = [one for one in vars(export_file).values() if _is_line(one)]
    fields = {field.name for line in lines for field in msgspec.structs.fields(line)}
    assert set(EXPORTS["audit export"]) == fields


def _is_line(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)


def test_source_files_may_say_what_a_platform_can_send() -> None:
    schema = json.loads((ROOT / "ingestion/sources/source.schema.json").read_text("utf-8"))
    assert schema["$defs"]["holds"]["enum"] == sorted(
        name
        for name, one in CLASSIFICATIONS.items()
        if isinstance(one, NotPersonal)
        or one.key is SubjectKey.SHOP
        or one is PERSON_IDENTIFIER  # beside the rows: it never lands
    )
