"""What the end of a connection's syncs says to the agency.

    syncs of one run and connection -> tell_outcome -> raise_alert | clear_alert

A connection has one alert for syncs that failed and one for credentials that were refused; both are
over with the next run that reads everything. The provider's own words stay with the sync: they may
name people.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Final

from domain.ids import ConnectionId
from domain.ports import IdFactory
from ingestion.connector.failures import (
    AccountNotAccessibleError,
    ApiVersionRetiredError,
    CredentialsRejectedError,
    ProviderUnavailableError,
    ThrottledError,
    UnknownFieldRequestedError,
)
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import TenantSession
from tenancy.tables import Connection, Sync, SyncState
from tenancy.vault import CredentialError

__all__ = ["tell_outcome", "withdraw"]

_REFUSED: Final = {CredentialsRejectedError.code, CredentialError.code}
_KINDS: Final = (AlertKind.SYNC_FAILED, AlertKind.CREDENTIALS_REFUSED)

# What is wrong, after the name of the source, and what to do.
_WORDS: Final = {
    CredentialsRejectedError.code: ("refuses the credentials", "connect the account again"),
    CredentialError.code: ("cannot be asked: its credentials do not open", "connect it again"),
    AccountNotAccessibleError.code: (
        "shows this account no more",
        "check the account id, and that the connected user may see the account",
    ),
    ApiVersionRetiredError.code: (
        "has switched off the API version",
        "tell the operator of the platform: the source file needs a newer one",
    ),
    UnknownFieldRequestedError.code: (
        "does not know a field any more",
        "tell the operator of the platform: the source file asks for it",
    ),
    ThrottledError.code: ("grants no more calls", "it goes on by itself when calls are granted"),
    ProviderUnavailableError.code: (
        "does not answer",
        "it is tried again with the next sync",
    ),
}
_OTHERWISE: Final = ("could not be read", "it is tried again with the next sync")


async def tell_outcome(
    session: TenantSession,
    connection: Connection,
    label: str,
    syncs: Sequence[Sync],
    *,
    reconnect: str = "",
    now: dt.datetime,
    ids: IdFactory,
) -> None:
    """Raise an alert for a connection that could not be read, or say that it can be again.

    Args:
        session: Of the agency; stores it when it commits.
        connection: Whose syncs they are.
        label: The source's name for people.
        syncs: All that one run made for the connection; ended. None: nothing is known. Refusals of
            credentials that were replaced since do not count.
        reconnect: How somebody connects it again; empty: it is said in general.
        now: UTC instant.
        ids: Gives a new alert its id.
    """
    syncs = [sync for sync in syncs if not _is_overcome(connection, sync)]
    codes = Counter(sync.error_code or "" for sync in syncs if sync.state is SyncState.FAILED)
    if codes:
        alert = _alert(connection, label, codes, len(syncs), reconnect)
        await raise_alert(session, alert, now=now, ids=ids)
    elif syncs:
        await withdraw(session, connection.id, now=now)


async def withdraw(
    session: TenantSession, connection_id: ConnectionId, *, now: dt.datetime
) -> None:
    """Say that nothing of this is wrong with a connection any more."""
    for kind in _KINDS:
        await clear_alert(session, kind, _subject(connection_id), now=now)


def _is_overcome(connection: Connection, sync: Sync) -> bool:
    """Whether credentials were refused that somebody has replaced since."""
    if connection.connected_at is None or sync.finished_at is None:
        return False
    return sync.error_code in _REFUSED and sync.finished_at <= connection.connected_at


def _alert(
    connection: Connection, label: str, codes: Counter[str], syncs: int, reconnect: str
) -> Alert:
    refused = sorted(_REFUSED & codes.keys())
    code = refused[0] if refused else min(codes, key=lambda one: (-codes[one], one))
    what, hint = _WORDS.get(code, _OTHERWISE)
    failed = f"{codes.total()} of {syncs}"
    reasons = ", ".join(f"{count} {one}" for one, count in sorted(codes.items()))
    return Alert(
        kind=AlertKind.CREDENTIALS_REFUSED if refused else AlertKind.SYNC_FAILED,
        severity=AlertSeverity.CRITICAL if refused else AlertSeverity.WARNING,
        subject=_subject(connection.id),
        client_id=connection.client_id,
        title=f"{label} {what}",
        text=f"account {connection.account_id}: {failed} syncs failed ({reasons})",
        hint=reconnect if refused and reconnect else hint,
    )


def _subject(connection_id: ConnectionId) -> str:
    return f"connection:{connection_id}"
