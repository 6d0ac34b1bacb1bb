"""What an export tells besides the data itself (article 15(1) and (2)), as a page to read.

    sections -> classifications of their columns -> purposes, categories, recipients, retention
    -> README.html

Written from the same classifications as the record of processing, so that they say the same.

Source: GDPR articles 12(1), 15(1)(a) to (h), 15(2) and 20.
"""

import datetime as dt
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.privacy.classification import Classification
from domain.privacy.retention_policies import RETENTION_POLICIES
from gdpr.access.sections import Section

__all__ = ["Told", "write_information"]

_RIGHTS = (
    "You may ask for correction (article 16), erasure (17), restriction (18) and a copy to take"
    " along (20), and you may object (21). You may complain to a supervisory authority, in"
    " particular where you live, work or think that the law was broken (77)."
)
_DECISIONS = (
    "No decision about you is made by a machine alone, and no profile of you is made, in the sense"
    " of article 22. Figures over many people are forecast; none of them is about you."
)
_TRANSFERS = (
    "From here your data goes to nobody outside the list of recipients above. Whether one of them"
    " is outside the European Economic Area, and under which safeguards, {controller} tells you."
)


@dataclass(frozen=True, slots=True)
class Told:
    """What the page is about.

    Attributes:
        controller: Who is responsible: the client, or the agency.
        reference: Public id of the request.
        right: In words.
        made_at: UTC instant.
    """

    controller: str
    reference: str
    right: str
    made_at: dt.datetime


def write_information(told: Told, sections: Sequence[tuple[Section, int]]) -> bytes:
    """The page, in UTF-8.

    Args:
        told: What about.
        sections: What the export holds, and how many rows of each.
    """
    classifications = _classifications(section for section, rows in sections if rows)
    parts = [
        _heading(told),
        _part("What is in here", _files(sections)),
        _part("What for, and for how long", _purposes(classifications)),
        _part("Where it came from", _origins(sections)),
        _part("Your rights", _paragraph(_RIGHTS)),
        _part("Automated decisions", _paragraph(_DECISIONS)),
        _part("Other countries", _paragraph(_TRANSFERS.format(controller=told.controller))),
    ]
    title = html.escape(f"Your data at {told.controller}")
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"</head>\n<body>\n{''.join(parts)}</body></html>\n"
    )
    return page.encode()


def _heading(told: Told) -> str:
    return f"<h1>Your data at {html.escape(told.controller)}</h1>\n" + _paragraph(
        f"Answer to {told.reference} ({told.right}), made {told.made_at:%Y-%m-%d %H:%M} UTC."
    )


def _files(sections: Iterable[tuple[Section, int]]) -> str:
    rows = [(f"{section.name}.jsonl", section.title, f"{count:,}") for section, count in sections]
    return _table(("File", "What", "Rows"), rows) + _paragraph(
        "Each line of a .jsonl file is one JSON object; the .schema.json file beside it says what"
        " its members mean."
    )


def _purposes(classifications: Iterable[Classification]) -> str:
    rows = [
        (
            one.category,
            one.purpose,
            f"article {one.basis.value}",
            _kept(one.retention),
            "; ".join(recipient.value for recipient in one.recipients),
        )
        for one in classifications
    ]
    return _table(("Category", "Purpose", "Basis", "Kept", "Recipients"), rows)


def _kept(name: str) -> str:
    policy = RETENTION_POLICIES[name]
    if policy.days is None:
        return f"until {policy.ends}"
    return f"{policy.days:,} days from {policy.counts_from.value}"


def _origins(sections: Iterable[tuple[Section, int]]) -> str:
    return _table(("Data", "From"), [(one.title, one.source) for one, rows in sections if rows])


def _classifications(sections: Iterable[Section]) -> list[Classification]:
    found = {
        column.holds.name: column.holds
        for section in sections
        for column in section.columns
        if column.holds is not None
    }
    return [found[name] for name in sorted(found)]


def _part(title: str, body: str) -> str:
    return f"<h2>{html.escape(title)}</h2>\n{body}"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>\n"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(one)}</{tag}>" for one in cells) + "</tr>\n"

    body = "".join(line(row, "td") for row in rows)
    return f"<table>\n{line(names, 'th')}{body}</table>\n"
