"""What every kind of key in Redis says it holds of people.

    KeyKind of tenants, keys of nobody's -> HeldColumn -> gdpr.inventory

A key's own parts are ids of ours, names of limits and hashes.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from domain.privacy.classification import Privacy
from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import AGENCY_ACCOUNT, STAFF_CALLS
from tenancy.cache import KEY_HOLDS, KeyKind

__all__ = ["OPEN_KEYS", "held_keys"]

# Keys of no tenant, by what they begin with: `tenancy.rate_limits`, `tenancy.quota`.
OPEN_KEYS: Final[Mapping[str, Privacy]] = {
    "open:rate:": STAFF_CALLS,
    "budget:": AGENCY_ACCOUNT,
}


def held_keys() -> Iterator[HeldColumn]:
    """Each kind of key; of one that says nothing `holds` is None."""
    for kind in KeyKind:
        key = f"t:<tenant>:{kind.value}"
        yield HeldColumn(Store.REDIS, key, "value", KEY_HOLDS.get(kind))
    for prefix, what in OPEN_KEYS.items():
        yield HeldColumn(Store.REDIS, prefix.rstrip(":"), "value", what)
