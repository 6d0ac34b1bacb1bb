"""What a schema cannot see: that a map fits the canonical facts.

document that fits the schema -> check_map -> one error that lists every mistake
"""

import datetime as dt
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain.errors import InvalidInputError
from domain.facts import FACTS, refinements
from domain.facts.fact import ColumnType, Fact
from domain.facts.tables import facts_table
from domain.money import parse_currency
from domain.yaml_document import (
    InvalidDocumentError,
    Mistake,
    YamlDocument,
    did_you_mean,
)
from ingestion.connector.spec_check import CANONICAL, mappable_columns

__all__ = ["check_map"]

Plain = Mapping[str, Any]
Place = tuple[str | int, ...]

_FROM_ACCOUNT: Final = frozenset({"currency", "time_zone"})
_SOME_DAY: Final = dt.datetime(2026, 10, 31, 23, 59, 58, tzinfo=dt.UTC)


def check_map(document: YamlDocument) -> None:
    """Check that a map makes sense.

    Raises:
        InvalidDocumentError: With every mistake.
    """
    mistakes = [*_account_mistakes(document), *_file_mistakes(document)]
    names: list[str] = []
    for index, feed in enumerate(document.data["feeds"]):
        place = ("feeds", index)
        fact = FACTS.get(feed["fact"])
        if fact is None:
            hint = did_you_mean(feed["fact"], FACTS)
            mistakes.append(
                document.mistake((*place, "fact"), f"there is no fact {feed['fact']!r}{hint}")
            )
            continue
        name = feed.get("name", fact.name)
        if name in names:
            mistakes.append(
                document.mistake(place, f"a feed named {name!r} stands above; give this one a name")
            )
        names.append(name)
        mistakes.extend(_feed_mistakes(document, place, fact, feed))
        mistakes.extend(_identifier_mistakes(document, place, fact, feed))
    if mistakes:
        raise InvalidDocumentError(document.name, mistakes)


def _account_mistakes(document: YamlDocument) -> Iterator[Mistake]:
    account = document.data.get("account", {})
    if "currency" in account:
        try:
            parse_currency(account["currency"])
        except InvalidInputError as error:
            yield document.mistake(("account", "currency"), str(error))
    if "time_zone" in account and account["time_zone"] not in zoneinfo.available_timezones():
        hint = did_you_mean(account["time_zone"], sorted(zoneinfo.available_timezones()))
        hint = hint if "mean" in hint else ", for example Europe/Berlin"
        yield document.mistake(
            ("account", "time_zone"), f"{account['time_zone']!r} is not a time zone{hint}"
        )


def _file_mistakes(document: YamlDocument) -> Iterator[Mistake]:
    file = document.data["file"]
    separators = [file.get("delimiter", ","), file.get("decimal", ".")]
    if file.get("thousands") == file.get("decimal", "."):
        yield document.mistake(("file", "thousands"), "is the decimal separator too")
    if separators[0] == separators[1]:
        yield document.mistake(
            ("file", "decimal"), "is the delimiter too; say which delimiter the file has"
        )
    yield from _format_mistakes(document, ("file", "dates"), file.get("dates"))


def _format_mistakes(
    document: YamlDocument, place: Place, pattern: str | None
) -> Iterator[Mistake]:
    """A format of days must tell year, month and day."""
    if pattern is None:
        return
    try:
        written = _SOME_DAY.strftime(pattern)
        is_told = dt.datetime.strptime(written, pattern).date() == _SOME_DAY.date()  # noqa: DTZ007
    except ValueError:
        is_told = False
    if not is_told:
        yield document.mistake(
            place, f"{pattern!r} is no format of dates; an example is '%d.%m.%Y'"
        )


def _feed_mistakes(
    document: YamlDocument, place: Place, fact: Fact, feed: Plain
) -> Iterator[Mistake]:
    yield from _part_mistakes(document, place, fact, feed, constants="constants")
    always = {*feed.get("constants", {}), *feed["columns"]}
    if "unpivot" not in feed:
        yield from _needed_mistakes(document, (*place, "columns"), fact, always)
    for index, item in enumerate(feed.get("unpivot", ())):
        inner = (*place, "unpivot", index)
        yield from _part_mistakes(document, inner, fact, item, constants="set")
        own = {*item["set"], *item["columns"]}
        for name in sorted(own & always):
            yield document.mistake(inner, f"{name!r} is given for every row already")
        yield from _needed_mistakes(document, inner, fact, always | own)
        if item["set"] in [other["set"] for other in feed["unpivot"][:index]]:
            yield document.mistake(
                (*inner, "set"), "stands above too; two rows of a line would have the same key"
            )


