"""Cards of models, read for one agency.

    kind, number -> version and events (platform) + the agency's own share and marks -> ModelCard

Two transactions: one without a tenant, which sees no agency's rows, and one of the agency.

Decision: ADR-0043.
"""

import uuid
from collections.abc import Mapping

from sqlalchemy import select

from domain.errors import NotFoundError
from domain.ids import TenantId
from ml.registry.card import Description, ModelCard, card_of
from tenancy.session import Database
from tenancy.tables import ModelErasure, ModelEvent, ModelShare, ModelState, ModelVersion

__all__ = ["find_card"]


async def find_card(
    database: Database,
    tenant_id: TenantId,
    descriptions: Mapping[str, Description],
    which: str | uuid.UUID,
    number: int | None = None,
) -> ModelCard | None:
    """The card of a version; None: no version of the kind serves, and none was asked for.

    Args:
        database: Control plane.
        tenant_id: Who asks.
        descriptions: By kind; there are no others.
        which: A kind, or the id of a version.
        number: Of the version; None: the one that serves. Ids need none.

    Raises:
        NotFoundError: There is no such kind or version (caller).
    """
    if isinstance(which, str) and which not in descriptions:
        raise NotFoundError(
            f"no model is called {which!r}", hint=f"there are {', '.join(sorted(descriptions))}"
        )
    query = select(ModelVersion)
    if isinstance(which, uuid.UUID):
        query = query.where(ModelVersion.id == which)
    elif number is None:
        query = query.where(ModelVersion.kind == which, ModelVersion.state == ModelState.CHAMPION)
    else:
        query = query.where(ModelVersion.kind == which, ModelVersion.number == number)
    async with database.platform_session() as session:
        version = (await session.scalars(query)).one_or_none()
        if version is None and isinstance(which, str) and number is None:
            return None
        if version is None or version.kind not in descriptions:
            raise NotFoundError(
                "there is no such version",
                hint="`modelCard` of a kind tells of the one that serves",
            )
        lived = select(ModelEvent).where(ModelEvent.version_id == version.id)
        events = (await session.scalars(lived.order_by(ModelEvent.number))).all()
    async with database.session(tenant_id) as session:
        own = select(ModelShare).where(ModelShare.version_id == version.id)
        share = (await session.scalars(own)).one_or_none()
        marked = select(ModelErasure).where(ModelErasure.version_id == version.id)
        marks = (await session.scalars(marked)).all()
    return card_of(version, descriptions[version.kind], events, share, marks)
