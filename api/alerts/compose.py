"""From an agency's alerts to messages that wait to be sent, in one transaction.

    unsettled alerts x current channels, what was sent -> next_notice -> one message per channel
        -> alert_messages, alert_notices; alerts with nothing left to tell -> settled

A channel has one message on its way at most; what comes up meanwhile goes into the next one. When a
message was given up, the channel gets another try after a pause, with the news of that moment.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from api.alerts.bulletin import Bulletin, Entry, gather
from api.alerts.channels import load_addressee, wants
from api.alerts.notices import Notice, Told, next_notice, recall, take_due
from api.alerts.outgoing import content_of
from domain.ids import ClientId
from domain.ports import IdFactory
from tenancy.session import TenantSession
from tenancy.tables import (
    AlertChannel,
    AlertMessage,
    AlertNotice,
    Client,
    MessageState,
    NoticePhase,
    RaisedAlert,
)

__all__ = ["compose"]

_PAUSE: Final = dt.timedelta(minutes=30)

_Key = tuple[uuid.UUID, uuid.UUID]  # channel, alert


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the agency's channels and alerts are like now."""

    alerts: Sequence[RaisedAlert]
    channels: Sequence[AlertChannel]
    told: Mapping[_Key, Told | None]

    def pending(self, channel: AlertChannel) -> list[tuple[RaisedAlert, Notice]]:
        """What the channel has to be told, now or later."""
        found = []
        for alert in self.alerts:
            told = self.told.get((channel.id, alert.id))
            notice = next_notice(alert, told, is_wanted=wants(channel, alert))
            if notice is not None:
                found.append((alert, notice))
        return found


async def compose(session: TenantSession, *, now: dt.datetime, ids: IdFactory) -> None:
    """Write the messages of the session's agency that are due.

    Args:
        session: Stores them when it commits.
        now: UTC instant.
        ids: Gives messages their ids.
    """
    desk = await _load_desk(session)
    busy = await _busy_channels(session, now)
    waiting = await _alerts_on_their_way(session)
    for channel in desk.channels:
        pending = desk.pending(channel)
        waiting.update(alert.id for alert, _ in pending)
        due = [] if channel.id in busy else take_due(pending, now)
        if due:
            await _write_message(session, channel, due, now=now, message_id=ids())
    for alert in desk.alerts:
        if alert.cleared_at is not None and alert.id not in waiting:
            alert.settled_at = now


async def _load_desk(session: TenantSession) -> _Desk:
    # An alert that is being raised or cleared at this moment is looked at the next time.
    alerts = (
        await session.scalars(
            select(RaisedAlert)
            .where(RaisedAlert.settled_at.is_(None))
            .order_by(RaisedAlert.raised_at, RaisedAlert.id)
            .with_for_update(skip_locked=True)
        )
    ).all()
    channels = (
        await session.scalars(
            select(AlertChannel)
            .where(AlertChannel.removed_at.is_(None))
            .order_by(AlertChannel.created_at, AlertChannel.id)
        )
    ).all()
    return _Desk(alerts, channels, await _load_told(session, alerts))


async def _load_told(
    session: TenantSession, alerts: Sequence[RaisedAlert]
) -> dict[_Key, Told | None]:
    rows = await session.execute(
        select(
            AlertMessage.channel_id,
            AlertNotice.alert_id,
            AlertNotice.phase,
            AlertNotice.severity,
            AlertMessage.ended_at,
        )
        .join(
            AlertNotice,
            (AlertNotice.tenant_id == AlertMessage.tenant_id)
            & (AlertNotice.message_id == AlertMessage.id),
        )
        .where(
            AlertMessage.state == MessageState.SENT,
            AlertNotice.alert_id.in_([alert.id for alert in alerts]),
        )
        .order_by(AlertMessage.ended_at)
    )
    sent: defaultdict[_Key, list[Any]] = defaultdict(list)
    for channel_id, alert_id, phase, severity, ended_at in rows:
        sent[channel_id, alert_id].append((phase, severity, ended_at))
    return {key: recall(notices) for key, notices in sent.items()}


async def _alerts_on_their_way(session: TenantSession) -> set[uuid.UUID]:
    """Alerts that a message tells of that has not been sent yet."""
    query = (
        select(AlertNotice.alert_id)
        .join(
            AlertMessage,
            (AlertNotice.tenant_id == AlertMessage.tenant_id)
            & (AlertNotice.message_id == AlertMessage.id),
        )
        .where(AlertMessage.state == MessageState.PENDING)
    )
    return set((await session.scalars(query)).all())


async def _busy_channels(session: TenantSession, now: dt.datetime) -> set[uuid.UUID]:
    """Channels with a message on its way, or with one that was given up a moment ago."""
    latest = (
        await session.scalars(
            select(AlertMessage)
            .ext(distinct_on(AlertMessage.channel_id))
            .order_by(AlertMessage.channel_id, AlertMessage.composed_at.desc())
        )
    ).all()
    return {message.channel_id for message in latest if _keeps_busy(message, now)}


def _keeps_busy(message: AlertMessage, now: dt.datetime) -> bool:
    if message.state is MessageState.FAILED and message.ended_at is not None:
        return now < message.ended_at + _PAUSE
    return message.state is MessageState.PENDING


async def _write_message(
    session: TenantSession,
    channel: AlertChannel,
    due: Sequence[tuple[RaisedAlert, NoticePhase]],
    *,
    now: dt.datetime,
    message_id: uuid.UUID,
) -> None:
    names = await _client_names(session, [alert for alert, _ in due])
    entries = [
        Entry(alert, phase, None if alert.client_id is None else names[alert.client_id])
        for alert, phase in due
    ]
    bulletin = Bulletin(message_id, await load_addressee(session), now, gather(entries))
    session.add(
        AlertMessage(
            id=message_id,
            channel_id=channel.id,
            content=content_of(channel.kind, bulletin),
            state=MessageState.PENDING,
            attempts=0,
            composed_at=now,
            next_attempt_at=now,
        )
    )
    await session.flush()
    session.add_all(
        AlertNotice(message_id=message_id, alert_id=alert.id, phase=phase, severity=alert.severity)
        for alert, phase in due
    )


async def _client_names(
    session: TenantSession, alerts: Sequence[RaisedAlert]
) -> dict[ClientId, str]:
    ids = {alert.client_id for alert in alerts if alert.client_id is not None}
    rows = await session.execute(select(Client.id, Client.name).where(Client.id.in_(ids)))
    return {row.id: row.name for row in rows}
