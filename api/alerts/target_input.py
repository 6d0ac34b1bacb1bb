"""From the words of an administrator to a target that can be used, or what is wrong with them.

options + credentials (a JSON file) -> read_email | read_slack | read_webhook -> Target | UserError

Nobody gives an Apprise URL: these reach more than a hundred services, and files of this machine.
Addresses that a host name leads to are checked when a message is sent, since they may change.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from api.alerts.target import EmailTarget, MailSecurity, SlackTarget, WebhookTarget
from api.outbound.address import read_url, split_url
from domain.errors import InvalidInputError
from tenancy.vault import Secret

__all__ = ["read_email", "read_slack", "read_webhook"]

_PORTS: Final = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465, MailSecurity.NONE: 25}
_MAILBOX: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
)
_SERVER: Final = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_HIGHEST_PORT: Final = 65_535
_SLACK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
_SLACK_PATH: Final = re.compile(r"/services/(?P<tokens>[A-Z0-9]+/[A-Z0-9]+/[A-Za-z0-9]+)")
_TOKEN: Final = re.compile(r"[\x21-\x7e]*")


def read_email(
    *,
    recipients: Sequence[str],
    sender: str,
    server: str,
    security: str,
    user: str,
    credentials: Mapping[str, str],
    is_production: bool,
) -> EmailTarget:
    """A target of e-mail.

    Args:
        recipients: At least one mailbox.
        sender: A mailbox.
        server: Host, with or without port.
        security: Of `MailSecurity`.
        user: For the login; empty: none.
        credentials: May hold `password`.
        is_production: Refuses connections without protection.

    Raises:
        InvalidInputError: One of them cannot be used; says which and why.
    """
    _check_names(credentials, {"password"})
    if not recipients:
        raise InvalidInputError("nobody gets the e-mail", hint="write --to ops@example.com")
    for option, mailbox in (("--from", sender), *(("--to", one) for one in recipients)):
        if not _MAILBOX.fullmatch(mailbox):
            raise InvalidInputError(
                f"{option} is {mailbox!r}: that is no e-mail address",
                hint=f"write {option} ops@example.com",
            )
    protection = _read_security(security, is_production=is_production)
    host, port = _read_server(server, _PORTS[protection])
    password = credentials.get("password", "")
    if bool(user) != bool(password):
        raise InvalidInputError(
            "a login needs a user and a password",
            hint='give --user NAME and --credentials FILE with {"password": "..."}, or neither',
        )
    if not (user + password).isascii():
        raise InvalidInputError(
            "user or password holds letters that a mail login cannot carry",
            hint="choose a password of ASCII characters at the mail server",
        )
    if password and protection is MailSecurity.NONE:
        raise InvalidInputError(
            "--security none would send the password in the clear",
            hint="use --security starttls or tls",
        )
    return EmailTarget(
        server=host,
        port=port,
        security=protection,
        sender=sender,
        recipients=tuple(dict.fromkeys(recipients)),
        user=user,
        password=Secret(password),
    )


def read_slack(
    credentials: Mapping[str, str], *, endpoint: str, is_production: bool
) -> SlackTarget:
    """A target of Slack.

    Args:
        credentials: `url` is the incoming webhook, as Slack shows it.
        endpoint: Base URL in place of Slack's own; in development only.
        is_production: Refuses an endpoint.

    Raises:
        InvalidInputError: One of them cannot be used; says which and why, without the secret.
    """
    _check_names(credentials, {"url"})
    url = split_url(_needed(credentials, "url"))
    path = _SLACK_PATH.fullmatch(url.path)
    if url.scheme != "https" or url.netloc not in _SLACK_HOSTS or not path or url.query:
        raise InvalidInputError(
            "url in the credentials is no incoming webhook of Slack",
            hint="it looks like https://hooks.slack.com/services/T000/B000/XXXX; "
            "make one at https://api.slack.com/messaging/webhooks",
        )
    if not endpoint:
        return SlackTarget(f"https://{url.netloc}/services", Secret(path["tokens"]))
    if is_production:
        raise InvalidInputError(
            "--endpoint is for development", hint="in production Slack has one address"
        )
    if split_url(endpoint).scheme not in {"http", "https"}:
        raise InvalidInputError(f"--endpoint is {endpoint!r}: that is no http:// or https:// URL")
    return SlackTarget(f"{endpoint.rstrip('/')}/services", Secret(path["tokens"]))


def read_webhook(credentials: Mapping[str, str], *, is_production: bool) -> WebhookTarget:
    """A target that takes JSON.

    Args:
        credentials: `url`, and `token` when the receiver wants a bearer token.
        is_production: Refuses plain http.

    Raises:
        InvalidInputError: One of them cannot be used; says which and why, without the secret.
    """
    _check_names(credentials, {"url", "token"})
    url = read_url(
        _needed(credentials, "url"),
        named="url in the credentials",
        example="https://hooks.example.com/alerts",
        is_production=is_production,
    )
    token = credentials.get("token", "")
    if not _TOKEN.fullmatch(token):
        raise InvalidInputError("token in the credentials holds blanks or other than ASCII")
    return WebhookTarget(url.netloc, Secret(url.geturl()), Secret(token))


def _check_names(credentials: Mapping[str, str], known: set[str]) -> None:
    if unknown := sorted(credentials.keys() - known):
        raise InvalidInputError(
            f"the credentials hold {', '.join(unknown)}",
            hint=f"this kind of channel knows {' and '.join(sorted(known))}",
        )


def _needed(credentials: Mapping[str, str], name: str) -> str:
    if not credentials.get(name):
        raise InvalidInputError(
            f"the credentials hold no {name}", hint=f'write {{"{name}": "https://..."}}'
        )
    return credentials[name]


def _read_security(word: str, *, is_production: bool) -> MailSecurity:
    known = [security.value for security in MailSecurity]
    if is_production:
        known.remove(MailSecurity.NONE.value)
    if word not in known:
        raise InvalidInputError(
            f"--security is {word!r}: it cannot be used here", hint=f"use {' or '.join(known)}"
        )
    return MailSecurity(word)


def _read_server(text: str, default_port: int) -> tuple[str, int]:
    found = _SERVER.fullmatch(text)
    port = int(found["port"] or default_port) if found else 0
    if found is None or not 0 < port <= _HIGHEST_PORT:
        raise InvalidInputError(
            f"--server is {text!r}: that is no mail server",
            hint="write --server smtp.example.com or --server smtp.example.com:587",
        )
    return found["host"].strip("[]"), port
