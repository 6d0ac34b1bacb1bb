"""Turns the plain data of a source file, already held against the schema, into a `SourceSpec`.

YamlDocument -> build_source -> SourceSpec
"""

import datetime as dt
from collections.abc import Mapping
from functools import reduce
from operator import getitem
from typing import Any, Final

from domain.privacy.holds import CLASSIFICATIONS
from domain.yaml_document import InvalidDocumentError, YamlDocument
from ingestion.connector.spec import (
    AccountRule,
    ApiSpec,
    AuthSpec,
    BodyFormat,
    BudgetSpec,
    CheckSpec,
    ColumnMapping,
    Condition,
    ConsentSpec,
    DiscoverSpec,
    ErrorKind,
    ErrorRule,
    ErrorTexts,
    Evidence,
    Field,
    FieldType,
    InnerPages,
    Notice,
    PageSize,
    Pagination,
    RateSignal,
    ReadyRule,
    ReportSpec,
    RequestSpec,
    Rest,
    SliceRule,
    SourceSpec,
    StreamSpec,
    WaitRule,
)

__all__ = ["build_field", "build_mapping", "build_source"]

_PERIOD_SECONDS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_SECONDS_PER_MINUTE: Final = 60

# Anything may be in these, so each says what it holds: `figures` does not stand for them.
_SPEAKS: Final = frozenset({FieldType.STRING, FieldType.JSON, FieldType.TIMESTAMP})
# Of the platforms whose delay is documented most are complete by then.
_READY: Final = {"at": "03:00", "because": "three hours after midnight most platforms are complete"}

Plain = Mapping[str, Any]


def build_source(document: YamlDocument, content_hash: str) -> SourceSpec:
    """Build the spec of a document that fits the schema.

    Args:
        document: Held against `source.schema.json`.
        content_hash: SHA-256 of its text, hexadecimal.

    Raises:
        InvalidDocumentError: A date that does not exist.
    """
    data = document.data
    return SourceSpec(
        name=data["source"],
        label=data["name"],
        evidence=_evidence(document, ()),
        api=_api(document),
        account=AccountRule(**data["account"]),
        ready=_ready(data.get("ready", _READY)),
        auth=_auth(data["auth"]),
        budgets=tuple(_budget(item) for item in data.get("budgets", [])),
        signals=tuple(_signal(item) for item in data.get("rate_signals", [])),
        errors=_errors(data),
        error_texts=ErrorTexts(**_tuples(data.get("error_texts", {}))),
        check=_check(data["check"]),
        discover=_discover(data["discover"]) if "discover" in data else None,
        streams={name: _stream(document, name) for name in data["streams"]},
        content_hash=content_hash,
    )


def _evidence(document: YamlDocument, place: tuple[str, ...]) -> Evidence:
    data = reduce(getitem, (*place, "evidence"), document.data)
    checked = _date(document, (*place, "evidence", "checked"), data["checked"])
    return Evidence(data["kind"], data["from"], checked)


