"""Where the next page is, and whether all pages came.

    PageState -> place (into the request) -> answer -> next_state -> PageState | None (the slice is
    whole)

A page with lists that go on is followed by those lists (`ingestion.connector.inner_pages`).

Kinds: `none` (one answer is all), `token` (token, cursor or offset told by the answer, with or
without something that tells whether `more` follows), `offset` and `page` (counted here),
`link_header` (RFC 8288) and `next_url`.
"""

import copy
import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingestion.connector.failures import IncompleteAnswerError
from ingestion.connector.inner_pages import OpenList, asked_alone, open_lists, still_open
from ingestion.connector.paths import find_first
from ingestion.connector.records import MalformedAnswerError
from ingestion.connector.spec import PageSize, Pagination, RequestSpec

__all__ = ["PageState", "first_state", "is_counted", "is_cut", "next_state", "place", "shrunk"]

_NEXT_LINK: Final = re.compile(r'<([^>]*)>\s*(?:;[^,]*)?;\s*rel="?next"?')


@dataclass(frozen=True, slots=True)
class PageState:
    """Which page comes next in a slice. JSON-ready.

    Attributes:
        token: Of the next page; None: the first one.
        url: Whole URL of the next page; empty: the request's own.
        number: Page number, or records before the page.
        size: Page size; 0: the provider's own.
        ceiling: Sizes above it were refused; 0: none yet.
        seen: Records of the slice so far.
        total: Records in the whole slice, as its pages tell; None: not told.
        open: Lists inside records that go on, to be read before the page.
        ends: No page follows them.
    """

    token: Any = None
    url: str = ""
    number: int = 0
    size: int = 0
    ceiling: int = 0
    seen: int = 0
    total: int | None = None
    open: tuple[OpenList, ...] = ()
    ends: bool = False

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "PageState":
        """Read what `dataclasses.asdict` and JSON made of one."""
        lists = tuple((name, token) for name, token in stored.get("open", ()))
        return cls(**{**stored, "open": lists})

    @property
    def place(self) -> tuple[object, ...]:
        """What tells the page apart from the others of its slice."""
        return str(self.token), self.url, self.number, self.open[0] if self.open else None

    @property
    def is_first(self) -> bool:
        """Nothing of the slice has been handed out."""
        return self.token is None and not self.url and not self.seen and not self.open


def first_state(rule: Pagination) -> PageState:
    """The first page of a slice."""
    number = rule.first if rule.kind == "page" else 0
    return PageState(number=number, size=rule.size.start if rule.size else 0)


def is_counted(rule: Pagination) -> bool:
    """Whether pages are places in a list that the provider may change while it is read."""
    return rule.kind in ("offset", "page")


def place(request: RequestSpec, rule: Pagination, state: PageState) -> RequestSpec:
    """The request for a page."""
    if state.url:
        return dataclasses.replace(request, url=state.url, query={})
    values: list[tuple[str, Any]] = []
    if rule.kind == "token" and state.token is not None:
        values.append((rule.to, state.token))
    if is_counted(rule) and rule.to:
        values.append((rule.to, state.number))
    if rule.size:
        values.append((rule.size.to, state.size))
    if rule.inner and state.open:
        values.extend(asked_alone(rule.inner, state.open[0]))
    for target, value in values:
        request = _put(request, target, value)
    return request


def _put(request: RequestSpec, target: str, value: Any) -> RequestSpec:
    part, _, path = target.partition(".")
    if part == "query":
        return dataclasses.replace(request, query={**request.query, path: value})
    body = copy.deepcopy(request.json) if request.json is not None else {}
    node = body
    *parents, last = path.split(".")
    for name in parents:
        node = node.setdefault(name, {})
    node[last] = value
    return dataclasses.replace(request, json=body)