def _identifier_mistakes(
    document: YamlDocument, place: Place, fact: Fact, feed: Plain
) -> Iterator[Mistake]:
    """What is wrong with the columns of the file that name people, and never land."""
    given = feed.get("identifiers", {})
    if given and not facts_table(fact).names_people:
        yield document.mistake((*place, "identifiers"), f"rows of {fact.name} name nobody")
    elif "person" in given and fact.column("customer_id"):
        text = f"{fact.name} has a column for it: give it as customer_id"
        yield document.mistake((*place, "identifiers", "person"), text)
    landing = {
        name
        for other in document.data["feeds"]
        for part in (other, *other.get("unpivot", ()))
        for name in (
            *other["key"],
            *(item if isinstance(item, str) else item["from"] for item in part["columns"].values()),
        )
    }
    for kind, name in given.items():
        if kind != "person" and name in landing:
            text = f"{name!r} never lands, so it is no part of 'key' or 'columns'"
            yield document.mistake((*place, "identifiers", kind), text)


def _needed_mistakes(
    document: YamlDocument, place: Place, fact: Fact, given: set[str]
) -> Iterator[Mistake]:
    for name, is_needed in mappable_columns(fact).items():
        if is_needed and name not in given | _FROM_ACCOUNT:
            yield document.mistake(place, f"{name!r} is missing, which {fact.name} needs")


def _part_mistakes(
    document: YamlDocument, place: Place, fact: Fact, part: Plain, *, constants: str
) -> Iterator[Mistake]:
    """What is wrong with the constants and columns of a feed, or of one of its sets."""
    known = [name for name in mappable_columns(fact) if name not in _FROM_ACCOUNT]
    for group in (constants, "columns"):
        for name, item in part.get(group, {}).items():
            where = (*place, group, name)
            if name in _FROM_ACCOUNT:
                yield document.mistake(
                    where, f"is one for the whole file: give it as account.{name}"
                )
            elif name not in known:
                hint = _finer_cut(fact, name) or did_you_mean(name, known)
                yield document.mistake(where, f"{fact.name} has no column {name!r}{hint}")
            elif group == "columns":
                yield from _column_mistakes(document, where, fact, name, item)
            else:
                yield from _constant_mistakes(document, where, fact, name, item)


def _finer_cut(fact: Fact, column: str) -> str:
    """Which whole cut of the fact has the column: a file that feeds it feeds the fact as well."""
    for cut in refinements(fact.name):
        if column in mappable_columns(cut) and not cut.is_partial:
            return f"; {cut.name} has, and what it is given counts in {fact.name} too"
    return ""


def _constant_mistakes(
    document: YamlDocument, place: Place, fact: Fact, name: str, word: str
) -> Iterator[Mistake]:
    if _type_of(fact, name) is not ColumnType.STRING:
        yield document.mistake(place, "only columns of text can be constant")
    yield from _word_mistakes(document, place, name, word)


def _column_mistakes(
    document: YamlDocument, place: Place, fact: Fact, name: str, item: Any
) -> Iterator[Mistake]:
    if isinstance(item, str):
        return
    kind = _type_of(fact, name)
    column = fact.column(name)
    allowed = {
        "type": kind is ColumnType.DATE,
        "format": kind in {ColumnType.DATE, ColumnType.TIMESTAMP},
        "unit": column is not None and column.money,
        "round": kind is ColumnType.INT64,
        **dict.fromkeys(("enum", "otherwise", "missing"), kind is ColumnType.STRING),
    }
    for option in allowed.keys() & item.keys():
        if not allowed[option]:
            yield document.mistake((*place, option), f"does not fit {name}, which is {kind.value}")
    if allowed["format"]:
        yield from _format_mistakes(document, (*place, "format"), item.get("format"))
    if "otherwise" in item and "enum" not in item:
        yield document.mistake((*place, "otherwise"), "needs an 'enum'")
    words: dict[Place, str] = {("enum", word): ours for word, ours in item.get("enum", {}).items()}
    words |= {(option,): item[option] for option in ("otherwise", "missing") if option in item}
    for inner, word in words.items():
        yield from _word_mistakes(document, (*place, *inner), name, word)


def _word_mistakes(
    document: YamlDocument, place: Place, column: str, word: str
) -> Iterator[Mistake]:
    canonical = CANONICAL.get(column)
    if canonical and word not in canonical:
        hint = did_you_mean(word, canonical)
        yield document.mistake(place, f"{word!r} is not a canonical {column}{hint}")


def _type_of(fact: Fact, name: str) -> ColumnType:
    return {column.name: column.type for column in fact.all_columns}[name]
