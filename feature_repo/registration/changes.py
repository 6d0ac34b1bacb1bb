"""What a definition changes against an earlier one, feature by feature.

definition, earlier definition -> added, removed, changed -> breaking or not
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from feature_repo.feature import Feature, FeatureView

__all__ = ["ChangeKind", "FeatureChange", "compare_views"]


class ChangeKind(enum.Enum):
    """What becomes of a feature."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """Of one feature.

    Attributes:
        feature: Its name; empty: the view as a whole.
        kind: What becomes of it.
        before: Unit and rule, or what else differs; empty: added.
        after: Likewise; empty: removed.
    """

    feature: str
    kind: ChangeKind
    before: str
    after: str

    @property
    def is_breaking(self) -> bool:
        """Whether who reads the earlier version would read something else, or nothing."""
        return self.kind is not ChangeKind.ADDED


def compare_views(earlier: FeatureView, view: FeatureView) -> list[FeatureChange]:
    """What differs in the meaning of values; words for people do not count."""
    return [*_of_the_whole(earlier, view), *_of_features(earlier, view)]


def _of_the_whole(earlier: FeatureView, view: FeatureView) -> Iterator[FeatureChange]:
    pairs = (
        (f"of a {earlier.entity.name}", f"of a {view.entity.name}"),
        (f"served for {earlier.ttl_seconds} s", f"served for {view.ttl_seconds} s"),
    )
    for before, after in pairs:
        if before != after:
            yield FeatureChange("", ChangeKind.CHANGED, before, after)


def _of_features(earlier: FeatureView, view: FeatureView) -> Iterator[FeatureChange]:
    was = {feature.name: _meaning(feature) for feature in earlier.features}
    now = {feature.name: _meaning(feature) for feature in view.features}
    for name, meaning in now.items():
        if name not in was:
            yield FeatureChange(name, ChangeKind.ADDED, "", meaning)
        elif was[name] != meaning:
            yield FeatureChange(name, ChangeKind.CHANGED, was[name], meaning)
    for name, meaning in was.items():
        if name not in now:
            yield FeatureChange(name, ChangeKind.REMOVED, meaning, "")


def _meaning(feature: Feature) -> str:
    return f"{feature.unit.value}: {feature.rule}"
