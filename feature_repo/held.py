"""What the values of every feature, and the ids that they are kept by, hold of people.

views and their entities -> HeldColumn -> gdpr.inventory
"""

from collections.abc import Iterator

from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import LINEAGE
from feature_repo.catalogue import Catalogue
from feature_repo.entities import TENANT_KEY

__all__ = ["held_columns"]


def held_columns(catalogue: Catalogue) -> Iterator[HeldColumn]:
    """Keys and features of every view; of one that says nothing `holds` is None."""
    for view in catalogue.views.values():
        yield HeldColumn(Store.FEATURES, view.name, TENANT_KEY, LINEAGE)
        yield HeldColumn(Store.FEATURES, view.name, view.entity.join_key, view.entity.holds)
        for feature in view.features:
            yield HeldColumn(Store.FEATURES, view.name, feature.name, view.holds)
