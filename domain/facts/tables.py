"""Warehouse tables of the canonical facts.

    raw.<source>__<stream>  typed rows as the provider sent them, one per record and sync; after a
                            crash a row may stand here twice, and unification counts it once
    facts.<fact>            unified rows, append-only, every version kept
    facts.syncs             which days (or keys) each sync covered, its version and instant
    marts.<fact>            the current view: what questions read
    privacy.suppressed      whose rows questions leave out, and for what

`raw` tables are declared by the source files; the rest is derived here.
"""

from dataclasses import dataclass
from typing import Final

from domain.facts.fact import Column, ColumnType, Fact, Role
from domain.privacy.holds import LINEAGE, SHOP_CUSTOMER_ID

__all__ = ["KEY_SEPARATOR", "SUPPRESSED", "SYNCS", "Table", "facts_table", "marts_table"]

# Between the parts of a natural key: a control character that no provider puts into an id.
KEY_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class Table:
    """A warehouse table.

    Attributes:
        schema: `raw`, `facts`, `marts` or `privacy`.
        name: Within the schema.
        columns: In order; `tenant_id` is one of them.
        partition_by: DATE column that BigQuery partitions by; empty: none.
        cluster_by: Columns that BigQuery clusters by, in order.
        key: Of a raw table: the columns that together are the natural key of a fact's row.
        outlives_person: See `Fact.outlives_person`, of the fact that its rows are or become.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    partition_by: str = ""
    cluster_by: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    outlives_person: bool = False

    @property
    def qualified(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    @property
    def names_people(self) -> bool:
        """Whether its rows are about people who can ask for their data."""
        return any(column.names is not None for column in self.columns)

    @property
    def tells_of(self) -> str:
        """Fideslang category of what its rows tell: that of their day; empty: about nobody."""
        days = (one.personal for one in self.columns if "reporting_date" in (one.fills, one.name))
        return next(days, "")


_CLUSTER: Final = ("tenant_id", "client_id", "connection_id", "natural_key")


def facts_table(fact: Fact) -> Table:
    """The bitemporal table of a fact."""
    return _of_fact("facts", fact)


def marts_table(fact: Fact) -> Table:
    """The current view of a fact, same columns."""
    return _of_fact("marts", fact)


def _of_fact(schema: str, fact: Fact) -> Table:
    return Table(
        schema,
        fact.name,
        fact.all_columns,
        "reporting_date",
        _CLUSTER,
        outlives_person=fact.outlives_person,
    )


def _column(
    name: str, column_type: ColumnType, description: str, *, required: bool = True
) -> Column:
    return Column(name, column_type, Role.ATTRIBUTE, description, required=required, holds=LINEAGE)


SYNCS: Final = Table(
    "facts",
    "syncs",
    (
        _column("tenant_id", ColumnType.STRING, "Agency, UUID text."),
        _column("client_id", ColumnType.STRING, "Client, UUID text."),
        _column("connection_id", ColumnType.STRING, "Connection, UUID text."),
        _column("source", ColumnType.STRING, "Platform."),
        _column("stream", ColumnType.STRING, "Stream of the source."),
        _column("fact", ColumnType.STRING, "Canonical fact that it feeds."),
        _column("sync_id", ColumnType.STRING, "UUID text."),
        _column("version", ColumnType.INT64, "Landing sequence; higher is newer."),
        _column("known_at", ColumnType.TIMESTAMP, "UTC instant of landing."),
        _column(
            "covers_from",
            ColumnType.DATE,
            "First reporting date covered; by key: rows before it do not count, NULL: all count.",
            required=False,
        ),
        _column(
            "covers_to",
            ColumnType.DATE,
            "Last reporting date covered; NULL: by key.",
            required=False,
        ),
    ),
    cluster_by=("tenant_id", "connection_id"),
)

# One row for each platform's id of a suppressed person, and purpose. A row that stands here twice
# does no harm. The tenant guard reads it in every question (`tenancy/left_out.py`).
SUPPRESSED: Final = Table(
    "privacy",
    "suppressed",
    (
        _column("tenant_id", ColumnType.STRING, "Agency, UUID text."),
        _column("client_id", ColumnType.STRING, "Client, UUID text."),
        _column("connection_id", ColumnType.STRING, "Connection, UUID text."),
        _column("suppression_id", ColumnType.STRING, "UUID text; its rows come and go together."),
        _column("stamp", ColumnType.STRING, "The suppression and its revision; the newest counts."),
        Column(
            "value",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "The platform's id of the person, as facts carry it.",
            required=True,
            holds=SHOP_CUSTOMER_ID,
        ),
        Column(
            "purpose",
            ColumnType.STRING,
            Role.ATTRIBUTE,
            "What for the person is not read.",
            required=True,
            holds=SHOP_CUSTOMER_ID,
        ),
        _column("events_from", ColumnType.TIMESTAMP, "UTC: what happened before it is read."),
        _column("events_to", ColumnType.TIMESTAMP, "UTC: what happened then or later is read."),
    ),
    cluster_by=("tenant_id", "connection_id", "value"),
)
