"""What the desk's parts have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.ports import Clock, IdFactory
from domain.privacy.deadlines import WorkCalendar
from domain.privacy.request_rules import CURRENT_RULES, RequestRules
from gdpr.requests.working_days import work_calendar
from tenancy.session import Database
from tenancy.vault import Vault

__all__ = ["RequestServices"]


@dataclass(frozen=True, slots=True)
class RequestServices:
    """Shared by all parts.

    Attributes:
        random_bytes: Cryptographic randomness.
        calendar_of: Working days by IANA time zone.
        rules: What a request needs before it is carried out.
    """

    database: Database
    vault: Vault
    clock: Clock
    ids: IdFactory
    random_bytes: Callable[[int], bytes]
    calendar_of: Callable[[str], WorkCalendar] = work_calendar
    rules: RequestRules = CURRENT_RULES
