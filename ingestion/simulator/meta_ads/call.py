"""A call that is let in, and what is wrong with its answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from ingestion.simulator.contract import FAULT
from ingestion.simulator.faults import Fault

__all__ = ["Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        request: As it came.
        values: Its parameters, of the query and of a form.
        account_ids: That its token reaches.
    """

    request: Request
    values: Mapping[str, str]
    account_ids: tuple[str, ...]

    @property
    def fault(self) -> Fault | None:
        """What the platform shall play, if anything."""
        fault: Fault | None = self.request.scope.get(FAULT)
        return fault

    def plays(self, kind: str) -> bool:
        """Whether it shall play this."""
        return self.fault is not None and self.fault.kind == kind
