"""What a schema cannot see: that the parts of a source file fit each other and the canonical facts.

SourceSpec + its document -> one error that lists every mistake
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.errors import InvalidInputError
from domain.facts import FACTS
from domain.facts.ads import CHANNELS, DEVICES, MATCH_TYPES
from domain.facts.fact import Fact, Supersession
from domain.facts.orders import ORDER_STATUSES
from domain.yaml_document import (
    InvalidDocumentError,
    Mistake,
    YamlDocument,
    did_you_mean,
)
from ingestion.connector.paths import parse_path
from ingestion.connector.people_check import people_mistakes
from ingestion.connector.raw_table import LINEAGE
from ingestion.connector.spec import (
    ColumnMapping,
    Field,
    FieldType,
    Rest,
    SourceSpec,
    StreamSpec,
)
from ingestion.connector.template import places_of

__all__ = ["CANONICAL", "check_source", "mappable_columns", "mapping_mistakes"]

CANONICAL: Final = {
    "channel": CHANNELS,
    "device": DEVICES,
    "match_type": MATCH_TYPES,
    "order_status": ORDER_STATUSES,
}

_ALWAYS: Final = frozenset({"account", "version"})
_DATE_PLACES: Final = frozenset(
    {
        f"{end}{part}" for end in ("from", "to") for part in ("", ".year", ".month", ".day")
    } | {"from.midnight", "to.next_midnight"}
)  # fmt: skip
_CURSOR_PLACES: Final = frozenset({"from", "to", "from.millis", "to.millis"})
_JOB_PLACES: Final = frozenset({"job"})
_READ_PLACES: Final = frozenset({"job", "report_url"})
_REPORTING_DATE: Final = "reporting_date"
_AMOUNTS: Final = (FieldType.MONEY, FieldType.DECIMAL)
_NUMBERS: Final = frozenset({FieldType.INT, FieldType.DECIMAL, FieldType.FLOAT, FieldType.MONEY})


def check_source(document: YamlDocument, spec: SourceSpec) -> None:
    """Check that a source makes sense.

    Raises:
        InvalidDocumentError: With every mistake.
    """
    mistakes = [*_source_mistakes(document, spec)]
    for stream in spec.streams.values():
        mistakes.extend(_stream_mistakes(document, stream))
    if mistakes:
        raise InvalidDocumentError(document.name, mistakes)


def _source_mistakes(document: YamlDocument, spec: SourceSpec) -> Iterator[Mistake]:
    if document.name != f"{spec.name}.yaml":
        yield document.mistake(("source",), f"the file of {spec.name!r} is {spec.name}.yaml")
    if not re.fullmatch(spec.account.pattern, spec.account.example):
        yield document.mistake(
            ("account", "example"), f"does not fit the pattern {spec.account.pattern}"
        )
    yield from _host_mistakes(document, spec, ())
    yield from _zone_mistakes(document)
    yield from _budget_mistakes(document, spec)
    data = document.data
    yield from _template_mistakes(document, ("api", "base_url"), spec.api.base_url, _ALWAYS)
    yield from _template_mistakes(document, ("check", "request"), data["check"]["request"], _ALWAYS)
    if spec.auth.kind == "oauth2_refresh" and not spec.auth.token_url:
        yield document.mistake(("auth",), "'token_url' is missing, which oauth2_refresh needs")
    yield from _consent_mistakes(document, spec)
    for list_name, patterns in data.get("words", {}).items():
        for pattern in patterns:
            yield from _pattern_mistakes(document, ("words", list_name, pattern), pattern)


def _consent_mistakes(document: YamlDocument, spec: SourceSpec) -> Iterator[Mistake]:
    auth, consent = spec.auth, spec.auth.consent
    if auth.token_url:
        yield from _template_mistakes(document, ("auth", "token_url"), auth.token_url, _ALWAYS)
    if consent is None:
        return
    place = ("auth", "consent")
    data = document.data["auth"]["consent"]
    if not consent.exchange_url and not auth.token_url:
        yield document.mistake((*place, "token"), "'url' is missing, and 'auth' has no 'token_url'")
    for part in ("authorize", "token"):
        if part in data:
            yield from _template_mistakes(document, (*place, part), data[part], _ALWAYS)
    for part in ("longer", "person"):
        if part in data:
            allowed = _ALWAYS | {"access_token"}
            yield from _template_mistakes(document, (*place, part), data[part], allowed)
    if consent.rotates and auth.kind != "oauth2_refresh":
        yield document.mistake((*place, "rotates"), "only tokens of oauth2_refresh rotate")


def _budget_mistakes(document: YamlDocument, spec: SourceSpec) -> Iterator[Mistake]:
    known = [budget.name for budget in spec.budgets if budget.counts == "calls"]
    for index, budget in enumerate(spec.budgets):
        if budget.counts != "calls" and not budget.limit:
            yield document.mistake(
                ("budgets", index), "'limit' is missing, which budgets of server errors need"
            )
    for part in ("rate_signals", "throttled_when"):
        for index, item in enumerate(document.data.get(part, [])):
            named = item.get("budget")
            if named is not None and named not in known:
                hint = did_you_mean(named, known)
                yield document.mistake(
                    (part, index, "budget"), f"there is no budget {named!r}{hint}"
                )


def _host_mistakes(
    document: YamlDocument, spec: SourceSpec, place: tuple[str | int, ...]
) -> Iterator[Mistake]:
    """Of every request of the file: each stands in a mapping, with its `method` beside it."""
    node = document.data
    for step in place:
        node = node[step]
    if not isinstance(node, dict):
        return
    host = node.get("host") if "method" in node else None
    if host is not None and host not in spec.api.other_urls:
        hint = did_you_mean(host, spec.api.other_urls)
        yield document.mistake((*place, "host"), f"api.other_urls has no {host!r}{hint}")
    for key in node:
        yield from _host_mistakes(document, spec, (*place, key))


def _zone_mistakes(document: YamlDocument) -> Iterator[Mistake]:
    signals = [
        (("rate_signals", index), item)
        for index, item in enumerate(document.data.get("rate_signals", []))
    ]
    waits = [
        (("throttled_when", index, "wait"), item.get("wait", {}))
        for index, item in enumerate(document.data.get("throttled_when", []))
    ]
    for place, item in (*signals, *waits):
        zone = item.get("until_midnight", "UTC")
        try:
            ZoneInfo(zone)
        except (ValueError, ZoneInfoNotFoundError):
            yield document.mistake((*place, "until_midnight"), f"{zone!r} is no time zone")


def _pattern_mistakes(
    document: YamlDocument, place: tuple[str | int, ...], pattern: str
) -> Iterator[Mistake]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield document.mistake(place, f"is not a regular expression: {error}")


def _stream_mistakes(document: YamlDocument, stream: StreamSpec) -> Iterator[Mistake]:
    place = ("streams", stream.name)
    data = document.data["streams"][stream.name]
    by_date = stream.slice.kind == "date"
    if by_date and not stream.slice.days:
        yield document.mistake((*place, "slice"), "'days' is missing, which slices by date need")
    window = _DATE_PLACES if by_date else _CURSOR_PLACES
    allowed = _ALWAYS | window | (_READ_PLACES if stream.report else frozenset())
    yield from _template_mistakes(document, (*place, "request"), data["request"], allowed)
    if stream.report:
        for name, places in (
            ("submit", _ALWAYS | window),
            ("poll", _ALWAYS | window | _JOB_PLACES),
        ):
            template = data["report"][name]
            yield from _template_mistakes(document, (*place, "report", name), template, places)
    yield from _inner_mistakes(document, stream)
    if stream.rest:
        yield from _rest_mistakes(document, stream, stream.rest, _ALWAYS | window)
    yield from _path_mistakes(document, (*place, "records"), stream.records)
    yield from _field_mistakes(document, stream)
    yield from _reference_mistakes(document, stream)
    fact = FACTS.get(stream.fact)
    if fact is None:
        hint = did_you_mean(stream.fact, FACTS)
        yield document.mistake((*place, "fact"), f"there is no fact {stream.fact!r}{hint}")
    else:
        yield from mapping_mistakes(document, (*place, "map"), fact, stream.mapping, stream.fields)
        yield from people_mistakes(document, (*place, "fields"), fact, stream)


def _inner_mistakes(document: YamlDocument, stream: StreamSpec) -> Iterator[Mistake]:
    rule, inner = stream.pagination, stream.pagination.inner
    if inner is None:
        return
    place = ("streams", stream.name, "page", "inner")
    for name in ("each", "id", "more", "token"):
        yield from _path_mistakes(document, (*place, name), getattr(inner, name))
    if rule.kind in ("link_header", "next_url") or rule.total:
        yield document.mistake(place, "needs pages that are asked for by place, without 'total'")


def _rest_mistakes(
    document: YamlDocument, stream: StreamSpec, rest: Rest, allowed: frozenset[str]
) -> Iterator[Mistake]:
    place = ("streams", stream.name, "rest")
    yield from _template_mistakes(
        document,
        (*place, "request"),
        document.data["streams"][stream.name]["rest"]["request"],
        allowed,
    )
    if stream.report:
        yield document.mistake(place, "a report that is ordered first has no rest")
    fact = FACTS.get(stream.fact)
    if fact and (fact.supersession is not Supersession.SLICE or fact.is_partial):
        yield document.mistake(place, f"{fact.name} does not have to add up to anything")
    names = [item.name for item in stream.fields]
    for index, name in enumerate(rest.by):
        if name not in names:
            hint = did_you_mean(name, names)
            yield document.mistake((*place, "by", index), f"there is no field {name!r}{hint}")
    without = stream.field(rest.without)
    if without is None:
        hint = did_you_mean(rest.without, names)
        yield document.mistake((*place, "without"), f"there is no field {rest.without!r}{hint}")
    elif without.required or without.name not in stream.key:
        yield document.mistake(
            (*place, "without"), f"{without.name!r} has to be in the key and not 'required'"
        )


def _field_mistakes(document: YamlDocument, stream: StreamSpec) -> Iterator[Mistake]:
    data = document.data["streams"][stream.name]["fields"]
    lists = document.data.get("words", {})
    for item in stream.fields:
        place = ("streams", stream.name, "fields", item.name)
        for path in (*item.paths, item.less, *(path for path, _ in item.when_present)):
            yield from _path_mistakes(document, place, path)
        named = data[item.name].get("words")
        if named is not None and named not in lists:
            hint = did_you_mean(named, lists)
            yield document.mistake((*place, "words"), f"there is no word list {named!r}{hint}")
        if item.sum and item.type not in _NUMBERS:
            yield document.mistake((*place, "sum"), "only numbers are added up")
        if item.unit != "units" and item.type is not FieldType.MONEY:
            yield document.mistake((*place, "unit"), "only money has a unit")
        if item.less and (item.type not in _AMOUNTS or item.unit != "units"):
            yield document.mistake((*place, "less"), "only amounts in units are reduced")
        if item.name in {column.name for column in LINEAGE}:
            yield document.mistake(place, "this name is taken by the columns of every raw table")


def _reference_mistakes(document: YamlDocument, stream: StreamSpec) -> Iterator[Mistake]:
    names = [item.name for item in stream.fields]
    for index, key in enumerate(stream.key):
        if key not in names:
            place = ("streams", stream.name, "key", index)
            yield document.mistake(place, f"there is no field {key!r}{did_you_mean(key, names)}")


def _path_mistakes(
    document: YamlDocument, place: tuple[str | int, ...], path: str
) -> Iterator[Mistake]:
    try:
        parse_path(path)
    except InvalidInputError as error:
        yield document.mistake(place, str(error))


def _template_mistakes(
    document: YamlDocument, place: tuple[str | int, ...], template: Any, allowed: frozenset[str]
) -> Iterator[Mistake]:
    for name in places_of(template):
        if name not in allowed:
            hint = did_you_mean(name, sorted(allowed))
            yield document.mistake(
                place,
                f"{{{name}}} is not known here{hint} (a GraphQL selection needs spaces: {{ id }})",
            )


def mapping_mistakes(
    document: YamlDocument,
    place: tuple[str | int, ...],
    fact: Fact,
    mapping: tuple[ColumnMapping, ...],
    fields: tuple[Field, ...],
) -> Iterator[Mistake]:
    """What is wrong with the mapping of one fact.

    Args:
        document: For the lines.
        place: Of the mapping in it.
        fact: That is filled.
        mapping: To be checked.
        fields: That may be mapped.
    """
    known = mappable_columns(fact)
    mapped = {item.column for item in mapping}
    for name, needed in known.items():
        if needed and name not in mapped:
            yield document.mistake(place, f"{name!r} is missing, which {fact.name} needs")
    for item in mapping:
        if item.column not in known:
            hint = did_you_mean(item.column, known)
            yield document.mistake(
                (*place, item.column), f"{fact.name} has no column {item.column!r}{hint}"
            )
        else:
            yield from _column_mistakes(document, (*place, item.column), item, fields)


def mappable_columns(fact: Fact) -> dict[str, bool]:
    """Columns that a mapping may fill -> whether it must."""
    own = {column.name: column.required for column in fact.columns}
    return {_REPORTING_DATE: True, **own}


def _column_mistakes(
    document: YamlDocument,
    place: tuple[str | int, ...],
    item: ColumnMapping,
    fields: tuple[Field, ...],
) -> Iterator[Mistake]:
    given = [value for value in (item.field, item.constant, item.account) if value is not None]
    if len(given) != 1:
        yield document.mistake(place, "give one of 'from', 'constant' or $account")
    if item.account not in (None, "currency", "time_zone"):
        yield document.mistake(place, "the account has $account.currency and $account.time_zone")
    field = next((candidate for candidate in fields if candidate.name == item.field), None)
    if item.field is not None and field is None:
        hint = did_you_mean(item.field, [candidate.name for candidate in fields])
        yield document.mistake(place, f"there is no field {item.field!r}{hint}")
    canonical = CANONICAL.get(item.column)
    if canonical is None:
        return
    if field is not None and not item.enum and not field.words:
        yield document.mistake(
            place, "needs an 'enum' to the canonical words: " + ", ".join(canonical)
        )
    words = [item.constant, item.otherwise, item.missing, *item.enum.values()]
    words += [word for _, word in field.words] if field else []
    for word in words:
        if word is not None and word not in canonical:
            hint = did_you_mean(word, canonical)
            yield document.mistake(place, f"{word!r} is not a canonical {item.column}{hint}")
