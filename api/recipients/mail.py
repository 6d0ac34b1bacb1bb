"""A message to the mailbox of another controller."""

import html
from collections.abc import Mapping
from typing import Final

from api.alerts.outgoing import Outgoing
from api.alerts.target import EmailTarget
from api.alerts.target_input import read_email
from domain.ids import public_id
from domain.privacy.recipients import Telling
from domain.privacy.rights import Right

__all__ = ["mail_of", "mailbox_of"]

_ASKS: Final[Mapping[Right, str]] = {
    Right.ERASURE: "has asked for the erasure of their personal data, links to it and copies of it",
    Right.RECTIFICATION: "has asked for their personal data to be corrected",
    Right.RESTRICTION: "has asked for the use of their personal data to be restricted",
    Right.OBJECTION: "objects to the use of their personal data",
    Right.WITHDRAWAL: "has taken back their consent",
}


def mailbox_of(
    settings: Mapping[str, str], secrets: Mapping[str, str], *, is_production: bool
) -> EmailTarget:
    """Where mail to a recipient goes, and by which server.

    Raises:
        InvalidInputError: The mailbox or the server cannot be used.
    """
    credentials = {"password": secrets["password"]} if secrets.get("password") else {}
    return read_email(
        recipients=[settings["to"]],
        sender=settings["from"],
        server=settings["server"],
        security=settings.get("security", "starttls"),
        user=secrets.get("user", ""),
        credentials=credentials,
        is_production=is_production,
    )


def mail_of(telling: Telling) -> Outgoing:
    """The message; the same in every attempt, under the same id."""
    asks = _ASKS[telling.right]
    people = "\n".join(f"  {one.kind.value}: {one.value}" for one in telling.identifiers)
    text = (
        f"A person whose data you were given {asks}.\n\n{people}\n\n"
        "Please do the same with what you hold of them, tell those whom you gave it to, and answer "
        f"this message when it is done.\n\nReference: {public_id('not', telling.key)}\n"
        "Articles 17(2) and 19 of Regulation (EU) 2016/679.\n"
    )
    subject = f"A request about personal data ({public_id('not', telling.key)})"
    content = {"subject": subject, "text": text, "html": f"<pre>{html.escape(text)}</pre>\n"}
    return Outgoing(telling.key, telling.made_at, content)
