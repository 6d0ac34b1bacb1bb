"""The page of what waits for a second person.

/approvals -> approve | reject, never one's own request
"""

import functools
import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from starlette.responses import Response
from starlette.routing import Route

from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import see_other
from domain.errors import NotFoundError, UserError
from domain.ids import parse_id, public_id
from tenancy.approvals import AskedFor, State
from tenancy.session import TenantSession
from tenancy.tables import ApprovalDecision, Role, User

__all__ = ["ApprovalPages"]

_DECISIONS: Final = {
    "approve": ApprovalDecision.APPROVED,
    "reject": ApprovalDecision.REJECTED,
}
_DONE: Final = {"approve": "The request is approved.", "reject": "The request is rejected."}


class ApprovalPages:
    """For owners, admins and data protection officers."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits = self._services.visits
        roles = (Role.OWNER, Role.ADMIN, Role.DATA_PROTECTION_OFFICER)
        return [
            Route("/approvals", for_people(visits, self._list, *roles), methods=["GET"]),
            *(
                Route(
                    f"/approvals/{{approval}}/{name}",
                    for_people(visits, functools.partial(self._decide, name), *roles),
                    methods=["POST"],
                )
                for name in _DECISIONS
            ),
        ]

    async def _list(self, visit: Visit, problem: UserError | None = None) -> Response:
        async with self._services.database.session(visit.visitor.tenant_id) as session:
            found = await self._services.approvals.list_recent(session)
            names = await _names(session, found)
        return render(
            "approvals.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="approvals",
            waiting=[
                (public_id("apr", one.id), one) for one in found if one.state is State.WAITING
            ],
            over=[one for one in found if one.state is not State.WAITING],
            names=names,
            request_id=lambda one: public_id("req", uuid.UUID(one.deed.object_id)),
            done=_DONE.get(visit.request.query_params.get("done", "")),
            problem=problem,
        )

    async def _decide(self, name: str, visit: Visit) -> Response:
        approval_id = _approval_of(visit)
        try:
            async with self._services.database.session(visit.visitor.tenant_id) as session:
                await self._services.approvals.decide(
                    session, approval_id, _DECISIONS[name], decided_by=visit.visitor.actor
                )
        except NotFoundError:
            raise
        except UserError as error:
            return await self._list(visit, problem=error)
        return see_other(f"/approvals?done={name}")


async def _names(session: TenantSession, asked: Sequence[AskedFor]) -> dict[str, str]:
    """How people call whom the audit names; others keep their audit name."""
    actors = {one.requested_by for one in asked} | {one.decided_by or "" for one in asked}
    rows = await session.execute(select(User.id, User.name))
    return {actor: actor for actor in actors} | {f"user:{row.id}": row.name for row in rows}


def _approval_of(visit: Visit) -> uuid.UUID:
    try:
        return parse_id("apr", visit.request.path_params["approval"])
    except UserError as error:
        raise NotFoundError("the agency has no such request") from error
