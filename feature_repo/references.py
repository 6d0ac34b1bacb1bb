"""Which features somebody names, in Feast's words or by a service.

["campaign_performance:spend_7d", "client_sales_v1"] -> a FeatureSet for each view, in order
"""

from collections.abc import Sequence

from domain.errors import InvalidInputError, NotFoundError
from domain.metrics.naming import did_you_mean
from feature_repo.catalogue import Catalogue, FeatureSet

__all__ = ["read_references"]


def read_references(catalogue: Catalogue, references: Sequence[str]) -> list[FeatureSet]:
    """The features behind references: `view:feature`, or the name of a view or service.

    Args:
        catalogue: What the agency has.
        references: At least one; a feature that is named twice counts once.

    Returns:
        One set for each view, in order of first use.

    Raises:
        InvalidInputError: There are no references (caller).
        NotFoundError: The agency has no such view, service or feature (caller).
    """
    if not references:
        raise InvalidInputError(
            "no features are asked for", hint='name some, for example "campaign_pacing_v1"'
        )
    by_view: dict[str, dict[str, None]] = {}
    for reference in references:
        found = _one(catalogue, reference)
        by_view.setdefault(found.view.name, {}).update(dict.fromkeys(found.features))
    return [FeatureSet(catalogue.view(name), tuple(names)) for name, names in by_view.items()]


def _one(catalogue: Catalogue, reference: str) -> FeatureSet:
    name, colon, feature = reference.partition(":")
    if not colon:
        return catalogue.feature_set(name)
    view = catalogue.view(name)
    if feature not in view.feature_names:
        raise NotFoundError(
            f"{name} has no feature {feature!r}",
            hint=did_you_mean(
                feature, view.feature_names, otherwise=f"it has {', '.join(view.feature_names)}"
            ),
        )
    return FeatureSet(view, (feature,))
