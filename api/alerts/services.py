"""What Apprise sends with: one service for each kind of channel.

    make_service(target, outgoing, line) -> Apprise runs it in a thread -> True, or why not

Slack is Apprise's own service, at Slack's fixed address. The other two replace Apprise's, which
look host names up themselves, do not say why something failed, and give each attempt another
Message-ID. A service is made for one message and keeps the reason of its failure.

Source: apprise 2.2, plugins/base.py and plugins/slack.py.
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any, Final

import orjson
from apprise import AppriseAsset
from apprise.plugins.base import NotifyBase
from apprise.plugins.slack import NotifySlack

from api.alerts.failures import why_smtp
from api.alerts.outgoing import Outgoing
from api.alerts.pinned_smtp import PinnedSmtp, PinnedSmtpOverTls
from api.alerts.target import EmailTarget, MailSecurity, SlackTarget, Target, WebhookTarget
from api.outbound.line import Line
from api.outbound.post import post
from domain.ids import public_id

__all__ = ["Service", "make_service"]

_NAME: Final = "Bosco"
_ASSET: Final = AppriseAsset(app_id=_NAME, http_redirects=False)


class _Webhook(NotifyBase):  # type: ignore[misc]  # untyped
    """POSTs the message as JSON."""

    service_name = "Webhook"

    def __init__(self, target: WebhookTarget, outgoing: Outgoing, line: Line) -> None:
        super().__init__(asset=_ASSET)
        self._target = target
        self._outgoing = outgoing
        self._line = line
        self.failure = ""

    def send(self, **_: Any) -> bool:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _NAME,
            "Idempotency-Key": public_id("msg", self._outgoing.id),
        }
        if token := self._target.token.reveal():
            headers["Authorization"] = f"Bearer {token}"
        body = orjson.dumps(self._outgoing.content["body"])
        answer = post(self._line, self._target.url.reveal(), body, headers)
        self.failure = answer.failure
        return answer.is_taken


class _Slack(NotifySlack):  # type: ignore[misc]  # untyped
    """POSTs the message to an incoming webhook, as text that notifications show too."""

    def __init__(self, target: SlackTarget, outgoing: Outgoing) -> None:
        first, second, third = target.tokens.reveal().split("/")
        super().__init__(token_a=first, token_b=second, token_c=third, asset=_ASSET)
        self.webhook_url = target.base_url
        self._outgoing = outgoing
        self.failure = ""

    def send(self, **_: Any) -> bool:
        path = f"{self.token_a}/{self.token_b}/{self.token_c}"
        payload = {"text": self._outgoing.content["text"]}
        return bool(self._send(f"{self.webhook_url}/{path}", payload))


class _Email(NotifyBase):  # type: ignore[misc]  # untyped
    """Sends the message once, to all recipients; the same Message-ID each time."""

    service_name = "E-mail"

    def __init__(
        self, target: EmailTarget, outgoing: Outgoing, line: Line, tls: ssl.SSLContext
    ) -> None:
        super().__init__(asset=_ASSET)
        self._target = target
        self._outgoing = outgoing
        self._line = line
        self._tls = tls
        self.failure = ""

    def send(self, **_: Any) -> bool:
        target, mail = self._target, _mail(self._target, self._outgoing)
        is_taken = False
        try:
            with self._dial() as server:
                if target.security is MailSecurity.STARTTLS:
                    server.starttls(context=self._tls)
                if target.user:
                    server.login(target.user, target.password.reveal())
                refused = server.send_message(mail, target.sender, target.recipients)
                # Who was accepted has the message: it is not sent again for the others.
                is_taken = True
                self.failure = f"the server refuses {', '.join(refused)}" if refused else ""
        except (OSError, smtplib.SMTPException) as error:
            if not is_taken:  # a farewell that fails takes nothing back
                self.failure = why_smtp(error, self._line)
        return is_taken

    def _dial(self) -> smtplib.SMTP:
        target = self._target
        own_name = target.sender.rpartition("@")[2]
        if target.security is MailSecurity.TLS:
            return PinnedSmtpOverTls(
                self._line, target.server, target.port, own_name=own_name, tls=self._tls
            )
        return PinnedSmtp(self._line, target.server, target.port, own_name=own_name)


Service = _Email | _Slack | _Webhook


def _mail(target: EmailTarget, outgoing: Outgoing) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = formataddr((_NAME, target.sender))
    mail["To"] = ", ".join(target.recipients)
    mail["Subject"] = outgoing.content["subject"]
    mail["Date"] = format_datetime(outgoing.composed_at)
    mail["Message-ID"] = f"<{public_id('msg', outgoing.id)}@{target.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    mail.set_content(outgoing.content["text"])
    mail.add_alternative(outgoing.content["html"], subtype="html")
    return mail


def make_service(target: Target, outgoing: Outgoing, line: Line, tls: ssl.SSLContext) -> Service:
    """The service that sends one message to one target."""
    match target:
        case EmailTarget():
            return _Email(target, outgoing, line, tls)
        case SlackTarget():
            return _Slack(target, outgoing)
        case WebhookTarget():
            return _Webhook(target, outgoing, line)
