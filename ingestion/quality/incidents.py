"""Incidents: what a check found in a stream, until it is put right.

    findings -> opened, or opened again -> alert
    acknowledge -> somebody looks after it
    the next good run, or a person's word -> resolved -> alert cleared

There is one incident for each connection, stream and check; its events tell its whole story. All
functions write in the transaction that they are given.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.errors import ConflictError
from domain.ids import ClientId, ConnectionId, RunId, SyncId
from domain.ports import IdFactory
from ingestion.quality.finding import Check, Finding
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import TenantSession
from tenancy.tables import (
    Connection,
    Incident,
    IncidentEvent,
    IncidentEventKind,
    IncidentSeverity,
    IncidentState,
    Sync,
    SyncState,
)

__all__ = [
    "CHECKS_ACTOR",
    "IncidentWriter",
    "Place",
    "has_held_syncs",
]

CHECKS_ACTOR: Final = "job:quality"

_RANKS: Final = {severity: rank for rank, severity in enumerate(IncidentSeverity)}
_ALERTS: Final = {  # a notice waits until somebody looks
    IncidentSeverity.WARNING: AlertSeverity.WARNING,
    IncidentSeverity.CRITICAL: AlertSeverity.CRITICAL,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found.

    Attributes:
        stream: Of the connection.
        run_id: The run that brought it.
        sync_id: The sync that brought it; None: not about one sync.
    """

    client_id: ClientId
    connection_id: ConnectionId
    stream: str
    run_id: RunId
    sync_id: SyncId | None = None


