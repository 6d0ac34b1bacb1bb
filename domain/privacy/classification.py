"""What a column holds of people, said where the column is declared.

    column -> holds -> Classification (about somebody) | NotPersonal (about nobody, and why)

A column that says nothing is a column that nobody has looked at: the build fails. What there is to
say stands in `domain.privacy.holds`.

Sources: GDPR articles 4(1), 4(5), 6(1), 26 to 30; fideslang 3.1 default taxonomy (categories of
data, uses and subjects). Decision: ADR-0024.
"""

import enum
from dataclasses import dataclass

from domain.privacy.rights import ProcessingRole

__all__ = [
    "Classification",
    "LegalBasis",
    "NotPersonal",
    "Privacy",
    "Reason",
    "Recipient",
    "SubjectKey",
]


class LegalBasis(enum.Enum):
    """The letter of article 6(1) GDPR. Of a client's people the client has to confirm it."""

    CONSENT = "6(1)(a)"
    CONTRACT = "6(1)(b)"
    OBLIGATION = "6(1)(c)"
    INTERESTS = "6(1)(f)"


class Recipient(enum.Enum):
    """Who gets to see it; the value says it to people."""

    AGENCY = "people of the agency whose role allows it"
    CLIENT = "people of the client whom the agency lets in"
    PROGRAMS = "programs that the agency connected (OAuth applications)"
    OPERATOR = "the operator of the platform, its hosting and its backups"
    CHANNELS = "the alert channels that the agency set up (mail, Slack, webhooks)"
    PROVIDER = "the identity provider of the agency"
    AUTHORITY = "supervisory authorities, on demand"


class SubjectKey(enum.Enum):
    """By what the person behind a row is found; the value says it to people."""

    STAFF = "the id of the account in users"
    ACTOR = "the word itself: user:<id of the account>"
    SHOP = "the shop's id of the customer or the order, in the same row"
    PERSON = "the id in subjects, or a pseudonym that leads there"
    SEARCHED = "a search of its text for the identifiers of the person"
    NOBODY = "not found from here"


class Reason(enum.Enum):
    """Why something is about nobody; the value says it to people."""

    CONFIGURATION = "what an agency set up about itself, its clients or its programs"
    LINEAGE = "ids of our own, instants and counts that tell where a row came from"
    AGGREGATE = "figures over many people, never of one"
    CLOSED_LIST = "a word from a short list, or a code of a standard"
    WORDING = "words that were written for the public or by us"
    SEALED = "a key or token of a program or an account, sealed or hashed; it names nobody"


@dataclass(frozen=True, slots=True)
class Classification:
    """About somebody.

    Attributes:
        name: Snake case, unique.
        category: Fideslang data category.
        subjects: Fideslang data subject: whom it is about.
        use: Fideslang data use.
        purpose: What for, in words for people.
        basis: Letter of article 6(1).
        retention: Name of a policy of `retention_policies`.
        recipients: Who gets to see it.
        role: What the agency is to it.
        key: By what the person is found.
        no_key_because: Of `NOBODY`: why, and why that is enough.
        tells_alone: Still about the person when the row names nobody any more; else it may stay,
            and sums over it tell of nobody.
        sealed: Stored encrypted or as a hash only.
    """

    name: str
    category: str
    subjects: str
    use: str
    purpose: str
    basis: LegalBasis
    retention: str
    recipients: tuple[Recipient, ...]
    role: ProcessingRole
    key: SubjectKey
    no_key_because: str = ""
    tells_alone: bool = True
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class NotPersonal:
    """About nobody.

    Attributes:
        name: Snake case, unique.
        reason: Why it is about nobody.
        note: What was considered, where that is not obvious; for people.
    """

    name: str
    reason: Reason
    note: str = ""


Privacy = Classification | NotPersonal
