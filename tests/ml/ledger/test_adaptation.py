"""Bands learn from the agency's own hits: by hand, and in the regime that they are of."""

import datetime as dt

import pytest
from uuid_utils.compat import uuid7

from ml.forecast.conformal import Adaptation
from ml.ledger.adaptation import REMEMBERED, read_adaptation
from tenancy.session import Database
from tenancy.tables import ForecastLevel, ForecastRole, MadeForecast
from tests.fixtures.database import FilledTenant

pytestmark = pytest.mark.anyio

TODAY = dt.date(2026, 6, 1)
GROUP = ("total", "spend", "open", "0")  # of a week, the first horizon
NAN = float("nan")


def made(
    own: FilledTenant,
    back: int,
    actual: float,
    *,
    series: str = "a",
    role: ForecastRole = ForecastRole.SERVED,
    by_model: bool = True,
    is_planned: bool = False,
    of_two_weeks: float = NAN,
) -> MadeForecast:
    """Bands of 90 to 110 and 80 to 120, for a week and for two."""
    return MadeForecast(
        id=uuid7(),
        client_id=own.rows["clients"]["id"],
        level=ForecastLevel.CHANNEL,
        series=f"channel={series}",
        currency="EUR",
        measure="spend",
        origin=TODAY - dt.timedelta(days=back),
        made_at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
        role=role,
        method="pooled",
        version_id=uuid7() if by_model else None,
        is_planned=is_planned,
        horizons=[7, 14],
        quantiles=[80.0, 90.0, 100.0, 110.0, 120.0] * 2,
        baselines={},
        actuals=[actual, of_two_weeks],
        scored_at=dt.datetime(2026, 5, 20, tzinfo=dt.UTC),
    )


async def adaptation_of(database: Database, own: FilledTenant, *rows: MadeForecast) -> Adaptation:
    async with database.session(own.tenant_id) as session:
        session.add_all(rows)
    async with database.session(own.tenant_id) as session:
        return await read_adaptation(session, TODAY)


async def test_each_origin_moves_the_level_by_the_share_that_missed(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own = two_tenants[0]
    found = await adaptation_of(
        database,
        own,
        made(own, 20, 115.0),  # outside 80, inside 95
        made(own, 19, 100.0, series="a"),
        made(own, 19, 130.0, series="b"),  # outside both
    )
    assert found.alpha(GROUP, 0.2) == pytest.approx(0.2 + 0.02 * (0.2 - 1) + 0.02 * (0.2 - 0.5))
    assert found.alpha(GROUP, 0.05) == pytest.approx(0.05 + 0.02 * 0.05 + 0.02 * (0.05 - 0.5))
    assert found.alpha(("step", *GROUP[1:]), 0.2) == found.alpha(GROUP, 0.2)
    for untouched in (("total", "spend", "planned", "0"), ("total", "spend", "open", "1")):
        assert found.alpha(untouched, 0.2) == 0.2


async def test_days_that_are_told_twice_count_half(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own = two_tenants[0]
    found = await adaptation_of(database, own, made(own, 30, 100.0, of_two_weeks=115.0))
    fortnight = ("total", "spend", "open", "1")
    assert found.alpha(fortnight, 0.2) == pytest.approx(0.2 + 0.01 * (0.2 - 1))
    assert found.alpha(fortnight, 0.05) == pytest.approx(0.05 + 0.01 * 0.05)


async def test_the_wider_band_is_never_within_the_narrower_one(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own = two_tenants[0]
    # Always between the two bands: the narrower one grows, the wider one shrinks.
    rows = [made(own, back, 115.0) for back in range(20, 40)]
    found = await adaptation_of(database, own, *rows)
    assert found.alpha(GROUP, 0.2) == pytest.approx(0.001)
    assert found.alpha(GROUP, 0.05) == found.alpha(GROUP, 0.2)


async def test_regimes_are_not_mixed(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own = two_tenants[0]
    found = await adaptation_of(database, own, made(own, 20, 200.0, is_planned=True))
    assert found.alpha(GROUP, 0.2) == 0.2
    assert found.alpha(("total", "spend", "planned", "0"), 0.2) < 0.2


async def test_baselines_shadows_and_long_ago_say_nothing_of_a_model(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own = two_tenants[0]
    found = await adaptation_of(
        database,
        own,
        made(own, 20, 200.0, by_model=False),
        made(own, 21, 200.0, role=ForecastRole.SHADOW),
        made(own, REMEMBERED.days + 1, 200.0),
    )
    assert found == Adaptation()


async def test_another_agency_has_levels_of_its_own(
    database: Database, two_tenants: tuple[FilledTenant, FilledTenant]
) -> None:
    own, other = two_tenants
    await adaptation_of(database, own, made(own, 20, 200.0))
    assert await adaptation_of(database, other) == Adaptation()
