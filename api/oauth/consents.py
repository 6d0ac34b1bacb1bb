"""What a person has allowed apps, and how it is taken back.

account -> list_consents -> withdraw -> grant and families revoked -> tokens refused within seconds

Source: RFC 6749 section 1.5; RFC 9700 section 4.14.2 (all tokens of a grant end together).
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update

from domain.errors import NotFoundError
from tenancy.session import TenantSession
from tenancy.tables import AppGrant, OAuthClient, RevocationCause, TokenFamily

__all__ = ["Consent", "list_consents", "withdraw"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What one person allows one app.

    Attributes:
        application: Its name.
        client_id: Its public id.
        used_at: When it last signed in with it; None: not yet.
    """

    id: uuid.UUID
    application: str
    client_id: str
    scopes: frozenset[str]
    granted_at: dt.datetime
    used_at: dt.datetime | None


async def list_consents(session: TenantSession, user_id: uuid.UUID) -> Sequence[Consent]:
    """What is in force of a person of the session's agency, the newest first."""
    rows = await session.execute(
        select(
            AppGrant.id,
            OAuthClient.name.label("application"),
            OAuthClient.client_id,
            AppGrant.scopes,
            AppGrant.granted_at,
            func.max(TokenFamily.issued_at).label("used_at"),
        )
        .join(
            OAuthClient,
            (OAuthClient.tenant_id == AppGrant.tenant_id) & (OAuthClient.id == AppGrant.app_id),
        )
        .outerjoin(
            TokenFamily,
            (TokenFamily.tenant_id == AppGrant.tenant_id) & (TokenFamily.grant_id == AppGrant.id),
        )
        .where(AppGrant.user_id == user_id, AppGrant.revoked_at.is_(None))
        .group_by(AppGrant.tenant_id, AppGrant.id, OAuthClient.name, OAuthClient.client_id)
        .order_by(AppGrant.granted_at.desc(), AppGrant.id.desc())
    )
    return [
        Consent(
            id=row.id,
            application=row.application,
            client_id=row.client_id,
            scopes=frozenset(row.scopes),
            granted_at=row.granted_at,
            used_at=row.used_at,
        )
        for row in rows
    ]


async def withdraw(
    session: TenantSession, user_id: uuid.UUID, grant_id: uuid.UUID, now: dt.datetime
) -> str:
    """Take a consent back: all that came of it ends.

    Returns:
        Public id of the app, for the audit.

    Raises:
        NotFoundError: The person allows nothing of that id.
    """
    app_id = await session.scalar(
        update(AppGrant)
        .where(AppGrant.id == grant_id, AppGrant.user_id == user_id, AppGrant.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(AppGrant.app_id)
    )
    if app_id is None:
        raise NotFoundError(
            "you allow no such app", hint="you may have taken it back in another window"
        )
    await session.execute(
        update(TokenFamily)
        .where(TokenFamily.grant_id == grant_id, TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=RevocationCause.CONSENT_WITHDRAWN)
    )
    client_id = select(OAuthClient.client_id).where(OAuthClient.id == app_id)
    return (await session.scalars(client_id)).one()
