"""`bosco gdpr requests`."""

from enum import StrEnum
from typing import Annotated

import typer

from api.cli.invoke import invoke, read_credentials
from api.cli.options import Agency, ClientName, ClientOption

__all__ = ["group"]

group = typer.Typer(
    help="What people ask of their data, until it is answered.", no_args_is_help=True
)

_EXAMPLE = '{"email": "ada@northwind.example"}'

_Request = Annotated[
    str, typer.Argument(help="Id of the request, as in `requests list`.", metavar="REQUEST")
]
_Reason = Annotated[str, typer.Option(help="Told to the person.", metavar="TEXT")]
_Person = Annotated[
    str,
    typer.Option(help="File with a JSON object; - reads it from standard input.", metavar="FILE"),
]


class _Right(StrEnum):
    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    PORTABILITY = "portability"
    OBJECTION = "objection"
    DECISION_REVIEW = "decision_review"
    WITHDRAWAL = "withdrawal"


class _Proof(StrEnum):
    ACCOUNT = "account"
    CALL_BACK = "call_back"
    DOCUMENT = "document"
    IN_PERSON = "in_person"


class _Language(StrEnum):
    EN = "en"
    DE = "de"


@group.command("list")
def list_(
    *,
    agency: Agency,
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    client: ClientOption = None,
    due_within: Annotated[
        int | None, typer.Option(min=0, help="Only what is due within so many days.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
) -> None:
    """Show what is to be answered, the nearest deadline first."""
    invoke(
        "gdpr.requests.list",
        tenant=agency,
        all=all_,
        client=client,
        due_within=due_within,
        limit=limit,
    )


@group.command("show")
def show(agency: Agency, request: _Request) -> None:
    """Show one with its story, its letters, who may be meant, and what can be done."""
    invoke("gdpr.requests.show", tenant=agency, request=request)


@group.command("new")
def new(  # one option for each thing that a request says
    *,
    agency: Agency,
    right: Annotated[_Right, typer.Argument(help="What is asked for.")],
    person: _Person,
    client: Annotated[
        str | None,
        typer.Option("--client", help="Whose data; none: the agency's own.", metavar="CLIENT"),
    ] = None,
    received: Annotated[
        str | None, typer.Option(help="Day that it came in; today if not told.", metavar="DATE")
    ] = None,
    language: Annotated[_Language, typer.Option(help="Of letters to the person.")] = _Language.EN,
) -> None:
    """Take in a request that came by letter or telephone.

    FILE says who asks: {"email": ..., "phone": ..., "customer": "CONNECTION:ID", "order":
    "CONNECTION:ID"}, one or several of them.
    """
    invoke(
        "gdpr.requests.new",
        tenant=agency,
        client=client,
        right=right.value,
        person=read_credentials(person, example=_EXAMPLE),
        received=received,
        language=language.value,
    )


@group.command("search")
def search(agency: Agency, request: _Request) -> None:
    """Look for the person again."""
    invoke("gdpr.requests.search", tenant=agency, request=request)


@group.command("choose")
def choose(
    agency: Agency,
    request: _Request,
    pseudonym: Annotated[
        str,
        typer.Argument(
            help="Pseudonym, as `requests show` lists them; `everybody`: of the closed shop.",
            metavar="PERSON",
        ),
    ],
) -> None:
    """Say who is meant."""
    invoke("gdpr.requests.choose", tenant=agency, request=request, pseudonym=pseudonym)


@group.command("nobody")
def nobody(agency: Agency, request: _Request) -> None:
    """Say that the data knows no such person; another officer countersigns."""
    invoke("gdpr.requests.nobody", tenant=agency, request=request)


@group.command("ask-identity")
def ask_identity(agency: Agency, request: _Request) -> None:
    """Ask who it is, by a code to the address that the data carries; the clock stands still."""
    invoke("gdpr.requests.ask-identity", tenant=agency, request=request)


@group.command("vouch")
def vouch(
    agency: Agency,
    request: _Request,
    proof: Annotated[_Proof, typer.Option(help="What you have seen.")],
) -> None:
    """Say that it is the person."""
    invoke("gdpr.requests.vouch", tenant=agency, request=request, proof=proof.value)


@group.command("approve")
def approve(agency: Agency, request: _Request) -> None:
    """Agree, as the second person."""
    invoke("gdpr.requests.approve", tenant=agency, request=request)


@group.command("extend")
def extend(agency: Agency, request: _Request, reason: _Reason) -> None:
    """Take two months more, within the first one."""
    invoke("gdpr.requests.extend", tenant=agency, request=request, reason=reason)


@group.command("refuse")
def refuse(
    agency: Agency,
    request: _Request,
    reason: _Reason,
    remedy: Annotated[
        str | None,
        typer.Option(help="Authority and courts; general words if not told.", metavar="TEXT"),
    ] = None,
) -> None:
    """Do not act on it, and say why."""
    invoke("gdpr.requests.refuse", tenant=agency, request=request, reason=reason, remedy=remedy)


@group.command("grant")
def grant(agency: Agency, request: _Request, reason: _Reason) -> None:
    """Rule for the person, or say what was corrected; the reason tells what is done."""
    invoke("gdpr.requests.grant", tenant=agency, request=request, reason=reason)


@group.command("tell-lifting")
def tell_lifting(agency: Agency, request: _Request, reason: _Reason) -> None:
    """Tell the person that a restriction ends, a week before it is lifted."""
    invoke("gdpr.requests.tell-lifting", tenant=agency, request=request, reason=reason)


@group.command("lift")
def lift(
    agency: Agency,
    request: _Request,
    reason: Annotated[
        str | None,
        typer.Option(help="Of an objection: how the person took it back.", metavar="TEXT"),
    ] = None,
) -> None:
    """End a restriction whose end was told, or an objection that was taken back."""
    invoke("gdpr.requests.lift", tenant=agency, request=request, reason=reason)


@group.command("withdraw")
def withdraw(agency: Agency, request: _Request) -> None:
    """The person takes it back."""
    invoke("gdpr.requests.withdraw", tenant=agency, request=request)


@group.command("countersign")
def countersign(
    *,
    agency: Agency,
    request: _Request,
    again: Annotated[
        bool, typer.Option("--look-again", help="Do not confirm it: look for the person again.")
    ] = False,
) -> None:
    """Confirm, as another officer, that nothing was found."""
    verb = "gdpr.requests.look-again" if again else "gdpr.requests.countersign"
    invoke(verb, tenant=agency, request=request)


@group.command("retry")
def retry(agency: Agency, request: _Request) -> None:
    """Carry it out again at once, after what failed was mended."""
    invoke("gdpr.requests.retry", tenant=agency, request=request)


@group.command("letter")
def letter(
    *,
    agency: Agency,
    letter_id: Annotated[str, typer.Argument(help="Id, as in `requests show`.", metavar="LETTER")],
    handed: Annotated[
        bool, typer.Option("--handed-over", help="Say that the person has it.")
    ] = False,
) -> None:
    """Show a letter or note."""
    invoke("gdpr.requests.letter", tenant=agency, letter=letter_id, handed=handed)


@group.command("note")
def note(
    agency: Agency,
    request: _Request,
    text: Annotated[
        str, typer.Option("--from", help="File; - reads standard input.", metavar="FILE")
    ],
) -> None:
    """Keep a note, sealed: {"text": "..."}."""
    note_text = read_credentials(text, example='{"text": "..."}').get("text", "")
    invoke("gdpr.requests.note", tenant=agency, request=request, text=note_text)


@group.command("hold")
def hold(  # one option for each thing that a hold says
    *,
    agency: Agency,
    client: Annotated[str, typer.Argument(help="Short name of the client.", metavar="CLIENT")],
    basis: Annotated[str, typer.Option(help="Law or proceeding.", metavar="TEXT")],
    owner: Annotated[str, typer.Option(help="Who answers for it.", metavar="TEXT")],
    person: Annotated[
        str | None, typer.Option(help="Pseudonym; none: everybody.", metavar="PERSON")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Of data; none: all.", metavar="NAME")
    ] = None,
    until: Annotated[str | None, typer.Option(help="First day without it.", metavar="DATE")] = None,
) -> None:
    """Keep data from being erased, for a legal reason."""
    invoke(
        "gdpr.requests.hold",
        tenant=agency,
        client=client,
        basis=basis,
        owner=owner,
        person=person,
        category=category,
        until=until,
    )


@group.command("holds")
def holds(agency: Agency) -> None:
    """Show the legal holds in force."""
    invoke("gdpr.requests.holds", tenant=agency)


@group.command("release")
def release(
    agency: Agency,
    hold_id: Annotated[str, typer.Argument(help="Id, as in `requests holds`.", metavar="HOLD")],
) -> None:
    """End a legal hold; what waited for it goes on."""
    invoke("gdpr.requests.release", tenant=agency, hold=hold_id)


@group.command("import")
def import_(
    *,
    agency: Agency,
    client: ClientName,
    file: Annotated[
        str,
        typer.Argument(
            help="CSV: right, received_on; email, phone, customer, order; source, account; "
            "reference.",
            metavar="FILE",
        ),
    ],
    apply: Annotated[bool, typer.Option("--apply", help="File them.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="File the good lines although some are bad.")
    ] = False,
) -> None:
    """File requests of a client from a file; without --apply only say what it would do."""
    invoke(
        "gdpr.requests.import",
        tenant=agency,
        client=client,
        file=file,
        apply=apply,
        keep_going=keep_going,
    )
