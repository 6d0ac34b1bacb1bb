"""What the durable jobs of this package are given; steps return ids and counts."""

from collections.abc import Mapping
from typing import Final

from domain.privacy.classification import Privacy
from domain.privacy.holds import LINEAGE
from gdpr.erasure.job import ERASE_JOB
from gdpr.requests.run import REQUEST_JOB

__all__ = ["JOB_ARGUMENTS"]

JOB_ARGUMENTS: Final[Mapping[str, Mapping[str, Privacy]]] = {
    ERASE_JOB: dict.fromkeys(("run_id", "resumes", "tenant_id", "again_tenant", "again"), LINEAGE),
    REQUEST_JOB: dict.fromkeys(("tenant_id", "request_id"), LINEAGE),
}
