"""What programs are told of a client's data: published, not read, or late.

    sync, what it became -> published    syncs of a run -> failed    a day that is late -> missed
        -> Event -> tenancy.webhooks.record_event

Data holds public ids, names of the catalogue and dates, so that a receiver knows what to ask again;
figures, accounts and the platforms' words stay behind the API.
"""

from collections.abc import Sequence

from domain.ids import RunId, public_id
from tenancy.tables import Connection, DueSync, Sync, SyncState
from tenancy.webhooks import Event, WebhookEventType

__all__ = ["failed", "missed", "published"]


def published(sync: Sync, facts: Sequence[str]) -> Event:
    """New or restated rows of a sync count.

    Args:
        sync: That is published now.
        facts: What its rows became.
    """
    return Event(
        type=WebhookEventType.DATA_PUBLISHED,
        subject=f"sync:{sync.id}",
        client_id=sync.client_id,
        data={
            "clientId": public_id("cli", sync.client_id),
            "connectionId": public_id("con", sync.connection_id),
            "syncId": public_id("syn", sync.id),
            "source": sync.source,
            "facts": sorted(facts),
            # What came by a cursor may touch any day.
            "from": str(sync.slice_from) if sync.slice_to and sync.slice_from else None,
            "to": str(sync.slice_to) if sync.slice_to else None,
        },
    )


def failed(connection: Connection, run_id: RunId, syncs: Sequence[Sync]) -> Event | None:
    """A run could not read all of a connection; None: it could.

    Args:
        connection: Whose syncs they are.
        run_id: That made them.
        syncs: Ended.
    """
    unread = [sync for sync in syncs if sync.state is SyncState.FAILED]
    if not unread:
        return None
    return Event(
        type=WebhookEventType.SYNC_FAILED,
        subject=f"run:{run_id}:connection:{connection.id}",
        client_id=connection.client_id,
        data={
            "clientId": public_id("cli", connection.client_id),
            "connectionId": public_id("con", connection.id),
            "source": connection.source,
            "streams": sorted({sync.stream for sync in unread}),
            "codes": sorted({sync.error_code for sync in unread if sync.error_code}),
        },
    )


def missed(row: DueSync, connection: Connection) -> Event:
    """A client's morning has come without the data.

    Args:
        row: What was due.
        connection: Of the row.
    """
    return Event(
        type=WebhookEventType.FRESHNESS_MISSED,
        subject=f"connection:{row.connection_id}:{row.day}",
        client_id=connection.client_id,
        data={
            "clientId": public_id("cli", connection.client_id),
            "connectionId": public_id("con", row.connection_id),
            "source": row.source,
            "day": str(row.day),
            "deadlineAt": f"{row.deadline_at:%Y-%m-%dT%H:%M:%SZ}",
        },
    )
