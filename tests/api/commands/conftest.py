"""One running platform for each module of this folder, and two agencies on it."""

import pytest

from api.commands.tenants import create_client, create_tenant
from tenancy.unscoped import TenantProfile
from tests.e2e.conftest import _standing_simulator, open_folder, platform, trouble
from tests.e2e.platform import Platform

__all__ = [
    "_standing_simulator",
    "make_agency",
    "northwind",
    "open_folder",
    "platform",
    "southwind",
    "trouble",
]


async def make_agency(platform: Platform, slug: str) -> TenantProfile:
    """An agency with the client `acme-shoes`."""
    tenant = await create_tenant(
        platform.runtime, slug=slug, name=slug.title(), currency="EUR", time_zone="Europe/Berlin"
    )
    await create_client(platform.runtime, tenant, slug="acme-shoes", name="Acme", actor="test")
    return tenant


@pytest.fixture(scope="module")
async def northwind(platform: Platform) -> TenantProfile:
    """An agency with the client `acme-shoes`."""
    return await make_agency(platform, "northwind")


@pytest.fixture(scope="module")
async def southwind(platform: Platform) -> TenantProfile:
    """Another agency with a client of the same name."""
    return await make_agency(platform, "southwind")
