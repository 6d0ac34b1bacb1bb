"""Alerts of requests that may not be answered, or helped with, in time.

open request, clock running -> how much is left by law -> seven days, two days, overdue
    -> how much is left of the client's time for our help -> a day, overdue
    -> one alert of each, that grows worse

Sources: GDPR articles 12(3) and 28(3)(e); figures of `domain.privacy.deadlines`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select

from domain.privacy.deadlines import POLICIES
from domain.privacy.rights import RequestState
from gdpr.requests.docket import alert_object, alert_subject, public_request_id
from gdpr.requests.services import RequestServices
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import TenantSession
from tenancy.tables import RaisedAlert, SubjectRequest

__all__ = ["RISKS", "tell_risks"]

_SEVERITIES: Final = (AlertSeverity.WARNING, AlertSeverity.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Risk:
    """What an alert says.

    Attributes:
        due_at: UTC instant.
    """

    title: str
    severity: AlertSeverity
    due_at: dt.datetime


def _answer_risk(row: SubjectRequest, now: dt.datetime) -> _Risk | None:
    """Whether the person may not be answered in time; None: there is time."""
    if row.due_at <= now:
        return _Risk("A person's request is overdue", AlertSeverity.CRITICAL, row.due_at)
    found = None
    for within, severity in zip(POLICIES[row.policy].warn, _SEVERITIES, strict=True):
        if row.due_at - now <= within:
            title = f"A person's request is due within {within.days} days"
            found = _Risk(title, severity, row.due_at)
    return found


def _help_risk(row: SubjectRequest, now: dt.datetime) -> _Risk | None:
    """Whether the client may not have our help in time; None: there is time, or it has it."""
    if row.assist_by is None or row.state.is_carried_out:
        return None
    if row.assist_by <= now:
        title = "Our help with a person's request is overdue to the client"
        return _Risk(title, AlertSeverity.CRITICAL, row.assist_by)
    if row.assist_by - now <= POLICIES[row.policy].warn_assist:
        title = "Our help with a person's request is due to the client within a day"
        return _Risk(title, AlertSeverity.WARNING, row.assist_by)
    return None


RISKS: Final = {AlertKind.REQUEST_AT_RISK: _answer_risk, AlertKind.HELP_AT_RISK: _help_risk}

_Told = Mapping[tuple[AlertKind, str], tuple[str, AlertSeverity]]


async def tell_risks(services: RequestServices, session: TenantSession) -> int:
    """Raise alerts of the agency's requests, and clear those that no longer hold.

    Returns:
        Number of requests at risk.
    """
    now, told = services.clock(), await _open_alerts(session)
    final = [state for state in RequestState if state.is_final]
    soon = now + max(within for policy in POLICIES.values() for within in policy.warn)
    help_soon = now + max(policy.warn_assist for policy in POLICIES.values())
    query = select(SubjectRequest).where(
        SubjectRequest.state.not_in(final),
        or_(
            SubjectRequest.due_at <= soon,
            SubjectRequest.assist_by <= help_soon,
            SubjectRequest.id.in_({alert_object(about) for _, about in told}),
        ),
    )
    count = 0
    for row in await session.scalars(query.order_by(SubjectRequest.due_at)):
        # While the clock stands still there is no risk.
        risks = {kind: None if row.paused_at else find(row, now) for kind, find in RISKS.items()}
        count += any(risks.values())
        for kind, risk in risks.items():
            await _tell(services, session, row, kind, risk, told)
    return count


async def _tell(
    services: RequestServices,
    session: TenantSession,
    row: SubjectRequest,
    kind: AlertKind,
    risk: _Risk | None,
    told: _Told,
) -> None:
    now, about = services.clock(), alert_subject(row.id)
    before = told.get((kind, about))
    if risk is None:
        if before is not None:
            await clear_alert(session, kind, about, now=now)
        return
    if before == (risk.title, risk.severity):
        return
    alert = Alert(
        kind=kind,
        severity=risk.severity,
        subject=about,
        client_id=row.client_id,
        title=risk.title,
        text=f"{public_request_id(row.id)} ({row.right.value}) is {row.state.value}",
        hint="bosco gdpr requests show tells what can be done",
        due_at=risk.due_at,
    )
    await raise_alert(session, alert, now=now, ids=services.ids)


async def _open_alerts(session: TenantSession) -> _Told:
    query = select(
        RaisedAlert.kind, RaisedAlert.subject, RaisedAlert.title, RaisedAlert.severity
    ).where(RaisedAlert.kind.in_(RISKS), RaisedAlert.cleared_at.is_(None))
    rows = await session.execute(query)
    return {(row.kind, row.subject): (row.title, row.severity) for row in rows}
