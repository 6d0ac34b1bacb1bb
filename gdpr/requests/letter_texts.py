"""What letters to people say, in the languages that we write.

Placeholders: `{controller}`, `{right}`, `{reference}`, `{received}`, `{due}` (dates), `{reason}`,
`{remedy}`; `{until}`, and `{link}`, which is put in when the letter is read.

Sources: GDPR articles 12(1) (concise and plain), 12(3), 12(4), 18(3), 77 and 79.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.privacy.rights import Right
from tenancy.tables import LetterKind

__all__ = ["CODE_TEXTS", "LANGUAGES", "REMEDIES", "RIGHTS", "TEXTS", "Text"]

LANGUAGES: Final = ("en", "de")


@dataclass(frozen=True, slots=True)
class Text:
    """A template."""

    subject: str
    body: str


RIGHTS: Final[Mapping[str, Mapping[Right, str]]] = {
    "en": {
        Right.ACCESS: "access to your data",
        Right.RECTIFICATION: "correction of your data",
        Right.ERASURE: "erasure of your data",
        Right.RESTRICTION: "restriction of processing",
        Right.PORTABILITY: "a copy of your data to take along",
        Right.OBJECTION: "objection to processing",
        Right.DECISION_REVIEW: "review of an automated decision",
        Right.WITHDRAWAL: "withdrawal of consent",
    },
    "de": {
        Right.ACCESS: "Auskunft über Ihre Daten",
        Right.RECTIFICATION: "Berichtigung Ihrer Daten",
        Right.ERASURE: "Löschung Ihrer Daten",
        Right.RESTRICTION: "Einschränkung der Verarbeitung",
        Right.PORTABILITY: "Übertragung Ihrer Daten",
        Right.OBJECTION: "Widerspruch gegen die Verarbeitung",
        Right.DECISION_REVIEW: "Überprüfung einer automatisierten Entscheidung",
        Right.WITHDRAWAL: "Widerruf einer Einwilligung",
    },
}

REMEDIES: Final[Mapping[str, str]] = {
    "en": (
        "You may complain to a supervisory authority, in particular where you live, where you work"
        " or where you think that the law was broken (GDPR article 77), and you may go to court"
        " (article 79)."
    ),
    "de": (
        "Sie können sich bei einer Aufsichtsbehörde beschweren, insbesondere an Ihrem Aufenthalts-"
        " oder Arbeitsort oder am Ort des mutmaßlichen Verstoßes (Art. 77 DSGVO), und Sie können"
        " vor Gericht gehen (Art. 79 DSGVO)."
    ),
}

CODE_TEXTS: Final[Mapping[str, Text]] = {
    "en": Text(
        "Your code for {controller}",
        "Somebody asked {controller} for: {right}.\n\nIf that was you, this code shows it:"
        " {code}\n\nIt is good for {minutes} minutes. If it was not you, do nothing.\n",
    ),
    "de": Text(
        "Ihr Code für {controller}",
        "Jemand hat {controller} um Folgendes gebeten: {right}.\n\nWenn Sie das waren, weisen Sie"
        " es mit diesem Code nach: {code}\n\nEr gilt {minutes} Minuten. Wenn Sie es nicht waren,"
        " tun Sie nichts.\n",
    ),
}

TEXTS: Final[Mapping[tuple[str, LetterKind], Text]] = {
    ("en", LetterKind.ACKNOWLEDGEMENT): Text(
        "We have received your request ({reference})",
        "On {received} we received your request: {right}.\n\nWe answer it by {due}. Your reference"
        " is {reference}.\n\n{controller}\n",
    ),
    ("de", LetterKind.ACKNOWLEDGEMENT): Text(
        "Ihre Anfrage ist eingegangen ({reference})",
        "Am {received} haben wir Ihre Anfrage erhalten: {right}.\n\nWir beantworten sie bis zum"
        " {due}. Ihr Zeichen ist {reference}.\n\n{controller}\n",
    ),
    ("en", LetterKind.EXTENSION): Text(
        "Your request takes longer ({reference})",
        "Your request of {received} ({right}) takes longer than a month: we answer it by"
        " {due}.\n\nThe reason: {reason}\n\n{controller}\n",
    ),
    ("de", LetterKind.EXTENSION): Text(
        "Ihre Anfrage dauert länger ({reference})",
        "Ihre Anfrage vom {received} ({right}) dauert länger als einen Monat: Wir beantworten sie"
        " bis zum {due}.\n\nDer Grund: {reason}\n\n{controller}\n",
    ),
    ("en", LetterKind.REFUSAL): Text(
        "We do not act on your request ({reference})",
        "We do not act on your request of {received} ({right}).\n\nThe reason: {reason}\n\n{remedy}"
        "\n\n{controller}\n",
    ),
    ("de", LetterKind.REFUSAL): Text(
        "Wir kommen Ihrer Anfrage nicht nach ({reference})",
        "Wir kommen Ihrer Anfrage vom {received} ({right}) nicht nach.\n\nDer Grund: {reason}\n\n"
        "{remedy}\n\n{controller}\n",
    ),
    ("en", LetterKind.COMPLETION): Text(
        "Your request is done ({reference})",
        "Your request of {received} ({right}) is done.\n\n{reason}\n\n{controller}\n",
    ),
    ("de", LetterKind.COMPLETION): Text(
        "Ihre Anfrage ist erledigt ({reference})",
        "Ihre Anfrage vom {received} ({right}) ist erledigt.\n\n{reason}\n\n{controller}\n",
    ),
    ("en", LetterKind.LIFTING): Text(
        "The restriction of your data ends ({reference})",
        "At your request of {received} we restricted the processing of your data. Before we lift"
        " the restriction we tell you of it.\n\nThe reason: {reason}\n\n{remedy}\n\n{controller}\n",
    ),
    ("en", LetterKind.EXPORT_LINK): Text(
        "The copy of your data ({reference})",
        "Here is what you asked for on {received} ({right}):\n\n{link}\n\nThe address opens once,"
        " until {until}. Whoever has it can open it, so pass it on to nobody. If it does not open"
        " any more, ask us for another one and name {reference}.\n\n{controller}\n",
    ),
    ("de", LetterKind.EXPORT_LINK): Text(
        "Die Kopie Ihrer Daten ({reference})",
        "Hier ist, worum Sie am {received} gebeten haben ({right}):\n\n{link}\n\nDie Adresse öffnet"
        " sich einmal, bis {until}. Wer sie hat, kann sie öffnen; geben Sie sie also niemandem"
        " weiter. Öffnet sie sich nicht mehr, bitten Sie uns um eine neue und nennen Sie"
        " {reference}.\n\n{controller}\n",
    ),
    ("de", LetterKind.LIFTING): Text(
        "Die Einschränkung Ihrer Daten endet ({reference})",
        "Auf Ihre Anfrage vom {received} haben wir die Verarbeitung Ihrer Daten eingeschränkt."
        " Bevor wir die Einschränkung aufheben, unterrichten wir Sie davon.\n\nDer Grund: {reason}"
        "\n\n{remedy}\n\n{controller}\n",
    ),
}
