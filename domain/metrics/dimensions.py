"""What metrics can be split and filtered by.

    facts -> CORE_DIMENSIONS -> catalogue

A dimension belongs to every fact that has its column. Its values are text; NULL is a value of its
own ("not reported").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.facts import FACTS
from domain.facts.ads import CHANNELS, DEVICES, MATCH_TYPES
from domain.facts.orders import ORDER_STATUSES

__all__ = ["CORE_DIMENSIONS", "Dimension"]


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something that splits metrics.

    Attributes:
        name: Snake case, unique among dimensions and metrics.
        label: For people.
        description: One sentence.
        columns: For each fact that has it, the column.
        label_columns: For each fact that has one, the column with a name for people.
        values: The canonical values; empty: any text.
        qualified_by: Column that makes the provider's ids unique in the tenant: values are
            `<qualifier>:<id>`; empty: values are the column's own.
    """

    name: str
    label: str
    description: str
    columns: Mapping[str, str]
    label_columns: Mapping[str, str] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    qualified_by: str = ""


def _having(column: str) -> dict[str, str]:
    return {name: column for name, fact in FACTS.items() if fact.column(column) is not None}


def _named(name: str, label: str, description: str, *, label_column: str = "") -> Dimension:
    """What the provider has ids and names for; its ids are unique within a connection."""
    return Dimension(
        name,
        label,
        f"{description}, by connection and the platform's id; labelled by its latest name.",
        _having(f"{name}_id"),
        label_columns=_having(label_column or f"{name}_name"),
        qualified_by="connection_id",
    )


def _plain(name: str, label: str, description: str, values: tuple[str, ...] = ()) -> Dimension:
    return Dimension(name, label, description, _having(name), values=values)


CORE_DIMENSIONS: Final = (
    Dimension("client", "Client", "Client of the agency, by id.", _having("client_id")),
    _plain("source", "Source", "Platform that reported the row."),
    Dimension(
        "connection", "Connection", "Account at the platform, by id.", _having("connection_id")
    ),
    _plain("channel", "Channel", "Marketing channel, the same words for every platform.", CHANNELS),
    _named("campaign", "Campaign", "Campaign"),
    _named("ad_group", "Ad group", "Ad group or ad set"),
    _named("ad", "Ad", "Ad"),
    _named("keyword", "Keyword", "Keyword", label_column="keyword"),
    _plain(
        "match_type",
        "Match type",
        "How close a search must be to the keyword; NULL: not reported.",
        MATCH_TYPES,
    ),
    _plain("search_term", "Search term", "What people searched for, as far as it is reported."),
    _plain(
        "device",
        "Device",
        "Device, the same words for every platform; NULL: not reported.",
        DEVICES,
    ),
    _plain("country", "Country", "ISO 3166-1 alpha-2 code; NULL: not reported."),
    _plain(
        "region",
        "Region",
        "Place below country as the platform names it; NULL: not reported.",
    ),
    _plain("visit_source", "Visit source", "Where a visit came from, as the tool names it."),
    _plain("visit_medium", "Visit medium", "How a visit came, as the tool names it."),
    _plain("landing_page", "Landing page", "Path of a visit's first page; NULL: not reported."),
    _named("product", "Product", "Product"),
    _plain("sku", "SKU", "The shop's own article number; NULL: it has none."),
    _plain("currency", "Currency", "ISO 4217 code of the account."),
    _plain(
        "order_status",
        "Order status",
        "State of the order, the same words for every shop.",
        ORDER_STATUSES,
    ),
    _plain(
        "attribution",
        "Attribution",
        "What a platform counts as a conversion and how it credits itself, "
        "`source:window:definition`; NULL: not told.",
    ),
)
