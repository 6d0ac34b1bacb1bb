"""One column of one store, and what it says it holds: what every part hands to the inventory.

tables, facts, source files, keys, views, files, log words, jobs -> HeldColumn -> gdpr.inventory
"""

import enum
from dataclasses import dataclass

from domain.privacy.classification import Classification, Privacy

__all__ = ["HeldColumn", "Store"]


class Store(enum.Enum):
    """Where data lies; the value says it to people."""

    POSTGRES = "PostgreSQL"
    WAREHOUSE = "warehouse"
    LANDING = "landing objects"
    REDIS = "Redis"
    FEATURES = "features"
    MODELS = "models"
    EXPORTS = "exports"
    LOGS = "logs"
    JOBS = "jobs"


@dataclass(frozen=True, slots=True)
class HeldColumn:
    """A column, or what is like one: a part of a key, a word of the log, an argument of a job.

    Attributes:
        store: Where it lies.
        table: Table, kind of key, view, file or job; as the store names it.
        column: Within the table.
        holds: What it holds; None: nobody has said.
        path: From a row to its person: columns of the table, then `table.column` of others; empty:
            there is none.
        refers_to: `table.column` that its values come from; empty: none.
        kept: Retention policy of the store, where it ends earlier than what it holds would; empty:
            it does not.
    """

    store: Store
    table: str
    column: str
    holds: Privacy | None
    path: tuple[str, ...] = ()
    refers_to: str = ""
    kept: str = ""

    @property
    def personal(self) -> Classification | None:
        """The classification of what is about somebody; None: about nobody, or unsaid."""
        return self.holds if isinstance(self.holds, Classification) else None

    @property
    def retention(self) -> str:
        """Name of the policy that ends it; empty: it is about nobody."""
        return "" if self.personal is None else self.kept or self.personal.retention

    @property
    def place(self) -> str:
        """`table.column`."""
        return f"{self.table}.{self.column}"