@dataclass(frozen=True, slots=True)
class IncidentWriter:
    """Writes incidents within one transaction.

    Attributes:
        now: UTC instant of everything that it writes.
    """

    session: TenantSession
    now: dt.datetime
    ids: IdFactory

    async def note(self, place: Place, findings: Iterable[Finding]) -> None:
        """Open incidents, or bring them up to date; of one sync or run, noting again adds nothing.

        Args:
            place: Where.
            findings: Several of one check become one incident.
        """
        for finding in _by_check(findings):
            incident = await self._find(place, finding.check)
            if incident is None:
                await self._open(place, finding)
            else:
                self._find_again(incident, place, finding)
            await self._alert(place, finding)

    async def acknowledge(self, incident: Incident, *, actor: str, reason: str) -> None:
        """Note that somebody looks after it.

        Raises:
            ConflictError: It is resolved.
        """
        if incident.state is IncidentState.RESOLVED:
            raise ConflictError("the incident is resolved", hint="nothing is left to look after")
        incident.state = IncidentState.ACKNOWLEDGED
        self._tell(incident, IncidentEventKind.ACKNOWLEDGED, actor, reason)

    async def resolve(self, incident: Incident, *, actor: str, reason: str) -> None:
        """Close it, and say that its alert is over.

        Raises:
            ConflictError: It is resolved already, or it still holds syncs back.
        """
        if incident.state is IncidentState.RESOLVED:
            raise ConflictError("the incident is resolved already")
        if incident.severity is IncidentSeverity.CRITICAL and await has_held_syncs(
            self.session, incident.connection_id, incident.stream
        ):
            raise ConflictError(
                "syncs are held back because of the incident",
                hint="release them (bosco quality release), or wait for a sync that is good",
            )
        await self._close(incident, IncidentEventKind.RESOLVED, actor, reason)

    async def release(self, incident: Incident, *, actor: str, reason: str) -> None:
        """Close it because what it holds back may pass."""
        await self._close(incident, IncidentEventKind.RELEASED, actor, reason)

    async def resolve_passed(
        self, connection_id: ConnectionId, run_id: RunId, streams: Sequence[str]
    ) -> None:
        """Close what a run has not found again in the streams that it published."""
        query = select(Incident).where(
            Incident.connection_id == connection_id,
            Incident.stream.in_(streams),
            Incident.run_id != run_id,
            Incident.state != IncidentState.RESOLVED,
        )
        for incident in (await self.session.scalars(query.with_for_update())).all():
            if not await has_held_syncs(self.session, connection_id, incident.stream):
                reason = "the latest run has not found it again"
                await self._close(incident, IncidentEventKind.RESOLVED, CHECKS_ACTOR, reason)

    async def _find(self, place: Place, check: Check) -> Incident | None:
        query = select(Incident).where(
            Incident.connection_id == place.connection_id,
            Incident.stream == place.stream,
            Incident.check_name == check.name,
        )
        return (await self.session.scalars(query.with_for_update())).one_or_none()

    async def _open(self, place: Place, finding: Finding) -> None:
        incident = Incident(
            id=self.ids(),
            client_id=place.client_id,
            connection_id=place.connection_id,
            stream=place.stream,
            check_name=finding.check.name,
            severity=finding.severity,
            state=IncidentState.OPEN,
            message=finding.message,
            hint=finding.check.hint,
            run_id=place.run_id,
            sync_id=place.sync_id,
            times_found=1,
            opened_at=self.now,
            last_found_at=self.now,
        )
        self.session.add(incident)
        await self.session.flush()  # its events refer to it
        self._tell(incident, IncidentEventKind.OPENED, CHECKS_ACTOR, finding.message)

    def _find_again(self, incident: Incident, place: Place, finding: Finding) -> None:
        is_closed = incident.state is IncidentState.RESOLVED
        is_worse = _RANKS[finding.severity] > _RANKS[incident.severity]
        is_news = (incident.run_id, incident.sync_id) != (place.run_id, place.sync_id)
        if is_closed:
            incident.state, incident.opened_at, incident.times_found = (
                IncidentState.OPEN,
                self.now,
                1,
            )
            self._tell(incident, IncidentEventKind.REOPENED, CHECKS_ACTOR, finding.message)
        elif is_worse:
            incident.state = IncidentState.OPEN
            self._tell(incident, IncidentEventKind.WORSENED, CHECKS_ACTOR, finding.message)
        if is_news and not is_closed:
            incident.times_found += 1
        incident.severity, incident.message = finding.severity, finding.message
        incident.run_id, incident.sync_id = place.run_id, place.sync_id
        incident.last_found_at = self.now

    async def _close(
        self, incident: Incident, kind: IncidentEventKind, actor: str, reason: str
    ) -> None:
        incident.state = IncidentState.RESOLVED
        self._tell(incident, kind, actor, reason)
        subject = _subject(incident.connection_id, incident.stream, incident.check_name)
        await clear_alert(self.session, AlertKind.QUALITY_INCIDENT, subject, now=self.now)

    def _tell(self, incident: Incident, kind: IncidentEventKind, actor: str, reason: str) -> None:
        self.session.add(
            IncidentEvent(
                id=self.ids(),
                incident_id=incident.id,
                at=self.now,
                kind=kind,
                actor=actor,
                reason=reason,
            )
        )

    async def _alert(self, place: Place, finding: Finding) -> None:
        if finding.severity not in _ALERTS:
            return
        connection = await self.session.get_one(
            Connection, (self.session.tenant_id, place.connection_id)
        )
        held = "; the last good data stays visible" if finding.holds else ""
        alert = Alert(
            kind=AlertKind.QUALITY_INCIDENT,
            severity=_ALERTS[finding.severity],
            subject=_subject(place.connection_id, place.stream, finding.check.name),
            client_id=place.client_id,
            title=finding.check.title,
            text=f"{connection.source} {connection.account_id}, {place.stream}:"
            f" {finding.message}{held}",
            hint=finding.check.hint,
        )
        await raise_alert(self.session, alert, now=self.now, ids=self.ids)


async def has_held_syncs(session: TenantSession, connection_id: ConnectionId, stream: str) -> bool:
    """Whether syncs of a stream wait for somebody to release them, or for a good one."""
    query = select(Sync.id).where(
        Sync.connection_id == connection_id, Sync.stream == stream, Sync.state == SyncState.HELD
    )
    return await session.scalar(query.limit(1)) is not None


def _by_check(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each check: the gravest severity, all messages."""
    grouped: dict[Check, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.check, []).append(finding)
    return [
        Finding(
            check,
            max((one.severity for one in found), key=_RANKS.__getitem__),
            "; ".join(one.message for one in found),
        )
        for check, found in grouped.items()
    ]


def _subject(connection_id: ConnectionId, stream: str, check: str) -> str:
    return f"connection:{connection_id}:{stream}:{check}"
