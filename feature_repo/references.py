"""Which features somebody names, in Feast's words or by a service.

["campaign_performance:spend_7d", "client_sales_v1", "campaign_plan"] -> References
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.errors import InvalidInputError, NotFoundError
from domain.metrics.naming import did_you_mean
from feature_repo.catalogue import Catalogue, FeatureSet
from feature_repo.on_demand import ON_DEMAND, OnDemandView

__all__ = ["References", "read_references"]


@dataclass(frozen=True, slots=True)
class References:
    """Features that are asked for.

    Attributes:
        stored: By view, in order of first use.
        on_demand: Names of features by the view that works them out, likewise.
        needed: By view: what is stored and asked for, and what those on demand rest on.
    """

    stored: Sequence[FeatureSet]
    on_demand: Sequence[tuple[OnDemandView, tuple[str, ...]]]
    needed: Sequence[FeatureSet]

    @property
    def requests(self) -> list[str]:
        """What the asker has to bring."""
        names = (one.name for view, _ in self.on_demand for one in view.requests)
        return list(dict.fromkeys(names))

    @property
    def names(self) -> list[str]:
        """Of all features that are asked for or rested on."""
        on_demand = (name for _, names in self.on_demand for name in names)
        return [*(name for one in self.needed for name in one.features), *on_demand]


def read_references(catalogue: Catalogue, references: Sequence[str]) -> References:
    """The features behind references: `view:feature`, or the name of a view or service.

    Args:
        catalogue: What the agency has.
        references: At least one; a feature that is named twice counts once.

    Raises:
        InvalidInputError: There are no references (caller).
        NotFoundError: The agency has no such view, service or feature (caller).
    """
    if not references:
        raise InvalidInputError(
            "no features are asked for", hint='name some, for example "campaign_pacing_v1"'
        )
    stored: dict[str, dict[str, None]] = {}
    on_demand: dict[str, dict[str, None]] = {}
    for reference in references:
        name, colon, feature = reference.partition(":")
        if (view := ON_DEMAND.get(name)) is not None:
            known = tuple(one.name for one in view.features)
            chosen = known if not colon else (_known(name, feature, known),)
            on_demand.setdefault(name, {}).update(dict.fromkeys(chosen))
        else:
            found = _stored(catalogue, reference)
            stored.setdefault(found.view.name, {}).update(dict.fromkeys(found.features))
    worked_out = [(ON_DEMAND[name], tuple(names)) for name, names in on_demand.items()]
    needed = {name: dict(names) for name, names in stored.items()}
    for view, names in worked_out:
        rested_on = dict.fromkeys(view.rests_on(names))
        needed.setdefault(view.view.name, {}).update(rested_on)
    return References(
        _sets(catalogue, stored.items()), worked_out, _sets(catalogue, needed.items())
    )


def _sets(catalogue: Catalogue, named: Iterable[tuple[str, dict[str, None]]]) -> list[FeatureSet]:
    return [FeatureSet(catalogue.view(name), tuple(names)) for name, names in named]


def _stored(catalogue: Catalogue, reference: str) -> FeatureSet:
    name, colon, feature = reference.partition(":")
    if not colon:
        return catalogue.feature_set(name)
    view = catalogue.view(name)
    return FeatureSet(view, (_known(name, feature, view.feature_names),))


def _known(view: str, feature: str, names: Sequence[str]) -> str:
    if feature not in names:
        raise NotFoundError(
            f"{view} has no feature {feature!r}",
            hint=did_you_mean(feature, names, otherwise=f"it has {', '.join(names)}"),
        )
    return feature
