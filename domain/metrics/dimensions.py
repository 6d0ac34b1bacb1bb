"""What metrics can be split and filtered by.

    facts -> CORE_DIMENSIONS -> catalogue

A dimension belongs to every fact that has its column. Its values are text; NULL is a value of its
own ("not reported").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.facts import FACTS
from domain.facts.ads import CHANNELS, DEVICES
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


CORE_DIMENSIONS: Final = (
    Dimension("client", "Client", "Client of the agency, by id.", _having("client_id")),
    Dimension("source", "Source", "Platform that reported the row.", _having("source")),
    Dimension(
        "connection", "Connection", "Account at the platform, by id.", _having("connection_id")
    ),
    Dimension(
        "channel",
        "Channel",
        "Marketing channel, the same words for every platform.",
        _having("channel"),
        values=CHANNELS,
    ),
    Dimension(
        "campaign",
        "Campaign",
        "Campaign, by connection and the platform's id; labelled by its latest name.",
        _having("campaign_id"),
        label_columns=_having("campaign_name"),
        qualified_by="connection_id",
    ),
    Dimension(
        "device",
        "Device",
        "Device, the same words for every platform; NULL: not reported.",
        _having("device"),
        values=DEVICES,
    ),
    Dimension(
        "country",
        "Country",
        "ISO 3166-1 alpha-2 code; NULL: not reported.",
        _having("country"),
    ),
    Dimension(
        "region",
        "Region",
        "Place below country as the platform names it; NULL: not reported.",
        _having("region"),
    ),
    Dimension("currency", "Currency", "ISO 4217 code of the account.", _having("currency")),
    Dimension(
        "order_status",
        "Order status",
        "State of the order, the same words for every shop.",
        _having("order_status"),
        values=ORDER_STATUSES,
    ),
)
