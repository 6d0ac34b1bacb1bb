"""Runs the unit tests of a view's file.

Case -> Trial -> features -> compared with what was expected -> outcomes
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from feature_repo.compute import FeatureComputer
from feature_repo.packing import Value
from feature_repo.registration.definition import Case, Definition
from feature_repo.registration.trial import MakeComputer, open_trial, sample_of_case

__all__ = ["Difference", "Outcome", "run_tests"]

# A quotient that a person worked out to nine digits is right.
_RELATIVE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """A feature that did not come out as expected."""

    feature: str
    expected: Value
    found: Value


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one unit test; passed when nothing differs."""

    name: str
    differences: tuple[Difference, ...]


async def run_tests(
    definition: Definition, make_computer: MakeComputer = FeatureComputer
) -> Sequence[Outcome]:
    """Run all tests of a definition, by the statement that serves.

    Raises:
        WarehouseError: DuckDB failed.
    """
    view = definition.view
    async with open_trial(view.facts, make_computer) as trial:
        outcomes = []
        for case in definition.cases:
            table = await trial.compute(view, sample_of_case(view, case))
            rows = table.to_pylist()
            found = rows[0] if rows else dict.fromkeys(view.feature_names)
            outcomes.append(Outcome(case.name, tuple(_differences(case, found))))
    return outcomes


def _differences(case: Case, found: Mapping[str, Value]) -> Iterator[Difference]:
    for name, expected in case.expect.items():
        if not _is_same(expected, found[name]):
            yield Difference(name, expected, found[name])


def _is_same(expected: Value, found: Value) -> bool:
    if isinstance(expected, float | int) and isinstance(found, float | int):
        return math.isclose(expected, found, rel_tol=_RELATIVE)
    return expected == found
