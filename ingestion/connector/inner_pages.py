"""Lists inside records that are longer than their part of a page.

    page -> enclosing records whose list goes on -> one by one, page by page -> the next page

GraphQL pages a connection inside each node of another: fifty orders with twenty lines each leave
lines out of an order that has more. Such an order is asked for alone, by the same query.
"""

from collections.abc import Iterator
from typing import Any

from ingestion.connector.failures import IncompleteAnswerError
from ingestion.connector.paths import find_all, find_first
from ingestion.connector.records import MalformedAnswerError, word_of
from ingestion.connector.spec import InnerPages

__all__ = ["OpenList", "asked_alone", "open_lists", "still_open"]

OpenList = tuple[str, str]  # what names the enclosing record, and where its list goes on


def open_lists(rule: InnerPages, document: Any) -> tuple[OpenList, ...]:
    """The enclosing records of a page whose list goes on, in order.

    Raises:
        MalformedAnswerError: A list goes on, but nothing tells where.
    """
    return tuple(_open_lists(rule, find_all(document, rule.each)))


def still_open(rule: InnerPages, document: Any, asked: OpenList) -> tuple[OpenList, ...]:
    """The same of the answer about one record: itself, or none when its list has ended.

    Raises:
        IncompleteAnswerError: The answer is not about that record.
        MalformedAnswerError: Its list goes on, but nothing tells where.
    """
    name, _ = asked
    records = [
        record
        for record in find_all(document, rule.each)
        if word_of(find_first(record, rule.id)) == name
    ]
    if not records:
        raise IncompleteAnswerError(
            f"{rule.id} {name} has more records than were sent, and is gone when asked for them",
            hint="the sync is tried again by itself",
        )
    return tuple(_open_lists(rule, records))


def _open_lists(rule: InnerPages, records: list[Any]) -> Iterator[OpenList]:
    for record in records:
        if find_first(record, rule.more) is not True:
            continue
        token = find_first(record, rule.token)
        if token in (None, ""):
            raise MalformedAnswerError(f"{rule.more!r} is true, but {rule.token!r} is empty")
        yield word_of(find_first(record, rule.id)), word_of(token)


def asked_alone(rule: InnerPages, asked: OpenList) -> list[tuple[str, Any]]:
    """Place in a request -> value, to ask for the rest of one record's list."""
    name, token = asked
    alone = [
        (target, value.replace("{id}", name) if isinstance(value, str) else value)
        for target, value in rule.alone.items()
    ]
    return [*alone, (rule.to, token)]
