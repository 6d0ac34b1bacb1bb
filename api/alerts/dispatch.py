"""One message through Apprise.

    target, message -> service -> Apprise, in a thread, with a deadline -> Outcome

Loads Apprise, which takes half a second: whoever only might send imports `api.alerts.sender`.
"""

import ssl
from typing import Final

from apprise import Apprise
from apprise.result import AppriseResultStatus

from api.alerts.outgoing import Outcome, Outgoing
from api.alerts.services import make_service
from api.alerts.target import Target
from api.outbound.line import Line
from api.outbound.patience import Patience

__all__ = ["dispatch"]

_WARNINGS: Final = ("WARNING", "ERROR", "CRITICAL")


async def dispatch(
    target: Target,
    outgoing: Outgoing,
    *,
    public_only: bool,
    patience: Patience,
    tls: ssl.SSLContext,
) -> Outcome:
    """Send a message once."""
    line = Line(patience, public_only=public_only)
    service = make_service(target, outgoing, line, tls)
    apprise = Apprise()
    apprise.add(service)
    try:
        result = await apprise.async_notify(body=service.service_name, timeout=patience.total)
    finally:
        line.hang_up()
    if result:
        return Outcome(is_sent=True, remark=service.failure)
    if result.status is AppriseResultStatus.TIMEOUT:
        return Outcome(is_sent=False, remark=f"it took longer than {patience.total:g} s")
    logged = [entry.message for entry in result.logs() if entry.level in _WARNINGS]
    return Outcome(is_sent=False, remark=service.failure or " ".join(logged))
