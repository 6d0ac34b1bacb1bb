"""The scope of work that sees several tenants at once.

    pending loads of many tenants -> AuditedTenants(ids, purpose) -> guard -> warehouse

Loading, unifying, building rollups and pooled training name their tenants one by one, and say why.
There is no value that means "all tenants".
"""

import re
from dataclasses import dataclass
from typing import Final

from domain.errors import InternalError
from domain.ids import TenantId

__all__ = ["AuditedTenants"]

# The purpose becomes a label of BigQuery jobs; labels allow these characters, 63 at most.
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class AuditedTenants:
    """An explicit set of tenants and the reason for seeing them together.

    Attributes:
        tenant_ids: At least one.
        purpose: Lower-case word such as `load` or `unify`; it labels every statement.

    Raises:
        InternalError: No tenant, or a purpose that cannot be a label (our bug).
    """

    tenant_ids: frozenset[TenantId]
    purpose: str

    def __post_init__(self) -> None:
        if not self.tenant_ids:
            raise InternalError("work over several tenants names at least one tenant")
        if not _PURPOSE.fullmatch(self.purpose):
            raise InternalError(
                f"purpose {self.purpose!r} cannot be a label",
                hint="a lower-case letter, then at most 62 lower-case letters, digits, _ or -",
            )

    @property
    def texts(self) -> tuple[str, ...]:
        """The tenants as the warehouse stores them: UUID text, sorted."""
        return tuple(sorted(str(tenant_id) for tenant_id in self.tenant_ids))
