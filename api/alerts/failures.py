"""Why a message could not be sent, in words that say what to look at and hold no secret.

The other side's own words are left out: they may repeat what was sent to it.
"""

import smtplib
import ssl
from typing import Final

import requests

from api.alerts.line import Line

__all__ = ["why_http", "why_smtp"]

_PRIVATE: Final = "the name leads to a private or local address; alerts go to public ones only"
_UNTRUSTED: Final = "its certificate is not trusted, or it speaks no TLS"
_SILENT: Final = "it does not answer in time"
_UNREACHED: Final = "the name does not exist, or nobody takes connections there"

_REFUSED: Final = {
    smtplib.SMTPAuthenticationError: "refuses the login",
    smtplib.SMTPSenderRefused: "refuses the sender",
    smtplib.SMTPDataError: "refuses the message",
}
_BROKEN: Final = {
    smtplib.SMTPNotSupportedError: "the server offers no STARTTLS, or no login; see --security",
    smtplib.SMTPServerDisconnected: "the server ended the connection, or did not answer in time",
    ssl.SSLError: _UNTRUSTED,
    TimeoutError: _SILENT,
}


def why_http(error: requests.RequestException, line: Line) -> str:
    """Why a request got no answer."""
    if line.has_refused:
        return _PRIVATE
    match error:
        case requests.exceptions.SSLError():
            return _UNTRUSTED
        case requests.exceptions.Timeout():
            return _SILENT
        case requests.exceptions.InvalidURL():
            return "the address cannot be used"
    return _UNREACHED


def why_smtp(error: OSError | smtplib.SMTPException, line: Line) -> str:
    """Why a mail server did not take a message."""
    if line.has_refused:
        return _PRIVATE
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = sorted({code for code, _ in error.recipients.values()})
            return f"the server refuses all recipients ({', '.join(map(str, codes))})"
        case smtplib.SMTPResponseException():
            refused = next((what for kind, what in _REFUSED.items() if isinstance(error, kind)), "")
            return f"the server {refused or 'is not ready'} ({error.smtp_code})"
    return next((why for kind, why in _BROKEN.items() if isinstance(error, kind)), _UNREACHED)
