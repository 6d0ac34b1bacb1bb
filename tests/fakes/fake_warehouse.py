"""A warehouse that gives back one prepared table, whatever it is asked.

Columns are picked as the statement names them; `currency__min` and `currency__max` are made up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from domain.ports import Parameter, Statement, TenantScope

__all__ = ["FakeWarehouse"]


@dataclass(slots=True)
class FakeWarehouse:
    """Implements `domain.ports.QueryWarehouse`.

    Attributes:
        table: The answer to every question.
        currency: Of its amounts.
        asked: Scope and parameters of each question so far.
    """

    table: pa.Table
    currency: str = "EUR"
    asked: list[tuple[TenantScope, Mapping[str, Parameter]]] = field(default_factory=list)

    async def run(
        self, scope: TenantScope, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        self.asked.append((scope, parameters))
        columns = {name: self._column(name) for name in statement.tree.named_selects}
        return pa.table(columns)

    def _column(self, name: str) -> pa.ChunkedArray:
        if name.startswith("currency__"):
            return pa.chunked_array([[self.currency] * self.table.num_rows])
        return self.table.column(name)
