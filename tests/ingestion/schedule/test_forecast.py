"""What is expected of a night, and why something will be late."""

from collections.abc import Sequence
from typing import Any

import pytest

from ingestion.schedule.forecast import Expectation, forecast
from ingestion.schedule.provider_state import Allowance, Providers, ProviderState
from tenancy.due_work import DueWork
from tenancy.jobs import SyncCapacity
from tenancy.tables import MissCause
from tests.ingestion.schedule.works import UNAVAILABLE, at, running, work


def expect(
    works: Sequence[DueWork],
    providers: Providers | None = None,
    *,
    slots: int = 10,
    others: int = 0,
) -> dict[int, tuple[float | None, MissCause | None]]:
    """Minute of the end and cause of each, by number of connection, as seen at three."""
    capacity = SyncCapacity(slots, slots)
    found = forecast(works, at(0), capacity, providers or {}, others=others)
    return {key.int: (_minute(one), one.cause) for key, one in found.items()}


def _minute(expectation: Expectation) -> float | None:
    finish = expectation.finish
    return None if finish is None else (finish - at(0)).total_seconds() / 60


def test_one_after_the_other_in_one_slot() -> None:
    works = [work(1, 60), work(2, 15), work(3, 25)]
    assert expect(works, slots=1) == {
        2: (10, None),
        3: (20, None),
        1: (30, None),
    }


def test_too_many_for_the_slots() -> None:
    works = [work(1, 10), work(2, 15), work(3, 60)]
    assert expect(works, slots=1) == {
        1: (10, None),
        3: (20, None),  # what cannot be in time gives way
        2: (30, MissCause.QUEUE),
    }


def test_what_is_not_ready_waits() -> None:
    assert expect([work(1, 300, ready=120), work(2, 300)], slots=1) == {
        2: (10, None),
        1: (130, None),
    }


def test_ready_too_late() -> None:
    assert expect([work(1, 125, ready=120)]) == {1: (130, MissCause.READY_LATE)}


def test_what_runs_keeps_its_slot() -> None:
    works = [running(1, 60, started=-4), work(2, 60)]
    assert expect(works, slots=1) == {1: (6, None), 2: (16, None)}


def test_what_takes_longer_than_usual_is_expected_to_go_on_for_a_quarter() -> None:
    assert expect([running(1, 1, ready=-60, started=-30)]) == {1: (2.5, MissCause.SLOW)}


def test_jobs_of_others_keep_their_slots_for_ten_minutes() -> None:
    assert expect([work(1, 60)], slots=2, others=2) == {1: (20, None)}


def test_a_platform_that_is_away_stays_so_for_an_hour() -> None:
    away = {"alpha": ProviderState(away_since=at(-90))}
    works = [work(1, 69), work(2, 70), running(3, 60, started=-1), work(4, 20, source="beta")]
    assert expect(works, away) == {
        1: (70, MissCause.OUTAGE),
        2: (70, None),
        3: (70, MissCause.OUTAGE),
        4: (10, None),
    }


def test_a_platform_that_grants_no_calls() -> None:
    held = {"alpha": ProviderState(held_until=at(200))}
    assert expect([work(1, 205), work(2, 300)], held) == {
        1: (210, MissCause.THROTTLED),
        2: (210, None),
    }


def test_calls_are_granted_one_after_the_other() -> None:
    """Five are saved up, then one comes every two minutes."""
    providers = {"alpha": ProviderState((Allowance(5, 5, 1 / 120),))}
    works = [work(1, 15), work(2, 40), work(3, 61, ready=60)]
    assert expect(works, providers) == {
        1: (10, None),
        2: (30, None),
        3: (70, MissCause.READY_LATE),
    }


def test_what_was_saved_up_does_not_grow_beyond_what_is_granted_at_once() -> None:
    providers = {"alpha": ProviderState((Allowance(5, 5, 1 / 120),))}
    assert expect([work(1, 1000, ready=600, calls=35)], providers) == {1: (660, None)}


@pytest.mark.parametrize(
    ("code", "cause"),
    [("CREDENTIALS_REJECTED", MissCause.REFUSED), ("HELD", MissCause.INCIDENT)],
)
def test_some_things_wait_for_a_person(code: str, cause: MissCause) -> None:
    waiting = work(1, 300, error_code=code, attempts=1)
    assert expect([waiting, work(2, 300)]) == {1: (None, cause), 2: (10, None)}


def test_what_has_failed_is_tried_again_when_its_time_comes() -> None:
    failed: dict[str, Any] = {"error_code": UNAVAILABLE, "attempts": 2}
    works = [
        work(1, 45, next_attempt_at=at(40), **failed),
        work(2, 50, next_attempt_at=at(40), **failed),
    ]
    assert expect(works) == {1: (50, MissCause.FAILING), 2: (50, None)}


def test_one_agency_waits_for_its_own() -> None:
    works = [work(1, 60, tenant=1), work(2, 60, tenant=1), work(3, 61, tenant=2)]
    capacity = SyncCapacity(slots=2, tenant_slots=1)
    found = forecast(works, at(0), capacity, {})
    assert [found[one.connection_id].finish for one in works] == [at(10), at(20), at(10)]


@pytest.mark.parametrize("seed", range(3))
def test_a_forecast_that_comes_true_stays_the_same(seed: int) -> None:
    """Seen again from within the night, with what has been started since, it is no other."""
    works = [work(n, 40 + (n * 7 + seed) % 60, tenant=n % 4, ready=n % 3) for n in range(1, 13)]
    capacity = SyncCapacity(slots=3, tenant_slots=2)
    first = forecast(works, at(0), capacity, {})
    later = []
    for one in works:
        finish = first[one.connection_id].finish
        assert finish is not None
        started = (finish - at(10)).total_seconds() / 60
        if finish <= at(15):
            continue
        later.append(running(one.connection_id.int, 0, started) if started <= 15 else one)
    again = forecast(later, at(15), capacity, {})
    assert {key: one.finish for key, one in again.items()} == {
        one.connection_id: first[one.connection_id].finish for one in later
    }
