import os
from collections.abc import Iterator

import pytest

from api.embedded.lifeline import Lifeline


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)


def test_holds_while_the_owner_lives(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    assert not Lifeline(read_end, os.getppid()).is_cut(within_seconds=0)
    os.close(write_end)


def test_is_cut_when_the_pipe_is_closed(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    os.close(write_end)
    assert Lifeline(read_end, os.getppid()).is_cut(within_seconds=0)


def test_is_cut_when_a_forked_process_keeps_the_pipe_of_a_dead_owner(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    former_parent = os.getppid() + 1
    assert Lifeline(read_end, former_parent).is_cut(within_seconds=0)
    os.close(write_end)
