"""The page of the record of processing activities.

/desk/privacy/record?as= -> inventory, agency -> Record -> its items, in the order of the law

That it was looked at is on record.

Source: GDPR article 30.
"""

import functools

from starlette.responses import Response
from starlette.routing import Route

from api.pages.desk_queue import OFFICERS
from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.privacy_inventory import read_inventory
from domain.privacy.rights import ProcessingRole
from gdpr.inventory.agency_record import load_record
from gdpr.inventory.collect import Inventory
from tenancy import audit

__all__ = ["DeskRecordPages"]


class DeskRecordPages:
    """For data protection officers, owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        show = for_people(self._services.visits, self._show, *OFFICERS, is_hidden=True)
        return [Route("/desk/privacy/record", show, methods=["GET"])]

    async def _show(self, visit: Visit) -> Response:
        is_own = visit.request.query_params.get("as") == ProcessingRole.CONTROLLER.value
        role = ProcessingRole.CONTROLLER if is_own else ProcessingRole.PROCESSOR
        async with self._services.database.session(visit.visitor.tenant_id) as session:
            record = await load_record(session, _inventory(), role)
            audit.record(
                session,
                clock=self._services.clock,
                ids=self._services.ids,
                actor=visit.visitor.actor,
                action="gdpr.record_written",
                object_kind="tenant",
                object_id=str(visit.visitor.tenant_id),
                details={"what": role.value},
            )
        return render(
            "desk_record.html",
            visitor=visit.visitor,
            page="desk/privacy",
            part="record",
            record=record,
            is_own=is_own,
        )


@functools.cache
def _inventory() -> Inventory:
    """Declared in the code, so it is the same as long as the process lives."""
    return read_inventory()
