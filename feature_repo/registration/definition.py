"""What an agency registers: a version of a feature view, and the tests that it must pass.

    name + version -> full name -> FeatureView of the catalogue

A version never changes what its values mean: a change of a rule, unit or ttl is another version,
with another full name, and both are served side by side until the older one is retired. Words about
it (description, owner, objective, tests) may be written anew.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feature_repo.feature import FeatureView
from feature_repo.feature_views import fingerprint

__all__ = ["Case", "Definition", "full_name"]


def full_name(name: str, version: int) -> str:
    """`brand_pulse`, 2: `brand_pulse_v2`; by this it is read, stored and listed."""
    return f"{name}_v{version}"


@dataclass(frozen=True, slots=True)
class Case:
    """Rows of facts, and the features that must come out.

    Attributes:
        name: One sentence.
        as_of: Only what is known by this UTC instant counts.
        own_id: Second part of the id of the entity that is asked for; empty: it has none.
        rows: By fact, columns by name; each row has its `reporting_date` and `known_at`.
        expect: By feature: number, text or None; features that are not named are not compared.
    """

    name: str
    as_of: dt.datetime
    own_id: str
    rows: Mapping[str, tuple[Mapping[str, Any], ...]]
    expect: Mapping[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of one view.

    Attributes:
        name: Without the version.
        version: 1, 2, ...
        view: What is computed and served, under its full name.
        declared: Facts, and their columns that the view says it reads.
        cases: Its unit tests, at least one.
        text: The file.
    """

    name: str
    version: int
    view: FeatureView
    declared: Mapping[str, tuple[str, ...]]
    cases: tuple[Case, ...]
    text: str

    @property
    def fingerprint(self) -> str:
        """Of what the values mean; the words about them do not count."""
        return fingerprint(self.view)
