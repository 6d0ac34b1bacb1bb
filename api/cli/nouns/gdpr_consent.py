"""`bosco gdpr consent`."""

from typing import Annotated

import typer

from api.cli.invoke import invoke, read_credentials, read_json_lines, read_text
from api.cli.options import Agency

__all__ = ["group"]

group = typer.Typer(
    help="What people agreed to or withdrew, and the proof of it.", no_args_is_help=True
)
notices = typer.Typer(help="What people are told before they agree.", no_args_is_help=True)
group.add_typer(notices, name="notice")

_WORD = '{"email": "ada@northwind.example", "at": "2026-03-01T12:00:00Z", "gpc": "1"}'

_Client = Annotated[
    str, typer.Option("--client", help="Short name of the client.", metavar="CLIENT")
]


@group.command("record")
def record(
    agency: Agency,
    client: _Client,
    words: Annotated[
        str,
        typer.Option(
            help="File with a JSON object a line, 1,000 at most; - reads standard input.",
            metavar="FILE",
        ),
    ],
) -> None:
    """Record what people agreed to, or withdrew: all lines of FILE, or none.

    A line names a person ("email", "phone", "customer": "CONNECTION:ID"), the instant ("at"),
    perhaps what they had been told ("notice": VERSION), and one signal: "consentMode":
    {"analytics_storage": "denied"}, "gpc": "1", "tcString": {"text": ..., "vendor": 755}, or
    "flag": {"source": "klaviyo", "state": "UNSUBSCRIBED", "purposes": ["advertising"]}.
    """
    invoke(
        "gdpr.consent.record",
        tenant=agency,
        client=client,
        words=read_json_lines(words, example=_WORD),
    )


@group.command("show")
def show(
    *,
    agency: Agency,
    client: _Client,
    person: Annotated[
        str,
        typer.Option(
            help="File with a JSON object: email, phone, customer; - reads standard input.",
            metavar="FILE",
        ),
    ],
    at: Annotated[
        str | None, typer.Option(help="At this instant; now if not told.", metavar="INSTANT")
    ] = None,
    known_by: Annotated[
        str | None,
        typer.Option(help="As it was known then; as it is now if not told.", metavar="INSTANT"),
    ] = None,
) -> None:
    """Show how somebody stands to each purpose, and which words say so."""
    invoke(
        "gdpr.consent.show",
        tenant=agency,
        client=client,
        person=read_credentials(person, example='{"email": "ada@northwind.example"}'),
        at=at,
        known_by=known_by,
    )


@group.command("prove")
def prove(
    agency: Agency,
    receipts: Annotated[
        list[str], typer.Argument(help="Ids, as `record` and `show` tell them.", metavar="RECEIPT")
    ],
) -> None:
    """Print signed receipts, a compact JWS a line; `gdpr keys` has the keys to check them with."""
    invoke("gdpr.consent.prove", tenant=agency, receipts=receipts)


@notices.command("add")
def add_notice(
    agency: Agency,
    client: _Client,
    version: Annotated[str, typer.Option(help="Your own name of the text.", metavar="VERSION")],
    language: Annotated[str, typer.Option(help="As in BCP 47: en, de-AT.", metavar="LANGUAGE")],
    file: Annotated[
        str,
        typer.Option("--file", help="The text; - reads it from standard input.", metavar="FILE"),
    ],
) -> None:
    """Keep what people are told; receipts name its version and show its hash."""
    invoke(
        "gdpr.consent.notice.add",
        tenant=agency,
        client=client,
        version=version,
        language=language,
        text=read_text(file),
    )
