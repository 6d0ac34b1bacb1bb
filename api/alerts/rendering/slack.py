"""A message in Slack's mrkdwn.

Source: Slack API, "Formatting text for app surfaces": &, < and > are escaped, nothing else can be;
so a name can never become a link or a mention.
"""

from collections.abc import Iterator

from api.alerts.bulletin import Bulletin
from api.alerts.rendering.words import Section, footer, lead, sections

__all__ = ["escape_slack", "render_slack"]


def render_slack(bulletin: Bulletin) -> str:
    """The text of the message."""
    shown, more = sections(bulletin)
    blocks = [f"*{escape_slack(lead(bulletin))}*"]
    blocks += ["\n".join(_lines(section)) for section in shown]
    if more:
        blocks.append(f"And {more} more.")
    return "\n\n".join([*blocks, escape_slack(footer(bulletin))])


def escape_slack(text: str) -> str:
    """The text as Slack shows it literally."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _lines(section: Section) -> Iterator[str]:
    yield f"*{escape_slack(section.title)}*"
    for name, details in section.entries:
        yield f"• *{escape_slack(name)}*: {escape_slack(details)}"
    if section.more:
        yield f"• and {section.more} more"
    if section.hint:
        yield f"→ {escape_slack(section.hint)}"
