"""A message on its way: what is sent, and how that went."""

import datetime as dt
import html
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.alerts.bulletin import Addressee, Bulletin
from api.alerts.rendering.mail import render_html, render_subject, render_text
from api.alerts.rendering.payload import render_payload, render_trial_payload
from api.alerts.rendering.slack import escape_slack, render_slack
from api.alerts.rendering.words import plain
from tenancy.tables import ChannelKind

__all__ = ["Outcome", "Outgoing", "content_of", "trial_message"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it is sent, each time the same.

    Attributes:
        content: Of e-mail `subject`, `text` and `html`; of Slack `text`; of a webhook `body`.
    """

    id: uuid.UUID
    composed_at: dt.datetime
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sending went.

    Attributes:
        remark: Why it failed; of a message that was sent: who was left out. Empty: nothing.
    """

    is_sent: bool
    remark: str


def content_of(kind: ChannelKind, bulletin: Bulletin) -> dict[str, Any]:
    """The content of a message to a channel of that kind."""
    match kind:
        case ChannelKind.EMAIL:
            return {
                "subject": render_subject(bulletin),
                "text": render_text(bulletin),
                "html": render_html(bulletin),
            }
        case ChannelKind.SLACK:
            return {"text": render_slack(bulletin)}
        case ChannelKind.WEBHOOK:
            return {"body": render_payload(bulletin)}


def trial_message(
    kind: ChannelKind, channel: str, to: Addressee, *, message_id: uuid.UUID, now: dt.datetime
) -> Outgoing:
    """A message that says that the channel works.

    Args:
        kind: Of the channel.
        channel: Its name.
        to: The agency.
        message_id: New.
        now: UTC instant.
    """
    words = f"Test of the channel {channel!r} of {plain(to.name)}: it works, nothing is wrong."
    contents: dict[ChannelKind, dict[str, Any]] = {
        ChannelKind.EMAIL: {
            "subject": words,
            "text": f"{words}\n",
            "html": f"<p>{html.escape(words)}</p>\n",
        },
        ChannelKind.SLACK: {"text": escape_slack(words)},
        ChannelKind.WEBHOOK: {"body": render_trial_payload(to, words, message_id, now)},
    }
    return Outgoing(message_id, now, contents[kind])
