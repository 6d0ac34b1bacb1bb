"""The field `certificates`: signed proofs of what was erased."""

from typing import Annotated

import strawberry
from sqlalchemy import select

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.erasure_types import PrivacyCertificate, certificate_of
from api.graphql.metric_types import PageInfo
from api.graphql.paging import read_numbered_page
from api.identity.caller import Scope
from tenancy.tables import Certificate, SubjectRequest

__all__ = ["CERTIFICATES"]

_MAXIMUM = 500


@strawberry.type(description="A page of certificates.")
class PrivacyCertificatePage:
    """See the description."""

    nodes: list[PrivacyCertificate]
    page_info: PageInfo


async def _certificates(
    info: EdgeInfo,
    first: Annotated[int, strawberry.argument(description="At most 500.")] = 50,
    after: Annotated[
        str | None, strawberry.argument(description="`endCursor` of the page before.")
    ] = None,
) -> PrivacyCertificatePage | None:
    caller, services = info.context.caller, info.context.services
    page = read_numbered_page(first, after, maximum=_MAXIMUM)
    query = select(Certificate).order_by(Certificate.number.desc())
    if page.before is not None:
        query = query.where(Certificate.number < page.before)
    if caller.clients is not None:
        seen = select(SubjectRequest.id).where(SubjectRequest.client_id.in_(caller.clients))
        query = query.where(Certificate.request_id.in_(seen))
    async with services.database.session(caller.tenant_id) as session:
        rows = list(await session.scalars(query.limit(page.limit + 1)))
    shown = rows[: page.limit]
    last = shown[-1].number if shown else None
    return PrivacyCertificatePage(
        nodes=[certificate_of(row) for row in shown],
        page_info=page.info(last, has_next=len(rows) > page.limit),
    )


CERTIFICATES = RootField(
    "certificates",
    Scope.PRIVACY_READ,
    "Certificates of what was erased, the latest first.",
    _certificates,
)
