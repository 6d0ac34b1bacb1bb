"""A message as an e-mail: subject, text, and HTML that a phone shows without zooming."""

import html
from collections.abc import Iterator

from api.alerts.bulletin import Bulletin
from api.alerts.rendering.words import Section, footer, headline, lead, sections

__all__ = ["render_html", "render_subject", "render_text"]

_HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"></head>'
    '<body style="font:16px/1.5 sans-serif;max-width:40em;margin:1em">'
)


def render_subject(bulletin: Bulletin) -> str:
    """The subject."""
    return headline(bulletin)


def render_text(bulletin: Bulletin) -> str:
    """The text part."""
    shown, more = sections(bulletin)
    blocks = [lead(bulletin), *("\n".join(_text_lines(section)) for section in shown)]
    if more:
        blocks.append(f"And {more} more.")
    return "\n\n".join([*blocks, footer(bulletin)]) + "\n"


def render_html(bulletin: Bulletin) -> str:
    """The HTML part."""
    shown, more = sections(bulletin)
    parts = [_HEAD, f"<p><b>{html.escape(lead(bulletin))}</b></p>"]
    parts += ["".join(_html_parts(section)) for section in shown]
    if more:
        parts.append(f"<p>And {more} more.</p>")
    parts.append(f'<p style="color:#666">{html.escape(footer(bulletin))}</p></body></html>')
    return "\n".join(parts) + "\n"


def _text_lines(section: Section) -> Iterator[str]:
    yield section.title
    for name, details in section.entries:
        yield f"- {name}: {details}"
    if section.more:
        yield f"- and {section.more} more"
    if section.hint:
        yield f"→ {section.hint}"


def _html_parts(section: Section) -> Iterator[str]:
    yield f'<p style="margin-bottom:0"><b>{html.escape(section.title)}</b></p><ul>'
    for name, details in section.entries:
        yield f"<li><b>{html.escape(name)}</b>: {html.escape(details)}</li>"
    if section.more:
        yield f"<li>and {section.more} more</li>"
    yield "</ul>"
    if section.hint:
        yield f"<p>→ {html.escape(section.hint)}</p>"