def next_state(
    rule: Pagination,
    state: PageState,
    headers: Mapping[str, str],
    document: Any,
    records: int,
) -> PageState | None:
    """The state after a page, or None when the slice is whole.

    Args:
        rule: Of the stream.
        state: Of the page that came.
        headers: Of its answer; names in lower case.
        document: Its decoded body, or None.
        records: How many records it held.

    Raises:
        IncompleteAnswerError: Fewer records came than the provider counts, or it counts others
            than before, or the rest of a list that goes on did not come.
        MalformedAnswerError: A next page is announced, but not named, or a numbered page is short.
    """
    seen = state.seen + records
    if rule.inner and state.open:
        left = (*still_open(rule.inner, document, state.open[0]), *state.open[1:])
        after = dataclasses.replace(state, seen=seen, open=left)
        return None if state.ends and not left else after
    total = _total(rule, document)
    if total is None:
        total = state.total
    elif is_counted(rule) and state.total not in (None, total):
        raise IncompleteAnswerError(
            f"the provider counted {state.total} records, and now counts {total}",
            hint="the sync is tried again by itself; the list changes while it is read",
        )
    size = _adapted(rule.size, state, document)
    after = dataclasses.replace(state, seen=seen, size=size, total=total)
    following = _following(rule, after, headers, document, records, total)
    if following is None and total is not None and seen < total:
        raise IncompleteAnswerError(
            f"the provider counts {total} records but sent {seen}",
            hint="the sync is tried again by itself; if it stays so, the provider cuts its answers",
        )
    lists = open_lists(rule.inner, document) if rule.inner else ()
    if lists:
        return dataclasses.replace(following or after, open=lists, ends=following is None)
    return following


def is_cut(rule: Pagination, document: Any, records: int) -> bool:
    """Whether the provider may have left records out without saying so, or will on a later page."""
    total = _total(rule, document) or 0
    return bool(rule.cap) and max(records, total) >= rule.cap


def _total(rule: Pagination, document: Any) -> int | None:
    value = find_first(document, rule.total) if rule.total else None
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _following(
    rule: Pagination,
    after: PageState,
    headers: Mapping[str, str],
    document: Any,
    records: int,
    total: int | None,
) -> PageState | None:
    if rule.kind == "token":
        return _by_token(rule, after, document)
    if is_counted(rule):
        done = records == 0 or (after.seen >= total if total is not None else records < after.size)
        if rule.kind == "page" and not done and records < after.size:
            raise MalformedAnswerError(
                f"page {after.number} holds {records} records instead of {after.size}, but more "
                "follow: the numbers of the next pages do not fit"
            )
        step = records if rule.kind == "offset" else 1
        return None if done else dataclasses.replace(after, number=after.number + step)
    if rule.kind == "link_header":
        link = _NEXT_LINK.search(headers.get("link", ""))
        return dataclasses.replace(after, url=link[1]) if link else None
    if rule.kind == "next_url":
        url = find_first(document, rule.token)
        return dataclasses.replace(after, url=str(url)) if url else None
    return None


def _by_token(rule: Pagination, after: PageState, document: Any) -> PageState | None:
    token = find_first(document, rule.token)
    if rule.more:
        if find_first(document, rule.more) in (None, False, ""):
            return None
        if token in (None, ""):
            raise MalformedAnswerError(f"{rule.more!r} tells of more, but {rule.token!r} is empty")
    return None if token in (None, "") else dataclasses.replace(after, token=token)


def _adapted(size: PageSize | None, state: PageState, document: Any) -> int:
    """The largest page whose cost stays below the limit, as the last answer's cost tells."""
    if size is None or not size.cost:
        return state.size
    cost = find_first(document, size.cost)
    if isinstance(cost, bool) or not isinstance(cost, int | float) or cost <= 0:
        return state.size
    wanted = int(state.size * size.cost_limit / cost)
    limits = [wanted, *(limit for limit in (size.maximum, state.ceiling) if limit)]
    return max(size.minimum, min(limits))


def shrunk(rule: Pagination, state: PageState) -> PageState | None:
    """The same page at half its size, or None when it cannot be smaller."""
    if rule.size is None or state.size <= rule.size.minimum or state.url or state.open:
        return None
    if rule.kind == "page" and not state.is_first:
        return None  # page numbers count pages of the old size
    size = max(rule.size.minimum, state.size // 2)
    return dataclasses.replace(state, size=size, ceiling=size)
