"""Features of the demo's clients, proved against the facts."""

from collections.abc import AsyncIterator
from typing import Final

from api.commands.feature_check import check_agency
from api.commands.feature_owners import load_feature_owners
from api.control.protocol import Event, LineEvent, TableEvent
from api.runtime import Runtime
from domain.errors import InternalError
from domain.ports import TenantScope
from feature_repo.packing import Value
from tenancy.unscoped import TenantProfile

__all__ = ["FeatureMismatchError", "show_demo_features"]

_SERVICE: Final = "client_sales_v1"
_SHOWN: Final = ("client_spend_28d", "revenue_28d", "orders_28d", "roas_28d")


class FeatureMismatchError(InternalError):
    """What is served is not what the facts say."""

    code = "FEATURE_MISMATCH"


async def show_demo_features(runtime: Runtime, tenant: TenantProfile) -> AsyncIterator[Event]:
    """What is served of an agency's clients; every feature is compared with the facts.

    Raises:
        FeatureMismatchError: One is not served, or differs.
    """
    owners = await load_feature_owners(runtime, tenant.tenant_id, {})
    ids = [str(client_id) for client_id in owners.clients]
    found = await runtime.features.reader.read(TenantScope(tenant.tenant_id), _SERVICE, ids)
    rows = tuple(
        (slug, *(_shown(row.values[name]) for name in _SHOWN))
        for slug, row in zip(owners.clients.values(), found, strict=True)
        if row is not None
    )
    yield TableEvent(f"\n{tenant.name}: features of clients", ("client", *_SHOWN), rows)
    checked = await check_agency(runtime, tenant.tenant_id, owners)
    for one in checked:
        if one.is_wrong:
            raise FeatureMismatchError(f"{one.note.view} of {one.note.owner_id}: {one.state}")
    values = sum(one.report.values for one in checked)
    entities = sum(one.report.asked for one in checked)
    yield LineEvent(
        f"equal to the facts as of the same instants: {values:,} values of {entities:,} campaigns, "
        "clients and channels"
    )


def _shown(value: Value) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
