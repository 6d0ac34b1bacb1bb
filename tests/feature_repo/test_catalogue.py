"""Which views an agency has, and how often that is asked for."""

import datetime as dt
from dataclasses import dataclass, field, replace

import pytest

from domain.errors import NotFoundError
from domain.ids import TenantId
from feature_repo.catalogue import PLATFORM, Catalogue, Catalogues, FeatureSet
from feature_repo.feature import FeatureView
from feature_repo.feature_services import SERVICES
from feature_repo.feature_views import CLIENT_PERFORMANCE, VIEWS, fingerprint
from tests.feature_repo.conftest import A, B, MovableClock
from tests.feature_repo.ledger import at

pytestmark = pytest.mark.anyio

OWN = replace(CLIENT_PERFORMANCE, name="brand_health_v1")


@dataclass
class Registered:
    """Views by agency; counts what it is asked."""

    views: dict[TenantId, tuple[FeatureView, ...]] = field(default_factory=dict)
    asked: list[TenantId] = field(default_factory=list)

    async def __call__(self, tenant_id: TenantId) -> tuple[FeatureView, ...]:
        self.asked.append(tenant_id)
        return self.views.get(tenant_id, ())


@pytest.fixture
def registered() -> Registered:
    return Registered({A: (OWN,)})


@pytest.fixture
def catalogues(registered: Registered, clock: MovableClock) -> Catalogues:
    return Catalogues(registered, clock)


async def test_an_agency_has_its_own_views_besides_those_of_the_platform(
    catalogues: Catalogues,
) -> None:
    found = await catalogues.of(A)
    assert list(found.views) == [*VIEWS, "brand_health_v1"]
    assert list(found.services) == [*SERVICES, "brand_health_v1"]
    assert found.feature_set("brand_health_v1") == FeatureSet(OWN, OWN.feature_names)
    assert found.services["brand_health_v1"].features == OWN.feature_names


async def test_another_agency_has_nothing_of_that_name(catalogues: Catalogues) -> None:
    assert await catalogues.of(B) is PLATFORM
    with pytest.raises(NotFoundError, match="no feature view or service 'brand_health_v1'"):
        await catalogues.feature_set(B, OWN.name)
    with pytest.raises(NotFoundError, match="no feature view 'brand_health_v1'"):
        PLATFORM.view(OWN.name)


async def test_names_of_the_platform_cost_no_query(
    catalogues: Catalogues, registered: Registered
) -> None:
    service = SERVICES["client_sales_v1"]
    assert await catalogues.feature_set(A, service.name) == FeatureSet(
        CLIENT_PERFORMANCE, service.features
    )
    assert (await catalogues.feature_set(A, "client_performance")).view is CLIENT_PERFORMANCE
    assert registered.asked == []


async def test_is_asked_for_again_after_five_seconds_or_when_it_must_be_new(
    catalogues: Catalogues, registered: Registered, clock: MovableClock
) -> None:
    first = await catalogues.of(A)
    clock.now = at(30) + dt.timedelta(seconds=4.9)
    assert await catalogues.of(A) is first
    assert registered.asked == [A]
    clock.now = at(30) + dt.timedelta(seconds=5)
    assert await catalogues.of(A) is first  # nothing differs, so what is kept by view stays
    assert registered.asked == [A, A]
    registered.views[A] = ()
    assert await catalogues.of(A) is first
    assert await catalogues.fresh(A) is PLATFORM
    assert await catalogues.of(A) is PLATFORM
    assert registered.asked == [A, A, A]


def test_the_fingerprint_tells_definitions_apart() -> None:
    assert PLATFORM.fingerprint == fingerprint(*VIEWS.values())
    longer = replace(OWN, ttl_seconds=OWN.ttl_seconds + 1)
    assert (
        len({PLATFORM.fingerprint, *(Catalogue((one,)).fingerprint for one in (OWN, longer))}) == 3
    )
    assert hash(OWN) == hash(longer)
    assert longer != OWN
