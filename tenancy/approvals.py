"""Four eyes: what one person asks for, another one allows, once, and exactly that.

    request -> decide (somebody else, once, in time) -> use (once, in time, the same deed) -> done

Who may decide is the caller's matter: it knows the roles. Each step is one UPDATE whose conditions
decide, so two people, or two processes, at the same time change nothing about the rules. A deed is
an action, an object and a payload; an approval of one allows no other.
"""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update

from domain.errors import ConflictError, NotFoundError
from domain.ports import Clock, IdFactory
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import Approval, ApprovalDecision

__all__ = [
    "LIFETIME",
    "ApprovalOverError",
    "Approvals",
    "AskedFor",
    "Deed",
    "NotApprovedError",
    "OwnRequestError",
    "State",
]

LIFETIME: Final = dt.timedelta(days=7)  # unless the request says otherwise


class OwnRequestError(ConflictError):
    """Nobody allows what they asked for themselves (a second person can)."""

    code = "OWN_REQUEST"


class ApprovalOverError(ConflictError):
    """It is decided already, or too old (ask again)."""

    code = "APPROVAL_OVER"


class NotApprovedError(ConflictError):
    """Nothing in force allows this deed (ask for it, and let somebody else approve)."""

    code = "NOT_APPROVED"


class State(enum.Enum):
    """Where a request stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be allowed.

    Attributes:
        action: Object and verb, for example `erasure.execute`.
        payload: Ids and settings, as JSON; never personal data or secrets.
    """

    action: str
    object_kind: str
    object_id: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A request, as whoever decides sees it.

    Attributes:
        requested_by: As the audit names them; so is `decided_by`.
        decided_by: None: nobody yet.
    """

    id: uuid.UUID
    deed: Deed
    state: State
    requested_by: str
    requested_at: dt.datetime
    expires_at: dt.datetime
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Approvals:
    """Each step is part of the session's transaction, and audited in it."""

    clock: Clock
    ids: IdFactory

    async def request(
        self,
        session: TenantSession,
        deed: Deed,
        *,
        requested_by: str,
        lifetime: dt.timedelta = LIFETIME,
    ) -> uuid.UUID:
        """Ask for a deed.

        Args:
            session: Of the agency.
            deed: Exactly what is to be done.
            requested_by: As the audit names them.
            lifetime: Until it must be decided and done.

        Returns:
            The id of the approval.
        """
        approval_id, now = self.ids(), self.clock()
        session.add(
            Approval(
                id=approval_id,
                action=deed.action,
                object_kind=deed.object_kind,
                object_id=deed.object_id,
                payload=dict(deed.payload),
                requested_by=requested_by,
                requested_at=now,
                expires_at=now + lifetime,
                decision=None,
                decided_by=None,
                decided_at=None,
                used_at=None,
            )
        )
        await session.flush()
        self._audit(session, requested_by, "approval.requested", approval_id, deed.action)
        return approval_id

    async def decide(
        self,
        session: TenantSession,
        approval_id: uuid.UUID,
        decision: ApprovalDecision,
        *,
        decided_by: str,
    ) -> None:
        """Allow a deed, or refuse it.

        Raises:
            NotFoundError: The agency has no such request.
            OwnRequestError: Whoever decides asked for it.
            ApprovalOverError: It is decided or too old.
        """
        action = await self._change(
            session,
            approval_id,
            Approval.decision.is_(None),
            Approval.expires_at > self.clock(),
            Approval.requested_by != decided_by,
            decision=decision,
            decided_by=decided_by,
            decided_at=self.clock(),
        )
        if action is None:
            raise await self._why_not(session, approval_id, decided_by)
        self._audit(session, decided_by, f"approval.{decision.value}", approval_id, action)

    async def use(
        self, session: TenantSession, approval_id: uuid.UUID, deed: Deed, *, used_by: str
    ) -> None:
        """Spend an approval on its deed, in the transaction that does it.

        Raises:
            NotApprovedError: It was not approved, is spent or too old, or allows another deed; also
                when the agency has no such request.
        """
        action = await self._change(
            session,
            approval_id,
            Approval.decision == ApprovalDecision.APPROVED,
            Approval.used_at.is_(None),
            Approval.expires_at > self.clock(),
            Approval.action == deed.action,
            Approval.object_kind == deed.object_kind,
            Approval.object_id == deed.object_id,
            Approval.payload == dict(deed.payload),
            used_at=self.clock(),
        )
        if action is None:
            raise NotApprovedError(
                "nothing in force allows this",
                hint="ask for exactly this, and let somebody else approve it",
            )
        self._audit(session, used_by, "approval.used", approval_id, action)

    async def list_recent(self, session: TenantSession, limit: int = 50) -> list[AskedFor]:
        """The latest requests of the agency, the newest first."""
        rows = await session.scalars(
            select(Approval).order_by(Approval.requested_at.desc(), Approval.id.desc()).limit(limit)
        )
        return [self._see(row) for row in rows]

    async def find(self, session: TenantSession, approval_id: uuid.UUID) -> AskedFor | None:
        """A request of the agency, or None."""
        row = await session.get(Approval, (session.tenant_id, approval_id), populate_existing=True)
        return None if row is None else self._see(row)

    async def _change(
        self,
        session: TenantSession,
        approval_id: uuid.UUID,
        *conditions: ColumnElement[bool],
        **values: object,
    ) -> str | None:
        """The action of the row that changed; None: no row fulfils the conditions."""
        changed: str | None = await session.scalar(
            update(Approval)
            .where(Approval.id == approval_id, *conditions)
            .values(**values)
            .returning(Approval.action)
        )
        return changed

    async def _why_not(
        self, session: TenantSession, approval_id: uuid.UUID, decided_by: str
    ) -> NotFoundError | ConflictError:
        found = await self.find(session, approval_id)
        if found is None:
            return NotFoundError("the agency has no such request")
        if found.state is State.WAITING and found.requested_by == decided_by:
            return OwnRequestError(
                "you asked for this yourself", hint="somebody else has to decide"
            )
        return ApprovalOverError(
            f"this request is {found.state.value}", hint="ask again if it is still wanted"
        )

    def _see(self, row: Approval) -> AskedFor:
        deed = Deed(row.action, row.object_kind, row.object_id, row.payload)
        return AskedFor(
            id=row.id,
            deed=deed,
            state=self._state(row),
            requested_by=row.requested_by,
            requested_at=row.requested_at,
            expires_at=row.expires_at,
            decided_by=row.decided_by,
        )

    def _state(self, row: Approval) -> State:
        if row.used_at is not None:
            return State.USED
        if row.decision is ApprovalDecision.REJECTED:
            return State.REJECTED
        if row.expires_at <= self.clock():
            return State.EXPIRED
        return State.WAITING if row.decision is None else State.APPROVED

    def _audit(
        self,
        session: TenantSession,
        actor: str,
        action: str,
        approval_id: uuid.UUID,
        deed: str,
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=action,
            object_kind="approval",
            object_id=str(approval_id),
            details={"deed": deed},
        )
