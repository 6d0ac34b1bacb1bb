"""Where a channel leads: typed settings that are shown, and secrets that never are.

    options, credentials -> target_input -> Target -> stored -> settings (JSON), secrets (sealed)
    settings, secrets -> restore -> Target -> services

The address of a Slack or other webhook is a secret: whoever knows it can write there.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tenancy.tables import ChannelKind
from tenancy.vault import Secret

__all__ = [
    "EmailTarget",
    "MailSecurity",
    "SlackTarget",
    "Target",
    "WebhookTarget",
    "describe",
    "restore",
    "stored",
]


class MailSecurity(enum.Enum):
    """How the connection to a mail server is protected. `NONE`: in development only."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class EmailTarget:
    """Mailboxes, and the server that takes mail for them.

    Attributes:
        user: For the login; empty: the server needs none.
    """

    server: str
    port: int
    security: MailSecurity
    sender: str
    recipients: tuple[str, ...]
    user: str
    password: Secret

    kind = ChannelKind.EMAIL


@dataclass(frozen=True, slots=True)
class SlackTarget:
    """A channel of Slack, by its incoming webhook.

    Attributes:
        tokens: The three parts of the webhook's path, with slashes between.
        base_url: Before the tokens; in production always one of Slack's own.
    """

    base_url: str
    tokens: Secret

    kind = ChannelKind.SLACK


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """An address that takes JSON.

    Attributes:
        host: Of the address, shown.
        token: Sent as bearer token; empty: none.
    """

    host: str
    url: Secret
    token: Secret

    kind = ChannelKind.WEBHOOK


Target = EmailTarget | SlackTarget | WebhookTarget


def stored(target: Target) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings as JSON, and the secrets to be sealed."""
    match target:
        case EmailTarget():
            settings = {
                "server": target.server,
                "port": target.port,
                "security": target.security.value,
                "sender": target.sender,
                "recipients": list(target.recipients),
                "user": target.user,
            }
            return settings, {"password": target.password.reveal()}
        case SlackTarget():
            return {"base_url": target.base_url}, {"tokens": target.tokens.reveal()}
        case WebhookTarget():
            secrets = {"url": target.url.reveal(), "token": target.token.reveal()}
            return {"host": target.host}, secrets


def describe(kind: ChannelKind, settings: Mapping[str, Any]) -> str:
    """Where a channel leads, for people; holds no secret."""
    match kind:
        case ChannelKind.EMAIL:
            return f"{', '.join(settings['recipients'])} by {settings['server']}"
        case ChannelKind.SLACK:
            return f"{urlsplit(settings['base_url']).netloc}"
        case ChannelKind.WEBHOOK:
            return f"{settings['host']}"


def restore(
    kind: ChannelKind, settings: Mapping[str, Any], secrets: Mapping[str, Secret]
) -> Target:
    """Build what `stored` took apart."""
    match kind:
        case ChannelKind.EMAIL:
            return EmailTarget(
                server=settings["server"],
                port=settings["port"],
                security=MailSecurity(settings["security"]),
                sender=settings["sender"],
                recipients=tuple(settings["recipients"]),
                user=settings["user"],
                password=secrets["password"],
            )
        case ChannelKind.SLACK:
            return SlackTarget(base_url=settings["base_url"], tokens=secrets["tokens"])
        case ChannelKind.WEBHOOK:
            return WebhookTarget(host=settings["host"], url=secrets["url"], token=secrets["token"])
