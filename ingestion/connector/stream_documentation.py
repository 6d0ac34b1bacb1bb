"""One stream of a source file told to people, as Markdown.

StreamSpec -> how it is read, a table of its fields, their words, the request -> describe_stream
"""

from collections.abc import Iterator
from typing import Final

import orjson

from ingestion.connector.markdown import bullets, code, codes, table
from ingestion.connector.spec import (
    Evidence,
    Field,
    FieldType,
    Pagination,
    StreamSpec,
)

__all__ = ["describe_stream", "evidence_text"]

_TYPES: Final = {
    FieldType.STRING: "text",
    FieldType.INT: "whole number",
    FieldType.DECIMAL: "number",
    FieldType.FLOAT: "number",
    FieldType.MONEY: "money",
    FieldType.DATE: "date",
    FieldType.TIMESTAMP: "instant",
    FieldType.LOCAL_DATE: "day of an instant at the account",
    FieldType.BOOL: "yes or no",
    FieldType.JSON: "JSON",
}
_UNITS: Final = {"units": "", "micros": " in millionths", "minor": " in the smallest coins"}
_PAGES: Final = {
    "none": "one answer is all",
    "token": "pages by token",
    "offset": "pages by offset",
    "page": "numbered pages",
    "link_header": "pages by the header `Link`",
    "next_url": "pages by URL",
}
_NOT_MAPPED: Final = "raw table only"
_SEALED: Final = "identity graph only"


def evidence_text(evidence: Evidence) -> str:
    """What was checked against what, and when."""
    return f"{evidence.checked}, {evidence.kind}: {evidence.place}"


def describe_stream(stream: StreamSpec, evidence: Evidence) -> str:
    """A section about one stream.

    Args:
        stream: Of a source.
        evidence: Of the source, for a stream that has none of its own.
    """
    columns = _columns_by_field(stream)
    rows = [
        (
            code(field.name),
            _path(field),
            _type(field),
            codes(columns.get(field.name, ())) or (_SEALED if field.identifier else _NOT_MAPPED),
            "; ".join(_remarks(field)),
        )
        for field in stream.fields
    ]
    parts = [
        f"### {stream.name} → {stream.fact}\n",
        bullets(_facts(stream, evidence)),
        table(("Field", "Path", "Type", "Column", "Remarks"), rows),
        bullets(_words(stream)),
        _request_block(stream),
    ]
    return "\n".join(filter(None, parts))


def _facts(stream: StreamSpec, evidence: Evidence) -> Iterator[str]:
    yield f"Asks {_request(stream)}; {_pages(stream.pagination)}."
    if stream.report:
        yield "The report is ordered first, and read when it is done."
    if stream.rest:
        by = codes(stream.rest.by)
        yield f"Asks for the whole as well; what no part has is booked by {by} alone."
    if stream.where:
        conditions = (f"{code(path)} is {code(word)}" for path, word in stream.where)
        yield f"Only records count whose {' and '.join(conditions)}."
    if stream.restates_because:
        days = f"{stream.restates_days} days are" if stream.restates_days else "No day is"
        yield f"{days} read again: {stream.restates_because}."
    if stream.history_days:
        yield f"{stream.history_days:,} days can be read: {stream.history_because}."
    yield f"A row is named by {codes(stream.key)}."
    yield from _filled(stream)
    if stream.evidence is None:
        yield f"Checked {evidence.checked}, as the whole file."
    else:
        yield f"Checked {evidence_text(stream.evidence)}."


def _filled(stream: StreamSpec) -> Iterator[str]:
    for item in stream.mapping:
        if item.constant is not None:
            yield f"{code(item.column)} is {code(item.constant)} in every row."
    of_account = [item.column for item in stream.mapping if item.account is not None]
    if of_account:
        yield f"From the account: {codes(of_account)}."


def _request(stream: StreamSpec) -> str:
    request = stream.request
    asked = code(f"{request.method} {request.url}") if request else "for a file"
    if stream.slice.kind == "cursor":
        return f"{asked} for what has changed"
    days = stream.slice.days
    return f"{asked} for {'one day' if days == 1 else f'up to {days} days'} at a time"


def _pages(rule: Pagination) -> str:
    parts = [_PAGES[rule.kind]]
    if rule.size and rule.size.maximum:
        parts.append(f"at most {rule.size.maximum:,} records each")
    if rule.total:
        parts.append(f"whole when {code(rule.total)} have come")
    if rule.cap:
        parts.append(f"fewer days where there could be {rule.cap:,} or more")
    if rule.inner:
        parts.append(f"lists in {code(rule.inner.each)} go on by themselves")
    return ", ".join(parts)


def _columns_by_field(stream: StreamSpec) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for item in stream.mapping:
        if item.field is not None:
            columns.setdefault(item.field, []).append(item.column)
    return columns


def _path(field: Field) -> str:
    if field.sum:
        return " + ".join(map(code, field.paths))
    between = ", then " if field.join else ", or "
    return between.join(map(code, field.paths))


def _type(field: Field) -> str:
    form = f" {code(field.format)}" if field.format else ""
    return _TYPES[field.type] + _UNITS[field.unit] + form


def _remarks(field: Field) -> list[str]:
    nulls = ", ".join(code(word) if word else "empty" for word in field.null_as)
    remarks = (
        (field.note, field.note),
        (field.required, "required"),
        (field.null_as, f"{nulls}: no value"),
        (field.minimum is not None, f"not below {field.minimum}"),
        (field.round, "rounded"),
        (field.strip, f"without {code(field.strip)}"),
        (field.join, f"joined by {code(field.join)}"),
        (field.less, f"less {code(field.less)}"),
        *((True, f"{code(word)} where {code(path)} is") for path, word in field.when_present),
        (field.column.personal, f"personal: {code(field.column.personal)}"),
        (field.identifier, "names a person: never in the warehouse"),
    )
    return [text for is_said, text in remarks if is_said]


def _words(stream: StreamSpec) -> Iterator[str]:
    for field in stream.fields:
        if field.words:
            listed = ", ".join(f"{code(pattern)} → {code(word)}" for pattern, word in field.words)
            yield f"{code(field.name)} is the word of the first pattern that fits: {listed}."
    for item in stream.mapping:
        texts = [f"{theirs or 'empty'} → {_word(ours)}" for theirs, ours in item.enum.items()]
        if item.otherwise is not None:
            texts.append(f"any other → {_word(item.otherwise)}")
        if item.missing is not None:
            texts.append(f"none → {_word(item.missing)}")
        if texts:
            yield f"{code(item.column)} of {code(str(item.field))}: {', '.join(texts)}."
    for notice in stream.notices:
        yield f"The answer may tell: {notice.detail}."


def _word(ours: str) -> str:
    return code(ours) if ours else "no value"


def _request_block(stream: StreamSpec) -> str:
    """What is asked for, by the platform's own names, folded away."""
    request = stream.request
    asked = (request.json or request.form or request.query) if request else None
    if not asked:
        return ""
    body = orjson.dumps(asked, option=orjson.OPT_INDENT_2).decode()
    return f"<details><summary>The request</summary>\n\n```json\n{body}\n```\n\n</details>\n"
