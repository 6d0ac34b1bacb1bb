"""The calculated cost of a query.

    SelectedField tree -> points

Objects cost 1, scalars and enums 0. A connection costs 2 plus its node's cost times
floor(2 ln(size)), where the size is `first` for the requested and the number of returned nodes for
the actual cost; `edges` and `pageInfo` and postal addresses ("primitive value objects") are free.

Sources: shopify.dev/docs/apps/build/apis/graphql-admin/rate-limits ("sized by `first` and `last`");
the formula for the size is Shopify's own explanation at community.shopify.dev/t/
how-to-calculate-graphql-cost-estimates/24364, read 2026-11.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from ingestion.simulator.shopify.selection import SelectedField

__all__ = ["compute_cost", "connection_size"]

_CONNECTION_BASE: Final = 2
_FREE_TYPES: Final = frozenset({"PageInfo", "MailingAddress"})
_EDGE_FIELDS: Final = frozenset({"edges", "nodes", "node"})


def connection_size(count: int) -> int:
    """Return what the node's cost is multiplied with for a page of `count` nodes."""
    return math.floor(2 * math.log(max(2, count))) if count > 0 else 0


def compute_cost(fields: Sequence[SelectedField], returned: Mapping[str, int] | None = None) -> int:
    """Compute the points of the root selection `fields`.

    Args:
        fields: Root fields.
        returned: Nodes that each connection returned, by response key, for the actual cost; of one
            inside nodes: on average. None computes the requested cost.
    """
    return sum(_field_cost(field, returned) for field in fields)


def _field_cost(field: SelectedField, returned: Mapping[str, int] | None) -> int:
    if not field.type_name or field.type_name in _FREE_TYPES:
        return 0
    if field.type_name.endswith("Connection"):
        count = field.arguments.get("first") or 0
        if returned is not None:
            count = min(returned.get(field.key, 0), count)
        return _CONNECTION_BASE + connection_size(count) * _node_cost(field.children, returned)
    return 1 + sum(_field_cost(child, returned) for child in field.children)


def _node_cost(fields: Sequence[SelectedField], returned: Mapping[str, int] | None) -> int:
    """Cost of one node of a connection; `edges { node }` and `nodes` cost the same."""
    total = 0
    for field in fields:
        if field.type_name.endswith("Edge"):
            total += _node_cost(field.children, returned)
        elif field.name in _EDGE_FIELDS:
            total += 1 + sum(_field_cost(child, returned) for child in field.children)
    return total
