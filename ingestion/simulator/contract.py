"""What the gate and the control routes ask of a platform."""

from typing import Protocol

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestion.simulator.faults import Fault

__all__ = ["FAULT", "PAGE_DIVISOR", "Platform"]

# Set in the ASGI scope by the gate for the fault `half_page`; a platform divides its pages by it.
PAGE_DIVISOR = "simulator.page_divisor"
# Set in the ASGI scope by the gate: the `Fault` that the platform itself has to play.
FAULT = "simulator.fault"


class Platform(Protocol):
    """One simulated platform."""

    @property
    def name(self) -> str:
        """Name in paths: `google_ads`."""

    @property
    def app(self) -> ASGIApp:
        """The platform's own routes, without gate and control."""

    def operation_of(self, path: str, body: bytes) -> str:
        """Name the call, for faults that match on `operation`."""

    def refuse(self, fault: Fault, path: str) -> Response:
        """Build the platform's own refusal for a fault such as `rate_limited`."""

    def distort(self, fault: Fault, document: object) -> object:
        """Alter the records of an answer for `unknown_field` and `changed_type`."""

    def truth_routes(self) -> list[Route]:
        """Routes below `/_control/truth/<name>`."""

    def expire_tokens(self) -> int:
        """Let all short-lived access tokens expire; returns how many there were."""

    def reset(self) -> None:
        """Forget tokens, quotas and buckets."""
