"""Legal holds: data that may not be erased for now, and what that means for requests.

    put -> hold -> requests that are READY and wholly kept become HELD
    release, or expiry -> requests that nothing keeps any more go on by themselves

A hold over one category of data: what can be carried out without it is, and again for the rest when
the hold ends (ADR-0031). What is being carried out is not interrupted.

Source: GDPR article 17(3).
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update

from domain.errors import InvalidInputError, NotFoundError
from domain.ids import ClientId, TenantId, public_id
from domain.privacy.held_categories import check_category
from domain.privacy.request_machine import Move
from domain.privacy.rights import RequestState
from gdpr.requests.docket import Docket, open_docket
from gdpr.requests.matching import get_named
from gdpr.requests.services import RequestServices
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import (
    Client,
    LegalHold,
    RequestRun,
    SubjectRequest,
)

__all__ = ["HOLD_PREFIX", "HoldDesk", "NewHold", "free"]

HOLD_PREFIX: Final = "hold"


@dataclass(frozen=True, slots=True)
class NewHold:
    """A hold as an officer asks for it.

    Attributes:
        client_id: Whose data.
        basis: The law or the proceeding that asks for it; names no person.
        owner: Who answers for it.
        pseudonym: Of the person, `sp_...`; None: everybody in the client's data.
        category: One of `HELD_CATEGORIES`; None: all.
        expires_at: UTC instant; None: until it is released.
    """

    client_id: ClientId
    basis: str
    owner: str
    pseudonym: str | None = None
    category: str | None = None
    expires_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldDesk:
    """Puts holds, and releases them."""

    services: RequestServices

    async def put(self, tenant_id: TenantId, hold: NewHold, *, actor: str) -> uuid.UUID:
        """Keep data from being erased.

        Returns:
            The hold's id.

        Raises:
            InvalidInputError: Without basis or owner, over already, or of an unknown category.
            NotFoundError: The agency has no such client, or the client no such person.
        """
        now, hold_id = self.services.clock(), self.services.ids()
        if not hold.basis.strip() or not hold.owner.strip():
            raise InvalidInputError(
                "a hold has a basis and an owner", hint="name the law and who answers for it"
            )
        if hold.category is not None:
            check_category(hold.category)
        if hold.expires_at is not None and hold.expires_at <= now:
            raise InvalidInputError("the hold would be over already", hint="give a later instant")
        async with self.services.database.session(tenant_id) as session:
            subject_id = await self._subject(session, hold)
            session.add(
                LegalHold(
                    id=hold_id,
                    client_id=hold.client_id,
                    subject_id=subject_id,
                    category=hold.category,
                    basis=hold.basis,
                    owner=hold.owner,
                    created_by=actor,
                    created_at=now,
                    expires_at=hold.expires_at,
                    released_at=None,
                )
            )
            await session.flush()
            self._audit(session, hold_id, "legal_hold.put", actor)
            await self._stop(session, hold.client_id, actor)
        return hold_id

    async def release(self, tenant_id: TenantId, hold_id: uuid.UUID, *, actor: str) -> int:
        """End a hold; how many requests go on.

        Raises:
            NotFoundError: The agency has no such hold in force.
        """
        async with self.services.database.session(tenant_id) as session:
            released = await session.scalar(
                update(LegalHold)
                .where(LegalHold.id == hold_id, LegalHold.released_at.is_(None))
                .values(released_at=self.services.clock())
                .returning(LegalHold.id)
            )
            if released is None:
                raise NotFoundError("the agency has no such hold in force")
            self._audit(session, hold_id, "legal_hold.released", actor)
            return await free(self.services, session, actor)

    async def list_in_force(self, tenant_id: TenantId) -> list[LegalHold]:
        """Holds in force, by age."""
        query = select(LegalHold).where(
            LegalHold.released_at.is_(None),
            (LegalHold.expires_at.is_(None)) | (LegalHold.expires_at > self.services.clock()),
        )
        async with self.services.database.session(tenant_id) as session:
            return list(await session.scalars(query.order_by(LegalHold.created_at, LegalHold.id)))

    async def _subject(self, session: TenantSession, hold: NewHold) -> uuid.UUID | None:
        if await session.get(Client, (session.tenant_id, hold.client_id)) is None:
            raise NotFoundError("the agency has no such client", hint="bosco clients list")
        if hold.pseudonym is None:
            return None
        return await get_named(session, hold.client_id, hold.pseudonym)

    async def _stop(self, session: TenantSession, client_id: ClientId, actor: str) -> None:
        query = select(SubjectRequest.id).where(
            SubjectRequest.client_id == client_id, SubjectRequest.state == RequestState.READY
        )
        for docket in await _dockets(self.services, session, await session.scalars(query)):
            if docket.case.is_held and docket.case.state is RequestState.READY:
                now = self.services.clock()
                case = docket.machine.pass_gates(docket.case, Move.HOLD, actor=actor, at=now)
                await docket.record(case, "held", actor)

    def _audit(self, session: TenantSession, hold_id: uuid.UUID, action: str, actor: str) -> None:
        audit.record(
            session,
            clock=self.services.clock,
            ids=self.services.ids,
            actor=actor,
            action=action,
            object_kind="legal_hold",
            object_id=public_id(HOLD_PREFIX, hold_id),
            details={},
        )


async def free(services: RequestServices, session: TenantSession, actor: str) -> int:
    """Let go on what no hold keeps any more; how many did."""
    freed = 0
    held = select(SubjectRequest.id).where(SubjectRequest.state == RequestState.HELD)
    for docket in await _dockets(services, session, await session.scalars(held)):
        if docket.case.state is RequestState.HELD and not docket.case.is_held:
            now = services.clock()
            case = docket.machine.pass_gates(docket.case, Move.RELEASE, actor=actor, at=now)
            await docket.record(case, "released", actor)
            freed += 1
    partly = (
        select(SubjectRequest.id)
        .join(
            RequestRun,
            (RequestRun.tenant_id == SubjectRequest.tenant_id)
            & (RequestRun.request_id == SubjectRequest.id),
        )
        .where(SubjectRequest.state == RequestState.WAITING, RequestRun.held_categories != [])
    )
    for docket in await _dockets(services, session, await session.scalars(partly)):
        freed += await _run_again(services, docket, actor)
    return freed


async def _run_again(services: RequestServices, docket: Docket, actor: str) -> bool:
    """Carry out what a hold of one category kept out; whether there was any."""
    run = await docket.session.get_one(RequestRun, (docket.session.tenant_id, docket.row.id))
    left_out = set(run.held_categories)
    if docket.case.state is not RequestState.WAITING or docket.case.is_held:
        return False
    if not left_out - set(docket.held_categories):
        return False
    case = docket.machine.pass_gates(docket.case, Move.RUN_AGAIN, actor=actor, at=services.clock())
    await docket.record(case, "resumed", actor)
    return True


async def _dockets(
    services: RequestServices, session: TenantSession, request_ids: Iterable[uuid.UUID]
) -> list[Docket]:
    """Locked in the order of their ids, as everywhere."""
    return [await open_docket(services, session, one) for one in sorted(request_ids)]
