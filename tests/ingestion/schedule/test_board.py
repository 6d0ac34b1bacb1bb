"""Who is read next: urgency, slots, shares of agencies, calls of platforms."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ingestion.schedule.board import Board, urgency
from ingestion.schedule.provider_state import Allowance, ProviderState
from tenancy.due_work import DueWork
from tenancy.jobs import SyncCapacity
from tests.ingestion.schedule.works import NIGHT, at, running, work

PLENTY = SyncCapacity(slots=100, tenant_slots=100)


def taken(board: Board, works: Sequence[DueWork], minute: float = 0) -> list[int]:
    """Numbers of the connections in the order in which they may start."""
    for one in works:
        board.wait(one)
    found = []
    while (started := board.take(at(minute))) is not None:
        found.append(started.connection_id.int)
    return found


def few_calls(per_minute: float) -> dict[str, ProviderState]:
    return {"alpha": ProviderState((Allowance(0, 10, per_minute / 60),))}


def test_the_nearest_deadline_comes_first() -> None:
    works = [work(1, 300), work(2, 100), work(3, 200), work(4, 100, ready=-60)]
    assert taken(Board(PLENTY, {}), works) == [4, 2, 3, 1]


def test_no_more_start_than_there_are_slots() -> None:
    board = Board(SyncCapacity(slots=3, tenant_slots=3), {}, others=1)
    board.run(running(9, 50, -5))
    assert taken(board, [work(1, 300), work(2, 100)]) == [2]
    board.end_other()
    assert taken(board, []) == [1]


def test_one_agency_leaves_slots_to_the_others() -> None:
    works = [*(work(number, 100 + number, tenant=1) for number in (1, 2, 3)), work(4, 300)]
    board = Board(SyncCapacity(slots=4, tenant_slots=2), {})
    assert taken(board, works) == [1, 2, 4]
    board.end(works[0])
    assert taken(board, []) == [3]


def test_a_platform_of_few_calls_is_read_as_fast_as_it_grants_them() -> None:
    """Each sync makes a call a minute when nothing is in its way."""
    works = [work(number, 100 + number) for number in (1, 2, 3, 4)]
    other = work(5, 300, source="beta")
    board = Board(PLENTY, few_calls(2.5))
    assert taken(board, [*works, other]) == [1, 2, 5]
    board.end(works[1])
    assert taken(board, []) == [3]


def test_a_platform_of_fewest_calls_is_read_one_at_a_time() -> None:
    works = [work(1, 100), work(2, 200)]
    board = Board(PLENTY, few_calls(0.1))
    assert taken(board, works) == [1]
    board.end(works[0])
    assert taken(board, []) == [2]


def test_what_cannot_be_in_time_gives_way_for_an_hour() -> None:
    late = work(1, 5)  # it takes ten minutes
    assert urgency(late, at(-5)) == at(5)
    assert urgency(late, at(-4)) == at(65)
    works = [late, work(2, 64), work(3, 66)]
    assert taken(Board(PLENTY, {}), works, minute=0) == [2, 1, 3]


def test_what_is_late_while_it_waits_gives_way_too() -> None:
    board = Board(PLENTY, {})
    board.wait(work(1, 20))
    assert taken(board, [work(2, 70)], minute=15) == [2, 1]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 5)), min_size=1, max_size=30),
    st.integers(1, 8),
    st.integers(1, 3),
)
def test_everybody_is_read_and_limits_hold(
    wanted: list[tuple[int, int]], slots: int, tenant_slots: int
) -> None:
    board = Board(SyncCapacity(slots, tenant_slots), {})
    for number, (deadline, tenant) in enumerate(wanted):
        board.wait(work(number, deadline, tenant=tenant))
    runs: list[DueWork] = []
    done: list[DueWork] = []
    while len(done) < len(wanted):
        while one := board.take(NIGHT):
            runs.append(one)
        assert 0 < len(runs) <= slots
        assert max(sum(r.tenant_id == one.tenant_id for r in runs) for one in runs) <= tenant_slots
        done.append(runs.pop(0))
        board.end(done[-1])
    assert len({one.connection_id for one in done}) == len(wanted)
