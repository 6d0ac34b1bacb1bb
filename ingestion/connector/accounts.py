"""What credentials can see: is this account reachable, and which others are there.

check:    account id -> one request -> label, currency, time zone
discover: roots -> accounts below each root, each once
"""

import dataclasses
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from domain.errors import InvalidInputError
from ingestion.connector.failures import AccountNotAccessibleError
from ingestion.connector.job import Access, DiscoveredAccount
from ingestion.connector.pagination import PageState, first_state, next_state, place
from ingestion.connector.paths import find_all, find_first
from ingestion.connector.records import keep_where, select
from ingestion.connector.spec import DiscoverSpec, Pagination, RequestSpec, SourceSpec
from ingestion.connector.template import fill, places_of
from ingestion.connector.transport import Transport

__all__ = ["check_account", "clean_account_id", "discover_accounts"]

_PER_ACCOUNT: Final = frozenset({"account", "root"})


def clean_account_id(source: SourceSpec, account_id: str) -> str:
    """The account id as the API takes it, for example without the dashes that people write.

    Raises:
        InvalidInputError: Not of the source's form; nothing else may get into a URL.
    """
    rule = source.account
    text = "".join(letter for letter in account_id if letter not in rule.strip)
    if not re.fullmatch(rule.pattern, text):
        raise InvalidInputError(
            f"{account_id!r} is no {rule.label} of {source.label}",
            hint=f"it looks like {rule.example}",
        )
    return text


async def check_account(transport: Transport, access: Access) -> DiscoveredAccount:
    """Prove that the credentials reach the account.

    Raises:
        ProviderError: They do not; the error says why.
        AccountNotAccessibleError: The provider answers, but knows no such account.
    """
    source = access.source
    spec = source.check
    account_id = clean_account_id(source, access.account.account_id)
    places = {"account": account_id, "version": source.api.version}
    document = await transport.document(spec.request, places)
    rows = select(document, spec.records).rows
    if not rows:
        raise AccountNotAccessibleError(
            f"{source.label} answers, but has no {source.account.label} {account_id}",
            hint="check the account id",
        )
    return _account(rows[0], spec.fields, account_id, access.account.settings)


async def discover_accounts(transport: Transport, access: Access) -> list[DiscoveredAccount]:
    """Every account that the credentials see, by id.

    A root that cannot be opened (closed, or not permitted) is passed over.

    Args:
        transport: With the credentials.
        access: Its account is the root to look below where the source lists none.
    """
    source = access.source
    spec = source.discover
    if spec is None:
        return [await check_account(transport, access)]
    found: dict[str, DiscoveredAccount] = {}
    for root in await _roots(transport, access, spec):
        places = {"account": root, "root": root, "version": source.api.version}
        settings = fill(spec.settings, places, {})
        try:
            async for document in _documents(
                transport, spec.request, spec.pages, places, spec.records
            ):
                rows, _ = keep_where(select(document, spec.records), spec.where)
                for row in rows.rows:
                    account = _account(row, spec.fields, root, settings)
                    found.setdefault(account.account_id, account)
        except AccountNotAccessibleError:
            continue
    return [found[key] for key in sorted(found)]


async def _roots(transport: Transport, access: Access, spec: DiscoverSpec) -> list[str]:
    """The accounts to look below; one without a name where the source lists all at once."""
    source = access.source
    if spec.roots is None:
        if not _PER_ACCOUNT.isdisjoint(places_of(dataclasses.asdict(spec.request))):
            return [clean_account_id(source, access.account.account_id)]
        return [""]
    places = {"version": source.api.version}
    ids = [
        str(value)
        async for document in _documents(
            transport, spec.roots, spec.roots_pages, places, spec.roots_records
        )
        for value in find_all(document, spec.roots_records)
    ]
    return [clean_account_id(source, text.removeprefix(spec.roots_strip)) for text in ids]


async def _documents(
    transport: Transport,
    request: RequestSpec,
    pages: Pagination,
    places: Mapping[str, Any],
    records: str,
) -> AsyncIterator[Any]:
    """The answers to a request, page by page."""
    state: PageState | None = first_state(pages)
    while state is not None:
        document = await transport.document(place(request, pages, state), places)
        yield document
        state = next_state(pages, state, {}, document, len(find_all(document, records)))


def _account(
    row: Any, fields: Mapping[str, str], account_id: str, settings: Mapping[str, str]
) -> DiscoveredAccount:
    texts = {name: find_first(row, path) for name, path in fields.items()}
    return DiscoveredAccount(
        account_id=str(texts.get("account_id") or account_id),
        label=str(texts.get("label") or ""),
        currency=str(texts.get("currency") or ""),
        time_zone=str(texts.get("time_zone") or ""),
        settings=settings,
    )
