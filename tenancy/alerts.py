"""Alerts: something is wrong, written down in the transaction that finds it out.

    work -> raise_alert(session, Alert) -> alerts -> COMMIT of both -> delivery in its own time
         -> clear_alert(session, kind, subject)

One alert is open for each kind and subject: raised again, it is brought up to date. One that comes
back within a day of being cleared is the same alert, relapsed, so that what flaps is told as one
thing. Texts hold ids, figures and names of clients and sources, never secrets or personal data.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from domain.ids import ClientId
from domain.ports import IdFactory
from tenancy.session import TenantSession
from tenancy.tables import AlertKind, AlertSeverity, RaisedAlert

__all__ = ["Alert", "AlertKind", "AlertSeverity", "clear_alert", "raise_alert"]

RELAPSE_WITHIN: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody at the agency should know.

    Attributes:
        kind: What sort of thing.
        severity: How much it matters.
        subject: What it is about, for example `connection:<uuid>`; with `kind` it is the key.
        client_id: Whose data suffers; None: the whole agency's.
        title: What is wrong, as a sentence without a full stop and without the client's name:
            alerts of one kind and title are told together, with the clients that they touch.
        text: What makes this one different: account, figures, the provider's words; may be empty.
        hint: What to do; empty when nothing can be done.
        due_at: UTC instant by which it has to be put right; None: no deadline.
    """

    kind: AlertKind
    severity: AlertSeverity
    subject: str
    client_id: ClientId | None
    title: str
    text: str
    hint: str = ""
    due_at: dt.datetime | None = None


async def raise_alert(
    session: TenantSession, alert: Alert, *, now: dt.datetime, ids: IdFactory
) -> None:
    """Say that something is wrong; stored when the session commits.

    Args:
        session: Where it was found out; of the agency.
        alert: Replaces what was said of the same kind and subject, if that is open.
        now: UTC instant.
        ids: Gives a new alert its id.

    Raises:
        TenantChangeError: The session has no tenant (our bug).
    """
    newest = (
        await session.scalars(
            select(RaisedAlert)
            .where(RaisedAlert.kind == alert.kind, RaisedAlert.subject == alert.subject)
            .order_by(RaisedAlert.raised_at.desc(), RaisedAlert.id.desc())
            .limit(1)
            .with_for_update()
        )
    ).one_or_none()
    if newest is not None and _goes_on(newest, now):
        relapse = {} if newest.cleared_at is None else _relapse(newest, now)
        await session.execute(
            update(RaisedAlert)
            .where(RaisedAlert.id == newest.id)
            .values(**_words(alert, now), **relapse)
        )
        return
    await session.execute(
        insert(RaisedAlert)
        .values(
            tenant_id=session.tenant_id,
            id=ids(),
            kind=alert.kind,
            subject=alert.subject,
            relapses=0,
            raised_at=now,
            opened_at=now,
            **_words(alert, now),
        )
        # Another transaction may have raised it since the look above.
        .on_conflict_do_update(
            index_elements=["tenant_id", "kind", "subject"],
            index_where=RaisedAlert.cleared_at.is_(None),
            set_=_words(alert, now),
        )
    )


async def clear_alert(
    session: TenantSession, kind: AlertKind, subject: str, *, now: dt.datetime
) -> bool:
    """Say that the cause is gone; stored when the session commits.

    Returns:
        Whether such an alert was open.
    """
    cleared = await session.execute(
        update(RaisedAlert)
        .where(
            RaisedAlert.kind == kind,
            RaisedAlert.subject == subject,
            RaisedAlert.cleared_at.is_(None),
        )
        .values(cleared_at=now)
        .returning(RaisedAlert.id)
    )
    return cleared.one_or_none() is not None


def _goes_on(alert: RaisedAlert, now: dt.datetime) -> bool:
    return alert.cleared_at is None or now - alert.cleared_at < RELAPSE_WITHIN


def _relapse(alert: RaisedAlert, now: dt.datetime) -> dict[str, Any]:
    return {
        "relapses": alert.relapses + 1,
        "opened_at": now,
        "cleared_at": None,
        "settled_at": None,
    }


def _words(alert: Alert, now: dt.datetime) -> dict[str, Any]:
    return {
        "severity": alert.severity,
        "client_id": alert.client_id,
        "title": alert.title,
        "details": alert.text,
        "hint": alert.hint,
        "due_at": alert.due_at,
        "updated_at": now,
    }
