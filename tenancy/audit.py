"""Audit: who did what to which object, in the same transaction as the deed.

work -> record(session, ...) -> audit_entries (append-only by right) -> COMMIT of both or neither
"""

from collections.abc import Mapping

from domain.ports import Clock, IdFactory
from tenancy.session import TenantSession
from tenancy.tables import AuditEntry

__all__ = ["record"]

JsonScalar = str | int | float | bool | None


def record(  # one argument for each question that an auditor asks
    session: TenantSession,
    *,
    clock: Clock,
    ids: IdFactory,
    actor: str,
    action: str,
    object_kind: str,
    object_id: str,
    details: Mapping[str, JsonScalar | list[str]],
) -> None:
    """Add an entry to the session's tenant; it is stored when the session commits.

    Args:
        session: Where the deed itself is done.
        clock: Tells when.
        ids: Gives the entry its id.
        actor: Who: `user:<id>`, `client:<id>` or `job:<name>`.
        action: Object and past tense, for example `connection.paused`.
        object_kind: For example `connection`.
        object_id: Its id as text.
        details: Ids and settings; never personal data or secrets.

    Raises:
        TenantChangeError: The session has no tenant (our bug).
    """
    session.add(
        AuditEntry(
            tenant_id=session.tenant_id,
            id=ids(),
            at=clock(),
            actor=actor,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            details=dict(details),
        )
    )
