"""Feast's objects without their run-time type checks, and typeguard as it was for all others."""

import subprocess
import sys

import pytest
import typeguard

from feature_repo.feast_imports import unchecked_imports


class Plain:
    def method(self, number: int) -> int:
        return number


def test_leaves_marked_objects_as_they_are() -> None:
    method = Plain.method
    with unchecked_imports():
        assert typeguard.typechecked(Plain) is Plain
        assert typeguard.typechecked(debug_instrumentation=False)(Plain) is Plain
    assert Plain.method is method


def test_gives_typeguard_back_even_after_a_failed_import() -> None:
    checking = typeguard.typechecked
    with pytest.raises(ImportError), unchecked_imports():
        raise ImportError("no such module")
    assert typeguard.typechecked is checking


def test_feast_comes_without_the_checks() -> None:
    """A checked method calls typeguard first; in a process of its own: Feast is imported once."""
    script = (
        "from feature_repo.feast_imports import unchecked_imports\n"
        "with unchecked_imports():\n"
        "    from feast import FeatureView\n"
        "print('typeguard' in FeatureView.__init__.__code__.co_names)"
    )
    told = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert told.stdout == "False\n"
