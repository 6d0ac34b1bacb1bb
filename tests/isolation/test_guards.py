"""The list of guards is current, and none can be taken away unnoticed."""

import pytest

from tests.isolation.entries import ROOT
from tests.isolation.guards import GUARDS, Guard
from tests.isolation.mutations import run
from tests.isolation.report import DOCUMENT, guards_in


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.path}: {guard.name}")
def test_a_guard_is_where_it_is_said_to_be(guard: Guard) -> None:
    text = (ROOT / guard.path).read_text(encoding="utf-8")
    assert text.count(guard.old) == 1
    compile(text.replace(guard.old, guard.new), guard.path, "exec")
    for test in guard.tests:
        path, _, function = test.partition("::")
        assert (ROOT / "tests" / path).exists()
        assert not function or f"def {function}(" in (ROOT / "tests" / path).read_text()


def test_no_guard_is_listed_twice() -> None:
    assert len({(guard.path, guard.new, guard.name) for guard in GUARDS}) == len(GUARDS)


def test_the_document_tells_of_every_guard() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    known = {(guard.name, guard.path) for guard in GUARDS}
    assert guards_in(text) == known, "run python -m tests.isolation.mutations"
    assert "| `` |" not in text  # a guard whose absence nobody noticed


@pytest.mark.slow
def test_no_guard_can_be_taken_away_unnoticed() -> None:
    assert [verdict for verdict in run(GUARDS) if not verdict.killed_by] == []
