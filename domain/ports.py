"""Ports: what the inner layers ask of the outer ones.

Implemented in `tenancy` and `ingestion`, wired in `api/bootstrap.py`.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

import pyarrow as pa
from sqlglot import exp

from domain.ids import ClientId, ConnectionId, RunId, TenantId
from domain.privacy.purposes import Purpose
from domain.privacy.recipients import RecipientAnswer, Telling
from domain.time_window import DateRange

__all__ = [
    "AnswerCache",
    "BudgetBucket",
    "BudgetGauge",
    "BudgetLeft",
    "CallBudget",
    "Clock",
    "IdFactory",
    "Messenger",
    "Parameter",
    "Publication",
    "PublicationListener",
    "QueryWarehouse",
    "RecipientNotifier",
    "Statement",
    "Steps",
    "TenantScope",
]

T = TypeVar("T")

Scalar = str | int | float | bool | Decimal | dt.date | dt.datetime
Parameter = Scalar | tuple[str, ...] | tuple[int, ...]

Clock = Callable[[], dt.datetime]  # the present UTC instant, time zone attached
IdFactory = Callable[[], uuid.UUID]  # a new UUIDv7


@dataclass(frozen=True, slots=True)
class TenantScope:
    """Whose data a question may see.

    Attributes:
        tenant_id: The agency.
        clients: Only these clients of it; None: all.
        purpose: What for: rows of people who are suppressed for it are not read.
    """

    tenant_id: TenantId
    clients: frozenset[ClientId] | None = None
    purpose: Purpose = Purpose.ANALYTICS


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Statement:
    """A SELECT as a tree in BigQuery's dialect, without values.

    Base tables are qualified with their schema (`marts.ads_daily`); CTE names start with `_cte_`.
    Values are named parameters (`@from`), so one tree serves many questions: adapters may cache
    what they derive from it by identity.

    Attributes:
        tree: Not to be changed.
        tables: The base tables that it reads, `schema.name`.
    """

    tree: exp.Query
    tables: frozenset[str]


class QueryWarehouse(Protocol):
    """Runs questions. The tenant predicate is added, and proved, behind this port."""

    async def run(
        self, scope: TenantScope, statement: Statement, parameters: Mapping[str, Parameter]
    ) -> pa.Table:
        """Run a SELECT for one tenant.

        Returns:
            Columns named as in the statement; NUMERIC is decimal128(38, 9).

        Raises:
            UnguardedScanError: The tree cannot be narrowed to one tenant (our bug).
            WarehouseError: The warehouse failed; `Transient` when trying again can help.
        """


class AnswerCache(Protocol):
    """Answers of one tenant by key; a new data version makes new keys: nothing goes stale."""

    async def get(self, scope: TenantScope, key: str) -> bytes | None:
        """The stored bytes, or None."""

    async def put(self, scope: TenantScope, key: str, value: bytes) -> None:
        """Store bytes for a while."""


@dataclass(frozen=True, slots=True)
class BudgetBucket:
    """A quota that a provider grants: calls (or points) per period to one app, token or account.

    Attributes:
        key: `source:budget:scope-value`; shared by every worker and tenant that spends from it.
        capacity: Most that can be spent at once.
        refill_per_second: What comes back each second; 0: nothing is known, only holds apply.
    """

    key: str
    capacity: float
    refill_per_second: float


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """What a bucket would grant now.

    Attributes:
        calls: At once; negative while a debt is paid back.
        held_seconds: For so long it grants nothing, because the provider said so; 0: it does.
    """

    calls: float
    held_seconds: float


class CallBudget(Protocol):
    """Quotas of the providers, shared by all workers."""

    async def acquire(
        self, bucket: BudgetBucket, cost: float = 1.0, *, waited: bool = False
    ) -> float:
        """Spend `cost`.

        Args:
            bucket: From which.
            cost: How much.
            waited: The caller has waited for this as told: its turn has come.

        Returns:
            0.0 when granted; else the seconds to wait before asking again (nothing was spent).
        """

    async def hold(self, bucket: BudgetBucket, seconds: float) -> None:
        """Grant nothing for `seconds`: the provider said so."""


class BudgetGauge(Protocol):
    """The same quotas, for those who plan."""

    async def look(self, bucket: BudgetBucket) -> BudgetLeft:
        """What is left; spends nothing."""


class Messenger(Protocol):
    """Mail to people outside the agency, in the agency's name."""

    async def send_mail(self, tenant_id: TenantId, to: str, subject: str, text: str) -> bool:
        """Send one message.

        Args:
            tenant_id: The agency that writes.
            to: Address of one person.
            subject: One line.
            text: Plain.

        Returns:
            Whether it was taken for delivery; False: the agency has no mail server, or it refused.
        """


class Steps(Protocol):
    """Durable steps of a workflow: a finished step is not run again, its result is kept.

    Arguments and results must be plain JSON values: ids and counts, never personal data or secrets.
    """

    async def run(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        """Run `step` once, or give back what it returned before the crash."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What one run made visible of one connection.

    Attributes:
        days: The reporting dates of each fact that changed; None: any day may have.
    """

    tenant_id: TenantId
    client_id: ClientId
    connection_id: ConnectionId
    run_id: RunId
    days: Mapping[str, DateRange | None]


class PublicationListener(Protocol):
    """Work that follows a publication: features, checks. Done again after a crash."""

    @property
    def name(self) -> str:
        """Names the durable step; never changes."""

    async def published(self, publication: Publication) -> None:
        """Catch up with what was published.

        Raises:
            BoscoError: It failed; the publication stands, and the next one tries again.
        """


class RecipientNotifier(Protocol):
    """Tells those who were given people's data of the requests of these people."""

    async def tell(self, telling: Telling) -> RecipientAnswer:
        """Tell one recipient once; failing is an answer, not an error."""
