"""How long each sort of data is kept, as data: what deletes it reads these.

    classification -> name of a policy -> days, and the instant that they count from

A policy without days ends with an event, not with a day: what deletes then says so in `ends`. The
figures are our own decisions, each with its reason; a court or a contract may know better ones.

Sources: GDPR articles 5(1)(e), 5(2), 17(3)(e) and 28(3)(g); EDPB, Coordinated Enforcement Action
on the right to erasure (2026): "undefined retention periods" was found most often.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["RETENTION_POLICIES", "CountsFrom", "RetentionPolicy"]


class CountsFrom(enum.Enum):
    """The instant from which the days of a policy count; the value says it to people."""

    WRITTEN = "the instant at which it was written"
    REPORTING_DATE = "the day that it tells of"
    EXPIRED = "the instant at which it stops being valid"
    CLOSED = "the instant at which the matter was closed"
    CONTRACT_END = "the day on which the agency stops working for the client"
    ACCOUNT_END = "the day on which the person's account is closed"


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """One rule of keeping.

    Attributes:
        name: Snake case; classifications name it.
        days: After so many days it goes; None: not by a day, see `ends`.
        counts_from: From when the days count.
        why: Why not shorter; a sentence for people.
        ends: Of a policy without days: the event that ends it.
    """

    name: str
    days: int | None
    counts_from: CountsFrom
    why: str
    ends: str = ""


_ALL: Final = (
    RetentionPolicy(
        "shop_people",
        1_095,
        CountsFrom.REPORTING_DATE,
        "Returning buyers are told from new ones over three years; then the person is taken out of"
        " the row and the sums stay.",
    ),
    RetentionPolicy(
        "landed",
        400,
        CountsFrom.WRITTEN,
        "Thirteen months of what platforms sent: a year can be mapped anew after a mistake.",
    ),
    RetentionPolicy(
        "forecast",
        400,
        CountsFrom.WRITTEN,
        "Thirteen months of forecasts beside what came of them: as long as a year is compared.",
    ),
    RetentionPolicy(
        "quarantine",
        90,
        CountsFrom.WRITTEN,
        "Rows that did not fit wait for somebody to mend them; after a quarter nobody will.",
    ),
    RetentionPolicy(
        "staff_account",
        365,
        CountsFrom.ACCOUNT_END,
        "Who had access to what can still be told for a year after somebody has left; then the"
        " account is an id that leads to nobody.",
    ),
    RetentionPolicy(
        "staff_word",
        None,
        CountsFrom.ACCOUNT_END,
        "Who did it is part of what was done.",
        ends="the account is deleted; the id that is left leads to nobody",
    ),
    RetentionPolicy(
        "signed_in",
        30,
        CountsFrom.EXPIRED,
        "An account that somebody broke into is noticed weeks later, not years.",
    ),
    RetentionPolicy(
        "one_day_after",
        1,
        CountsFrom.EXPIRED,
        "A replay of what has just expired has to be told from a made-up word.",
    ),
    RetentionPolicy(
        "approval",
        1_095,
        CountsFrom.CLOSED,
        "That a second person agreed is proof as long as claims are possible (three years).",
    ),
    RetentionPolicy(
        "pending_consent",
        90,
        CountsFrom.EXPIRED,
        "Who asked for a connection that never came about is asked for within a quarter.",
    ),
    RetentionPolicy(
        "alert",
        365,
        CountsFrom.CLOSED,
        "A year of what went wrong shows what goes wrong every year.",
    ),
    RetentionPolicy(
        "alert_channel",
        30,
        CountsFrom.CLOSED,
        "The address is used until the channel is removed; a month more tells where alerts went.",
    ),
    RetentionPolicy(
        "audit_trail",
        None,
        CountsFrom.CONTRACT_END,
        "The trail is a chain: taking an entry out would look like tampering. It holds ids only.",
        ends="the agency leaves, or the account behind an id is deleted",
    ),
    RetentionPolicy(
        "request_claim",
        30,
        CountsFrom.CLOSED,
        "What a requester said of themselves is needed to answer questions about the answer.",
    ),
    RetentionPolicy(
        "request_record",
        1_095,
        CountsFrom.CLOSED,
        "That and when a request was answered has to be shown while claims are possible (three"
        " years, articles 5(2) and 17(3)(e)); then it names nobody any more.",
    ),
    RetentionPolicy(
        "person_export",
        30,
        CountsFrom.WRITTEN,
        "The copy that answers a request waits a month to be fetched by the person.",
    ),
    RetentionPolicy(
        "person",
        None,
        CountsFrom.CONTRACT_END,
        "A person is known by pseudonym as long as data of theirs is here.",
        ends="the person is erased: their key is destroyed, and with it every identifier",
    ),
    RetentionPolicy(
        "tombstone",
        None,
        CountsFrom.CONTRACT_END,
        "Late data and restored backups would bring an erased person back.",
        ends="the client leaves, and no source brings its data any more",
    ),
    RetentionPolicy(
        "cached",
        1,
        CountsFrom.WRITTEN,
        "An answer that is asked for again the same day need not be computed again.",
    ),
    RetentionPolicy(
        "counted_call",
        1,
        CountsFrom.WRITTEN,
        "Limits count calls over minutes; nothing lives longer than a day.",
    ),
    RetentionPolicy(
        "log",
        30,
        CountsFrom.WRITTEN,
        "Faults are looked into within a month.",
    ),
    RetentionPolicy(
        "job",
        30,
        CountsFrom.CLOSED,
        "Why a job went wrong is looked into within a month.",
    ),
    RetentionPolicy(
        "export",
        None,
        CountsFrom.WRITTEN,
        "A file that somebody asked for is theirs from then on.",
        ends="whoever asked for the file deletes it",
    ),
)

RETENTION_POLICIES: Final[Mapping[str, RetentionPolicy]] = {policy.name: policy for policy in _ALL}
