"""What the policies of retention do to the control plane: which rows, since when, and how.

    classification of a column -> name of a policy (days) -> RetentionRule -> rows that are over

A test holds the rules against the classifications: each policy with days that a column of
PostgreSQL names has a rule for its table, or stands in `KEPT_BECAUSE` with the reason. Open legal
holds keep what is about the people that they are about.

Source: GDPR articles 5(1)(e) and 17(3)(e).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["KEPT_BECAUSE", "RULES", "PurgeAction", "RetentionRule"]


class PurgeAction(enum.Enum):
    """What becomes of a row that is over."""

    DELETE = "delete"
    CLEAR = "clear"  # the columns that are over; the row stays


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One policy at one table. All SQL is about `r`, a row of the table.

    Attributes:
        policy: In `domain.privacy.retention_policies`; its days count from `since`.
        table: Of the control plane.
        since: SQL of the instant from which the days count; NULL: not yet.
        action: What is done.
        clears: Of `CLEAR`: columns, and SQL of what they become.
        keeps: SQL of a condition that keeps a row; empty: none.
        waits: SQL of a condition under which a row waits for others to go first; empty: none.
    """

    policy: str
    table: str
    since: str
    action: PurgeAction = PurgeAction.DELETE
    clears: tuple[tuple[str, str], ...] = ()
    keeps: str = ""
    waits: str = ""

    @property
    def name(self) -> str:
        """Of policy and table."""
        return f"{self.policy}.{self.table}"


_CLOSED: Final = (
    "(SELECT q.closed_at FROM subject_requests q"
    " WHERE q.tenant_id = r.tenant_id AND q.id = r.request_id)"
)


def _held(request: str) -> str:
    """Whether a legal hold is open over whom a request is about."""
    return (
        "EXISTS (SELECT 1 FROM subject_requests q JOIN legal_holds h"
        " ON h.tenant_id = q.tenant_id AND h.client_id = q.client_id"
        " AND (h.subject_id IS NULL OR h.subject_id = q.subject_id)"
        f" WHERE q.tenant_id = r.tenant_id AND q.id = {request} AND h.released_at IS NULL"
        " AND (h.expires_at IS NULL OR h.expires_at > :now))"
    )


def _of_user(column: str) -> str:
    """When the account was closed that a column names."""
    return (
        "(SELECT u.deactivated_at FROM users u"
        f" WHERE u.tenant_id = r.tenant_id AND u.id = {column})"
    )


_MEMBER: Final = (
    "(SELECT m.user_id FROM memberships m"
    " WHERE m.tenant_id = r.tenant_id AND m.id = r.membership_id)"
)


def _used_by(table: str, condition: str) -> str:
    """Whether a row of another table, which goes first, still needs the row."""
    return f"EXISTS (SELECT 1 FROM {table} x WHERE x.tenant_id = r.tenant_id AND {condition})"


_NULL: Final = "NULL"
_EMPTY: Final = "'{}'::jsonb"

