"""Why an e-mail could not be sent, in words that say what to look at and hold no secret.

The other side's own words are left out: they may repeat what was sent to it.
"""

import smtplib
import ssl
from typing import Final

from api.outbound.line import Line
from api.outbound.post import PRIVATE, SILENT, UNREACHED, UNTRUSTED

__all__ = ["why_smtp"]

_REFUSED: Final = {
    smtplib.SMTPAuthenticationError: "refuses the login",
    smtplib.SMTPSenderRefused: "refuses the sender",
    smtplib.SMTPDataError: "refuses the message",
}
_BROKEN: Final = {
    smtplib.SMTPNotSupportedError: "the server offers no STARTTLS, or no login; see --security",
    smtplib.SMTPServerDisconnected: "the server ended the connection, or did not answer in time",
    ssl.SSLError: UNTRUSTED,
    TimeoutError: SILENT,
}


def why_smtp(error: OSError | smtplib.SMTPException, line: Line) -> str:
    """Why a mail server did not take a message."""
    if line.has_refused:
        return PRIVATE
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in error.recipients.values()})
            return f"the server refuses all recipients ({', '.join(map(str, codes))})"
        case smtplib.SMTPResponseException():
            refused = next((what for kind, what in _REFUSED.items() if isinstance(error, kind)), "")
            return f"the server {refused or 'is not ready'} ({error.smtp_code})"
    return next((why for kind, why in _BROKEN.items() if isinstance(error, kind)), UNREACHED)