def _date(document: YamlDocument, place: tuple[str, ...], text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        mistake = document.mistake(place, f"{text} is not a date: {error}")
        raise InvalidDocumentError(document.name, [mistake]) from error


def _api(document: YamlDocument) -> ApiSpec:
    api = document.data["api"]
    return ApiSpec(
        version=api["version"],
        sunset=_date(document, ("api", "sunset"), api["sunset"]),
        base_url=api["base_url"],
        other_urls=api.get("other_urls", {}),
    )


def _ready(data: Plain) -> ReadyRule:
    return ReadyRule(dt.time.fromisoformat(data["at"]), data["because"])


def _tuples(data: Plain) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _auth(data: Plain) -> AuthSpec:
    rest = {key: value for key, value in data.items() if key != "consent"}
    consent = _consent(data["consent"]) if "consent" in data else None
    return AuthSpec(**_tuples(rest), consent=consent)


def _consent(data: Plain) -> ConsentSpec:
    authorize, token = data["authorize"], data.get("token", {})
    plain = ("names", "pkce", "scope_separator", "granted", "signature", "ends", "lasts_days")
    return ConsentSpec(
        authorize_url=authorize["url"],
        authorize_query=authorize.get("query", {}),
        exchange_url=token.get("url", ""),
        exchange_method=token.get("method", "POST"),
        exchange_body=token.get("body", "form"),
        exchange_fields=token.get("fields", {}),
        exchange_at=token.get("at", "."),
        longer=_request({**data["longer"], "anonymous": True}) if "longer" in data else None,
        person=_request({**data["person"], "anonymous": True}) if "person" in data else None,
        rotates=data.get("rotates", False),
        **{key: data[key] for key in plain if key in data},
    )


def _budget(data: Plain) -> BudgetSpec:
    return BudgetSpec(
        name=data["name"],
        scope=data["scope"],
        limit=float(data.get("limit", 0)),
        period_seconds=_PERIOD_SECONDS[data.get("per", "second")],
        burst=float(data.get("burst", 0)),
        counts=data.get("counts", "calls"),
    )


def _signal(data: Plain) -> RateSignal:
    return RateSignal(**_tuples(data))


def _errors(data: Plain) -> tuple[ErrorRule, ...]:
    throttled = [
        ErrorRule(
            _condition(item["when"]),
            ErrorKind.THROTTLED,
            wait=_wait(item.get("wait", {})),
            budget=item.get("budget", ""),
        )
        for item in data.get("throttled_when", [])
    ]
    others = [
        ErrorRule(_condition(item["when"]), ErrorKind(item["is"]), item.get("hint", ""))
        for item in data.get("errors", [])
    ]
    return tuple(throttled + others)


def _condition(data: Plain) -> Condition:
    status = data.get("status", [])
    body = data.get("body", {})
    return Condition(
        statuses=tuple(status) if isinstance(status, list) else (status,),
        body=tuple(
            (path, tuple(_word(value) for value in values)) for path, values in body.items()
        ),
    )


def _word(value: Any) -> str:
    """A scalar as JSON writes it: `false`, `8`, `THROTTLED`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(data: Plain) -> tuple[tuple[str, str], ...]:
    return tuple((path, _word(value)) for path, value in data.items())


def _wait(data: Plain) -> WaitRule:
    return WaitRule(
        path=data.get("from", ""),
        unit=data.get("unit", "duration"),
        seconds=data.get("seconds"),
        until_midnight=data.get("until_midnight", ""),
    )


def _check(data: Plain) -> CheckSpec:
    return CheckSpec(_request(data["request"]), data["records"], data["fields"])


def _discover(data: Plain) -> DiscoverSpec:
    roots = data.get("roots", {})
    return DiscoverSpec(
        request=_request(data["request"]),
        records=data["records"],
        fields=data["fields"],
        roots=_request(roots["request"]) if roots else None,
        roots_records=roots.get("records", ""),
        roots_strip=roots.get("strip", ""),
        roots_pages=_pagination(roots.get("page", {})),
        pages=_pagination(data.get("page", {})),
        where=_words(data.get("where", {})),
        settings=data.get("settings", {}),
    )


def _request(data: Plain) -> RequestSpec:
    rest = {key: value for key, value in data.items() if key != "path"}
    return RequestSpec(url=data["path"], **rest)


def _stream(document: YamlDocument, name: str) -> StreamSpec:
    data = document.data["streams"][name]
    words = document.data.get("words", {})
    restates = data.get("restates", {})
    history = data.get("history", {})
    return StreamSpec(
        name=name,
        source=document.data["source"],
        fact=data["fact"],
        fields=tuple(
            build_field(key, item, words, data.get("figures", ""))
            for key, item in data["fields"].items()
        ),
        key=tuple(data["key"]),
        mapping=tuple(build_mapping(column, item) for column, item in data["map"].items()),
        slice=_slice(data["slice"]),
        restates_days=restates.get("days", 0),
        restates_because=restates.get("because", ""),
        history_days=history.get("days", 0),
        history_because=history.get("because", ""),
        request=_request(data["request"]),
        records=data["records"],
        ignore=tuple(data.get("ignore", ())),
        where=_words(data.get("where", {})),
        pagination=_pagination(data.get("page", {})),
        report=_report(data["report"]) if "report" in data else None,
        body=BodyFormat(data.get("body", "json")),
        compression=data.get("compression", "none"),
        notices=tuple(
            Notice(_condition(item["when"]), item["detail"]) for item in data.get("notices", [])
        ),
        rest=_rest(data["rest"]) if "rest" in data else None,
        evidence=_evidence(document, ("streams", name)) if "evidence" in data else None,
    )


def _rest(data: Plain) -> Rest:
    return Rest(_request(data["request"]), tuple(data["by"]), data["without"])


def _slice(data: Plain) -> SliceRule:
    lookback = dt.timedelta(minutes=data.get("lookback_minutes", 0))
    return SliceRule(data["by"], data.get("days", 0), lookback)


def _pagination(data: Plain) -> Pagination:
    size, inner = data.get("size"), data.get("inner")
    rest = {key: value for key, value in data.items() if key not in ("size", "inner")}
    return Pagination(
        **rest,
        size=PageSize(**size) if size else None,
        inner=InnerPages(**inner) if inner else None,
    )


def _report(data: Plain) -> ReportSpec:
    duplicate = data.get("duplicate", {})
    return ReportSpec(
        submit=_request(data["submit"]),
        job=data["job"],
        poll=_request(data["poll"]),
        status=data["status"],
        done=tuple(data["done"]),
        failed=tuple(data["failed"]),
        reason=data.get("reason", ""),
        url=data.get("url", ""),
        every_seconds=data.get("every_seconds", 10.0),
        give_up_seconds=data.get("give_up_minutes", 180.0) * _SECONDS_PER_MINUTE,
        duplicate=_condition(duplicate["when"]) if duplicate else None,
        duplicate_job=duplicate.get("job", ""),
    )


def build_field(name: str, data: Plain, words: Plain, figures: str = "") -> Field:
    """Build one entry of `fields`.

    Args:
        name: Of the field.
        data: Fits the schema.
        words: The document's word lists by name.
        figures: What numbers, days and flags hold that do not say it themselves; empty: unsaid.
    """
    paths = data["from"] if isinstance(data["from"], list) else [data["from"]]
    plain = (
        *("unit", "required", "format", "minimum", "round"),
        *("join", "sum", "strip", "less", "note", "identifier"),
    )
    return Field(
        name=name,
        paths=tuple(paths),
        type=FieldType(data["type"]),
        holds=CLASSIFICATIONS.get(
            data.get("holds", "" if FieldType(data["type"]) in _SPEAKS else figures)
        ),
        null_as=tuple(data.get("null_as", ())),
        when_present=tuple(data.get("when_present", {}).items()),
        words=tuple(words.get(data.get("words", ""), {}).items()),
        **{key: data[key] for key in plain if key in data},
    )


def build_mapping(column: str, data: str | Plain) -> ColumnMapping:
    """Build one entry of `map`: a field, `$account.currency` (or `time_zone`) or a mapping."""
    if isinstance(data, str):
        if data.startswith("$account."):
            return ColumnMapping(column, account=data.removeprefix("$account."))
        return ColumnMapping(column, field=data)
    return ColumnMapping(
        column=column,
        field=data.get("from"),
        constant=data.get("constant"),
        enum=data.get("enum", {}),
        otherwise=data.get("otherwise"),
        missing=data.get("missing"),
    )