RULES: Final = (
    RetentionRule(
        "request_claim",
        "subject_requests",
        "r.closed_at",
        PurgeAction.CLEAR,
        (("sealed_claim", _NULL),),
        keeps=_held("r.id"),
    ),
    RetentionRule("request_claim", "request_letters", _CLOSED, keeps=_held("r.request_id")),
    RetentionRule("request_record", "identity_codes", _CLOSED, keeps=_held("r.request_id")),
    RetentionRule(
        "request_claim", "privacy_inbox", "r.ended_at", PurgeAction.CLEAR, (("sealed", _NULL),)
    ),
    RetentionRule(
        "request_claim", "recipient_notices", "r.ended_at", PurgeAction.CLEAR, (("sealed", _NULL),)
    ),
    RetentionRule("signed_in", "browser_sessions", "r.expires_at"),
    RetentionRule("signed_in", "one_time_links", "r.expires_at"),
    RetentionRule("one_day_after", "authorization_codes", "r.expires_at"),
    RetentionRule("one_day_after", "refresh_tokens", "r.expires_at"),
    RetentionRule("pending_consent", "pending_connections", "r.link_expires_at"),
    RetentionRule("quarantine", "quarantined_rows", "r.created_at"),
    RetentionRule("forecast", "made_forecasts", "r.made_at"),
    RetentionRule(
        "alert_channel",
        "alert_channels",
        "r.removed_at",
        PurgeAction.CLEAR,
        (("settings", _EMPTY),),
    ),
    RetentionRule(
        "alert_channel", "recipients", "r.removed_at", PurgeAction.CLEAR, (("settings", _EMPTY),)
    ),
    RetentionRule(
        "alert_channel", "alert_messages", "r.ended_at", PurgeAction.CLEAR, (("failure", _NULL),)
    ),
    RetentionRule("request_record", "request_runs", _CLOSED, keeps=_held("r.request_id")),
    RetentionRule("request_record", "privacy_inbox", "r.ended_at"),
    RetentionRule("request_record", "recipient_notices", "r.ended_at"),
    RetentionRule("request_record", "legal_holds", "COALESCE(r.released_at, r.expires_at)"),
    RetentionRule(
        "request_record",
        "erasure_run_requests",
        "r.finished_at",
        PurgeAction.CLEAR,
        (("subject_id", _NULL),),
        keeps=_held("r.request_id"),
    ),
    RetentionRule(
        "request_record",
        "subject_requests",
        "r.closed_at",
        PurgeAction.CLEAR,
        (
            ("subject_id", _NULL),
            ("pseudonyms", "'{}'::text[]"),
            ("fingerprint", "''::bytea"),
            ("external_ref", _NULL),
            ("scope", _EMPTY),
            ("reason", _NULL),
        ),
        keeps=_held("r.id"),
    ),
    RetentionRule("staff_account", "recovery_codes", _of_user("r.user_id")),
    RetentionRule(
        "staff_account",
        "second_factors",
        _of_user("r.user_id"),
        waits=_used_by("recovery_codes", "x.user_id = r.user_id"),
    ),
    RetentionRule("staff_account", "passwords", _of_user("r.user_id")),
    RetentionRule("staff_account", "external_identities", _of_user("r.user_id")),
    RetentionRule("staff_account", "membership_clients", _of_user(_MEMBER)),
    RetentionRule(
        "staff_account",
        "memberships",
        _of_user("r.user_id"),
        waits=_used_by("membership_clients", "x.membership_id = r.id"),
    ),
    RetentionRule(
        "staff_account",
        "users",
        "r.deactivated_at",
        PurgeAction.CLEAR,
        (("email", "('deleted account ' || id::text)"), ("name", "''")),
    ),
)

_LEADS_TO_NOBODY: Final = (
    "it holds ids, dates and counts, and refers to a request that names nobody any more"
)
_PROVES: Final = "it is a proof under a number, signed; it names the person by pseudonym"
_WITH_TEXT: Final = "the row goes with its text, thirty days after the request was closed"
_ID_ALONE: Final = (
    "of the account it holds the id alone, which leads to nobody once the account is cleared; the"
    " audit trail names the same id"
)
_WITH_SESSION: Final = (
    "the row goes thirty days after it has expired; the hash opens nothing by then"
)

# (table, policy): why no rule of its own is needed, or none can be.
KEPT_BECAUSE: Final[Mapping[tuple[str, str], str]] = {
    ("certificates", "request_record"): _PROVES,
    ("person_exports", "request_record"): _LEADS_TO_NOBODY,
    ("request_events", "request_record"): _LEADS_TO_NOBODY,
    ("request_letters", "request_record"): _WITH_TEXT,
    **{
        (table, "staff_account"): _ID_ALONE
        for table in ("app_grants", "browser_sessions", "one_time_links", "token_families")
    },
    ("browser_sessions", "one_day_after"): _WITH_SESSION,
    ("one_time_links", "one_day_after"): _WITH_SESSION,
    ("approvals", "approval"): "deeds in the audit trail rest on the row, and it names staff alone",
}
