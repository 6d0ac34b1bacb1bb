"""Alerts of requests that may not be answered in time.

open request, clock running -> how much is left -> seven days, two days, overdue -> one alert, that
grows worse
"""

from typing import Final

from sqlalchemy import or_, select

from domain.privacy.deadlines import POLICIES
from domain.privacy.rights import RequestState
from gdpr.requests.docket import alert_object, alert_subject, public_request_id
from gdpr.requests.services import RequestServices
from tenancy.alerts import Alert, AlertKind, AlertSeverity, clear_alert, raise_alert
from tenancy.session import TenantSession
from tenancy.tables import RaisedAlert, SubjectRequest

__all__ = ["tell_risks"]

_OVERDUE: Final = "A person's request is overdue"
_TITLES: Final = (
    ("A person's request is due within {days} days", AlertSeverity.WARNING),
    ("A person's request is due within {days} days", AlertSeverity.CRITICAL),
)


async def tell_risks(services: RequestServices, session: TenantSession) -> int:
    """Raise alerts of the agency's requests, and clear those that no longer hold.

    Returns:
        Number of requests at risk.
    """
    now, told = services.clock(), await _open_alerts(session)
    final = [state for state in RequestState if state.is_final]
    soon = now + max(within for policy in POLICIES.values() for within in policy.warn)
    query = select(SubjectRequest).where(
        SubjectRequest.state.not_in(final),
        or_(SubjectRequest.due_at <= soon, SubjectRequest.id.in_(map(alert_object, told))),
    )
    count = 0
    for row in await session.scalars(query.order_by(SubjectRequest.due_at)):
        about, risk = alert_subject(row.id), _risk(services, row)
        if risk is None:
            if about in told:
                await clear_alert(session, AlertKind.REQUEST_AT_RISK, about, now=now)
            continue
        count += 1
        title, severity = risk
        if told.get(about) == (title, severity):
            continue
        alert = Alert(
            kind=AlertKind.REQUEST_AT_RISK,
            severity=severity,
            subject=about,
            client_id=row.client_id,
            title=title,
            text=f"{public_request_id(row.id)} ({row.right.value}) is {row.state.value}",
            hint="bosco gdpr requests show tells what can be done",
            due_at=row.due_at,
        )
        await raise_alert(session, alert, now=now, ids=services.ids)
    return count


async def _open_alerts(session: TenantSession) -> dict[str, tuple[str, AlertSeverity]]:
    query = select(RaisedAlert.subject, RaisedAlert.title, RaisedAlert.severity).where(
        RaisedAlert.kind == AlertKind.REQUEST_AT_RISK, RaisedAlert.cleared_at.is_(None)
    )
    rows = await session.execute(query)
    return {row.subject: (row.title, row.severity) for row in rows}


def _risk(services: RequestServices, row: SubjectRequest) -> tuple[str, AlertSeverity] | None:
    """Title and severity; None: there is time, or the clock stands still."""
    if row.paused_at is not None:
        return None
    left = row.due_at - services.clock()
    if left.total_seconds() <= 0:
        return _OVERDUE, AlertSeverity.CRITICAL
    found = None
    for within, (title, severity) in zip(POLICIES[row.policy].warn, _TITLES, strict=True):
        if left <= within:
            found = title.format(days=within.days), severity
    return found
