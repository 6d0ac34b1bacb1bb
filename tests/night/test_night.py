"""The night: everybody's data by eight in the morning, whatever happens.

places -> stage -> conductor -> outcomes, against the oracle and against what the platforms said
"""

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.night.calls import most_in_any_window
from tests.night.conductor import (
    conduct_by_schedule,
    conduct_plainly,
)
from tests.night.oracle import Forecast, forecast
from tests.night.places import LIMITS, Place, make_places
from tests.night.provider import Outage, true_rows
from tests.night.stage import Conductor, Night, open_night
from tests.night.verdict import Outcome, read_outcomes

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("redis_server")]

SEED: Final = 1
EASTERN: Final = ("Europe/Helsinki", "Europe/Berlin")
AN_HOUR: Final = dt.timedelta(hours=1)
HALF_AN_HOUR: Final = dt.timedelta(minutes=30)
# What the product may lose to its ticks, to waits between tries and to a late answer.
SPARE: Final = dt.timedelta(minutes=20)
OUTAGE: Final = Outage(
    "beta",
    dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 20, 6, tzinfo=dt.UTC),
)
KILL_AT: Final = dt.datetime(2026, 11, 20, 4, 30, tzinfo=dt.UTC)
HOUR_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a night has brought, and what it could have."""

    night: Night
    outcomes: Sequence[Outcome]
    forecast: Forecast

    @property
    def late(self) -> list[Place]:
        return [outcome.place for outcome in self.outcomes if not outcome.is_in_time]

    @property
    def late_for_no_reason(self) -> list[Place]:
        return [place for place in self.late if self.forecast.could_be_met(place, SPARE)]

    @property
    def foretold(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.foretold]

    @property
    def warnings(self) -> list[int]:
        """Minutes before the deadline at which each that was late was told so."""
        return sorted(
            int((outcome.place.deadline_at - outcome.foretold[0][0]).total_seconds() / 60)
            for outcome in self.foretold
            if not outcome.is_in_time
        )

    def most_calls(self) -> dict[str, int]:
        """The most calls in any hour, of each platform."""
        return {
            source: most_in_any_window([call.timestamp() for call in calls], HOUR_SECONDS)
            for source, calls in self.night.platforms.calls.items()
        }

    def __str__(self) -> str:
        meant = list(self.forecast.finished_at)
        meetable = sum(self.forecast.could_be_met(place, SPARE) for place in meant)
        return (
            f"{len(meant)} connections: {meetable} could be in time, {len(self.forecast.doomed)}"
            f" could not; {len(self.late)} late, {len(self.late_for_no_reason)} of them for no"
            f" reason {dict(Counter((p.source, p.client_zone) for p in self.late_for_no_reason))};"
            f" {len(self.foretold)} misses foretold, of which"
            f" {len(self.warnings)} came true, told {self.warnings} minutes ahead;"
            f" most calls in an hour {self.most_calls()} of {LIMITS};"
            f" {len(self.night.orphans)} jobs taken over; {self.night.time.jumps} jumps"
        )


@asynccontextmanager
async def play(
    urls: tuple[str, str],
    places: Sequence[Place],
    conductor: Conductor,
    *,
    workers: Sequence[int],
    kill_at: dt.datetime = KILL_AT,
) -> AsyncIterator[Report]:
    """Play a night to half an hour after the last deadline."""
    start = min(place.ready_at for place in places) - HALF_AN_HOUR
    end = max(place.deadline_at for place in places) + HALF_AN_HOUR
    expected = forecast(
        places, OUTAGE, LIMITS, slots=sum(workers), slots_lost=workers[0], kill_at=kill_at
    )
    with tempfile.TemporaryDirectory(prefix="bosco-night-") as folder:
        async with open_night(
            Path(folder), *urls, places, start=start, outage=OUTAGE, workers=workers
        ) as night:
            await night.conduct(conductor, until=end, kill_at=kill_at)
            outcomes = await read_outcomes(night.plane.database, night.warehouse, places)
            report = Report(night, outcomes, expected)
            print(f"\n{report}")  # noqa: T201 - the figures of the night
            yield report


async def check_nothing_lost(report: Report) -> None:
    """Every row is there, once; no platform was asked too often; the dead worker has heirs."""
    for outcome in report.outcomes:
        assert outcome.rows == true_rows(outcome.place)
        assert (len(outcome.published_at), outcome.versions) == (1, (3,))
    for source, most in report.most_calls().items():
        assert most <= (LIMITS[source] or most) + 1
    assert report.night.orphans
    states = await report.night.watch.states_of(report.night.orphans)
    assert states == ["SUCCESS"] * len(report.night.orphans)


def check_predictions(report: Report) -> None:
    """Who was late was told so an hour before; who was in time was not, in the end."""
    for outcome in report.outcomes:
        deadline = outcome.place.deadline_at
        if outcome.is_in_time:
            assert all(until is not None and until <= deadline for _, until in outcome.foretold)
        else:
            ((since, until),) = outcome.foretold
            assert since <= deadline - AN_HOUR
            assert until is None or until >= deadline


@pytest.fixture
def urls(database_url: str, redis_url: str) -> tuple[str, str]:
    return database_url, redis_url


async def test_small_night(urls: tuple[str, str]) -> None:
    """Two countries, thirteen accounts; most of them at the platform that goes away."""
    everywhere = make_places(SEED, count=40, tenants=6)
    places = [place for place in everywhere if place.client_zone in EASTERN]
    kill_at = dt.datetime(2026, 11, 20, 2, 33, tzinfo=dt.UTC)
    conductor = conduct_by_schedule(look_seconds=120)
    async with play(urls, places, conductor, workers=(2, 2), kill_at=kill_at) as report:
        assert len(places) == 13
        assert len(report.forecast.doomed) == 1
        assert set(report.late) == report.forecast.doomed
        await check_nothing_lost(report)
        check_predictions(report)


@pytest.mark.slow
async def test_whole_night(urls: tuple[str, str]) -> None:
    places = make_places(SEED)
    async with play(urls, places, conduct_by_schedule(), workers=(2, 2, 2)) as report:
        assert len({place.client_zone for place in places}) == 12
        assert len({place.tenant_id for place in places}) == 40
        assert len(report.forecast.doomed) == 2
        assert report.late_for_no_reason == []
        assert set(report.late) == report.forecast.doomed
        await check_nothing_lost(report)
        check_predictions(report)


@pytest.mark.slow
async def test_first_come_first_served_would_be_late(urls: tuple[str, str]) -> None:
    """The night is tight enough to tell a good order from a bad one."""
    places = make_places(SEED)
    async with play(urls, places, conduct_plainly, workers=(2, 2, 2)) as report:
        zones = {place.client_zone for place in report.late_for_no_reason}
        assert zones == {"Europe/Helsinki"}  # whose accounts in the Azores are ready last
        await check_nothing_lost(report)
