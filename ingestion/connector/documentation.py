"""Source files told to people, as Markdown: what is read from which platform, and what was checked.

SourceSpec -> head, then `stream_documentation` for each stream -> describe_source
all of them -> describe_sources -> docs/sources.md
"""

from collections.abc import Iterable
from typing import Final

from ingestion.connector.markdown import code, codes, table
from ingestion.connector.spec import ApiSpec, AuthSpec, BudgetSpec, SourceSpec
from ingestion.connector.stream_documentation import describe_stream, evidence_text

__all__ = ["describe_source", "describe_sources"]

_INTRODUCTION: Final = """\
# Sources

What is read from each platform: fields, paths, types and the canonical columns that they fill,
and when that was checked against what. `bosco sources describe` writes this page from the files in
`ingestion/sources/`; do not edit it. How such a file is written is told in
[writing_a_source.md](writing_a_source.md).
"""
_PERIODS: Final = {1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}
_SCOPES: Final = {
    "provider": "all of us",
    "app": "the app",
    "account": "the account",
    "credentials": "the credentials",
}
_SIGN_IN: Final = {
    "oauth2_refresh": "an OAuth 2.0 refresh token",
    "bearer": "an access token",
    "header": "an access token",
    "query": "an access token",
    "basic": "user and password",
    "none": "nothing",
}


def describe_sources(sources: Iterable[SourceSpec]) -> str:
    """The whole page: a list of the sources, then each of them."""
    listed = sorted(sources, key=lambda source: source.label)
    rows = [
        (
            f"[{source.label}](#{source.label.lower().replace(' ', '-')})",
            code(source.name),
            f"{source.api.version}, until {source.api.sunset}",
            codes(source.streams),
        )
        for source in listed
    ]
    overview = table(("Platform", "Source", "API", "Streams"), rows)
    return "\n".join((_INTRODUCTION, overview, *map(describe_source, listed)))


def describe_source(source: SourceSpec) -> str:
    """A section about one source."""
    ready = source.ready
    head = {
        "API": f"{source.api.version}, known to answer until {source.api.sunset}",
        "Address": _addresses(source.api),
        "Account": f"{source.account.label}, for example {code(source.account.example)}",
        "Signs in with": _sign_in(source.auth),
        "A day can be read": f"from {ready.at:%H:%M} of the next one: {ready.because}",
        "Quotas": "; ".join(map(_budget, source.budgets)) or "none known",
        "Checked": evidence_text(source.evidence),
    }
    parts = [f"## {source.label}\n", table(("Source", code(source.name)), head.items())]
    parts += [describe_stream(stream, source.evidence) for stream in source.streams.values()]
    return "\n".join(parts)


def _addresses(api: ApiSpec) -> str:
    others = [f"{name}: {code(url)}" for name, url in api.other_urls.items()]
    return "; ".join((code(api.base_url), *others))


def _sign_in(auth: AuthSpec) -> str:
    scopes = f", with {codes(auth.scopes)}" if auth.scopes else ""
    return _SIGN_IN[auth.kind] + scopes + (", or by consent" if auth.consent else "")


def _budget(budget: BudgetSpec) -> str:
    whose = f"{code(budget.name)} of {_SCOPES[budget.scope]}"
    if not budget.limit:
        return f"{whose}, as answers tell"
    what = "server errors" if budget.counts == "server_errors" else "calls"
    return f"{whose}, {budget.limit:,.0f} {what} {_PERIODS[budget.period_seconds]}"
