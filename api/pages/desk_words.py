"""How the officers' pages say things: rights, states and what comes next, kinds of everything."""

from collections.abc import Mapping
from typing import Final

from domain.privacy.evidence import RescanMoment, ResidualKind
from domain.privacy.identifiers import IdentifierKind
from domain.privacy.rights import (
    IdentityLevel,
    IntakeChannel,
    ProcessingRole,
    RequestOutcome,
    RequestState,
    Right,
)
from gdpr.erasure.colleagues import StillNamedError
from gdpr.requests.identity import Proof
from gdpr.requests.run import NO_FULFILLER
from tenancy.staff import NoOwnerLeftError
from tenancy.tables import LetterKind

__all__ = [
    "ANOTHER_AGREES",
    "ANOTHER_CONFIRMS",
    "CHANNELS",
    "FAILED",
    "FAILURES",
    "HAPPENED",
    "IDENTITY",
    "KINDS",
    "LANGUAGES",
    "LETTERS",
    "MOMENTS",
    "NEXT",
    "OUTCOMES",
    "PROOFS",
    "RESIDUALS",
    "RIGHTS",
    "ROLES",
    "SEVERAL_FIT",
    "STATES",
    "STATE_NAMES",
]

RIGHTS: Final[Mapping[Right, str]] = {
    Right.ERASURE: "Erasure",
    Right.ACCESS: "Access",
    Right.PORTABILITY: "Portability",
    Right.RECTIFICATION: "Rectification",
    Right.RESTRICTION: "Restriction",
    Right.OBJECTION: "Objection",
    Right.WITHDRAWAL: "Withdrawal of consent",
    Right.DECISION_REVIEW: "Review of an automated decision",
}
STATES: Final[Mapping[RequestState, str]] = {
    RequestState.RECEIVED: "received",
    RequestState.MATCHING: "person to be chosen",
    RequestState.IDENTIFYING: "identity to be proved",
    RequestState.APPROVING: "second person to agree",
    RequestState.HELD: "kept by a legal hold",
    RequestState.READY: "about to be carried out",
    RequestState.RUNNING: "being carried out",
    RequestState.WAITING: "waiting for others",
    RequestState.COUNTERSIGNING: "nothing found, to be confirmed",
    RequestState.COMPLETED: "completed",
    RequestState.REFUSED: "refused",
    RequestState.WITHDRAWN: "withdrawn",
    RequestState.MERGED: "merged into another request",
}
STATE_NAMES: Final = {state.value: text for state, text in STATES.items()}
NEXT: Final[Mapping[RequestState, str]] = {
    RequestState.RECEIVED: "It is being looked at; open the page again in a moment.",
    RequestState.MATCHING: (
        "Nobody in the data fits what the requester gave. Ask them for more, or look again after"
        " the next sync; or say that the data knows nobody like that, which another officer has"
        " to confirm."
    ),
    RequestState.IDENTIFYING: (
        "It is not proved who asks. Send a code to an address that the data carries, or vouch for"
        " them when you have seen a proof. Asked soon, the clock stands still until they answer."
    ),
    RequestState.APPROVING: (
        "A second person has to agree: not whoever took it in, chose the person or vouched for"
        " them. Read below what will happen, then decide."
    ),
    RequestState.HELD: (
        "A legal hold keeps all that this request would touch. It goes on by itself when the hold"
        " is released or ends."
    ),
    RequestState.READY: "Nothing to do: it starts within a minute.",
    RequestState.RUNNING: "Nothing to do: it goes on by itself, also after a failure.",
    RequestState.WAITING: "It was carried out here. What it still waits for stands below.",
    RequestState.COUNTERSIGNING: (
        "Nothing was found of this person. That counts only when a second officer confirms it:"
        " somebody else may be meant."
    ),
    RequestState.COMPLETED: "Nothing to do: it is answered.",
    RequestState.REFUSED: "Nothing to do: the person was told why, and what they can do.",
    RequestState.WITHDRAWN: "Nothing to do: the person took it back.",
    RequestState.MERGED: "Nothing to do here: it goes on with the other request.",
}
SEVERAL_FIT: Final = (
    "Several people fit what the requester gave. Choose the person below. Where the figures do not"
    " tell them apart, ask the requester for more: never guess."
)
ANOTHER_AGREES: Final = (
    "You had a hand in this request, so another officer, an owner or an admin has to agree: they"
    " find it in their list, and among their approvals."
)
ANOTHER_CONFIRMS: Final = (
    "You had this request carried out, so another officer has to confirm that nothing was found."
)
MOMENTS: Final[Mapping[RescanMoment, str]] = {
    RescanMoment.ERASURE: "at once",
    RescanMoment.INGEST: "after the next sync",
    RescanMoment.MATERIALISATION: "after features are computed anew",
    RescanMoment.TIME_TRAVEL: "when time travel has ended",
}
RESIDUALS: Final[Mapping[ResidualKind, str]] = {
    ResidualKind.TIME_TRAVEL: "time travel",
    ResidualKind.FAIL_SAFE: "fail-safe",
    ResidualKind.BACKUPS: "backups",
    ResidualKind.OBJECT_VERSIONS: "earlier versions of objects",
}
FAILED: Final = "It could not be carried out, and is not tried again by itself."
FAILURES: Final[Mapping[str, str]] = {
    NO_FULFILLER: (
        "Bosco cannot carry out this right by itself yet. Do it by hand, keep a note of what you"
        " did, and answer the person"
    ),
    NoOwnerLeftError.code: (
        "The person is the agency's only owner. Make somebody else an owner, then try again"
    ),
    StillNamedError.code: (
        "An alert channel or a recipient in use has the person's address. Take it out there, then"
        " try again"
    ),
}
CHANNELS: Final[Mapping[IntakeChannel, str]] = {
    IntakeChannel.DESK: "taken in at the desk",
    IntakeChannel.FORM: "came by the form",
    IntakeChannel.API: "came from an app",
    IntakeChannel.BATCH: "came in a batch",
    IntakeChannel.SHOPIFY: "came from Shopify",
    IntakeChannel.META: "came from Meta",
}
IDENTITY: Final[Mapping[IdentityLevel, str]] = {
    IdentityLevel.CLAIMED: "not proved",
    IdentityLevel.REACHED: "proved, by a code to an address that the data carries",
    IdentityLevel.VOUCHED: "vouched for, by an officer or by the platform that sent the request",
}
OUTCOMES: Final[Mapping[RequestOutcome, str]] = {
    RequestOutcome.DONE: "all done",
    RequestOutcome.PARTLY: "done except for a part that has to be kept",
    RequestOutcome.NOTHING_FOUND: "nothing was found",
}
ROLES: Final[Mapping[ProcessingRole, str]] = {
    ProcessingRole.PROCESSOR: "the agency helps the client, who is the controller",
    ProcessingRole.CONTROLLER: "the agency itself is the controller",
}
KINDS: Final[Mapping[IdentifierKind, tuple[str, str]]] = {
    IdentifierKind.EMAIL: ("e-mail address", "e-mail addresses"),
    IdentifierKind.PHONE: ("telephone number", "telephone numbers"),
    IdentifierKind.PLATFORM: ("id at a platform", "ids at platforms"),
    IdentifierKind.ORDER: ("order", "orders"),
}
LETTERS: Final[Mapping[LetterKind, str]] = {
    LetterKind.ACKNOWLEDGEMENT: "That the request has arrived",
    LetterKind.EXTENSION: "That it takes longer",
    LetterKind.REFUSAL: "That it is refused",
    LetterKind.COMPLETION: "That it is done",
    LetterKind.LIFTING: "That a restriction ends",
    LetterKind.EXPORT_LINK: "Where the copy of their data is",
    LetterKind.NOTE: "Note of an officer",
    LetterKind.MESSAGE: "What the person wrote",
}
PROOFS: Final[Mapping[Proof, str]] = {
    Proof.ACCOUNT: "They were signed in to their account at the shop",
    Proof.CALL_BACK: "I reached them at a number that the data carries",
    Proof.DOCUMENT: "I have seen a document",
    Proof.IN_PERSON: "They were here in person",
}
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "German"}
HAPPENED: Final[Mapping[str, str]] = {
    "received": "Taken in",
    "repeated": "Asked for again",
    "searched": "Looked for in the data",
    "chosen": "Person chosen",
    "declared_nobody": "Said that nobody fits",
    "identity_asked": "Asked who they are",
    "identity_proved": "Identity proved by code",
    "vouched": "Vouched for",
    "approved": "Second person agreed",
    "held": "Put on hold",
    "released": "Released from hold",
    "resumed": "Goes on for what a hold had kept",
    "started": "Started",
    "carried_out": "Carried out",
    "failed": "An attempt failed",
    "settled": "What it waited for has happened",
    "settled_but_held": "Settled, but a hold keeps a part",
    "countersigned": "Confirmed that nothing was found",
    "looked_again": "To be looked at again",
    "extended": "Extended by two months",
    "refused": "Refused",
    "withdrawn": "Withdrawn",
    "granted": "Ruled for the person",
    "noted": "Note kept",
    "letter_sent": "Letter sent",
    "letter_handed_over": "Letter handed over",
    "lifting_told": "Told that a restriction ends",
    "lifted": "Read again: the restriction or objection ended",
}
