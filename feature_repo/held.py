"""What the values of every feature, and the ids that they are kept by, hold of people.

views and their entities, arguments of the jobs -> HeldColumn -> gdpr.inventory

A view that an agency registered holds what the platform's do: its file cannot name a column that is
about a person. So one line stands for all of them, and no inventory tells what an agency made.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from domain.privacy.classification import Privacy
from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import AGGREGATE_FIGURES, CONFIGURATION, LINEAGE
from feature_repo.catalogue import Catalogue
from feature_repo.entities import TENANT_KEY
from feature_repo.monitoring.daily import MONITOR_JOB
from feature_repo.registration.backfill import BACKFILL_JOB

__all__ = ["JOB_ARGUMENTS", "held_columns"]

JOB_ARGUMENTS: Final[Mapping[str, Mapping[str, Privacy]]] = {
    BACKFILL_JOB: {"tenant_id": LINEAGE, "view": CONFIGURATION},
    MONITOR_JOB: {"tenant_id": LINEAGE, "day": LINEAGE},
}
_REGISTERED: Final = "(registered by an agency)"


def held_columns(catalogue: Catalogue) -> Iterator[HeldColumn]:
    """Keys and features of every view; of one that says nothing `holds` is None."""
    for view in catalogue.views.values():
        yield HeldColumn(Store.FEATURES, view.name, TENANT_KEY, LINEAGE)
        yield HeldColumn(Store.FEATURES, view.name, view.entity.join_key, view.entity.holds)
        for feature in view.features:
            yield HeldColumn(Store.FEATURES, view.name, feature.name, view.holds)
    yield HeldColumn(Store.FEATURES, _REGISTERED, "features", AGGREGATE_FIGURES)
    for job, arguments in JOB_ARGUMENTS.items():
        for name, what in arguments.items():
            yield HeldColumn(Store.JOBS, job, name, what)
