"""The agency's own feature views: planned, applied, deprecated, and loaded for its catalogue.

    file -> Definition -> Plan -> refused, or one row and an audit entry -> backfill
    rows of an agency that are not retired -> views -> Catalogue

A version is stored once. Applying the same file again changes nothing; applying it with other words
changes the words; applying it with another meaning is refused. A stored definition was right when
it was stored: when a later release has taken a fact or column away, the view is left out and
logged, so that one view does not take the others away.

Decision: ADR-0039.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import structlog
from sqlalchemy import select, update

from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory, TenantScope
from domain.yaml_document import InvalidDocumentError, did_you_mean
from feature_repo.catalogue import Catalogues
from feature_repo.feature import Deprecation, FeatureView
from feature_repo.registration.definition import Definition
from feature_repo.registration.definition_file import read_definition
from feature_repo.registration.plan import Plan, Planner, standing_refusals
from tenancy import audit
from tenancy.exclusive import hold_exclusively
from tenancy.session import Database, TenantSession
from tenancy.tables import FeatureDefinition

__all__ = ["FeatureBook", "Registered", "load_own_views"]

_LOG: Final = structlog.get_logger(__name__)
_OBJECT: Final = "feature_view"
# Who reads a view learns of its end before it comes.
_LEAST_NOTICE: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Registered:
    """A version that an agency registered, and where it stands.

    Attributes:
        definition: With the deprecation, if there is one, in its view.
        applied_at: When it came.
        clients: Whose entities the backfill computes.
        clients_filled: Of these, so many are done.
        entities_filled: Entities written so far.
        filled_at: Since when all are done; None: the backfill goes on.
    """

    definition: Definition
    applied_at: dt.datetime
    clients: int
    clients_filled: int
    entities_filled: int
    filled_at: dt.datetime | None


async def load_own_views(
    database: Database, clock: Clock, tenant_id: TenantId
) -> tuple[FeatureView, ...]:
    """`feature_repo.catalogue.LoadViews`: views that are served. One query."""
    async with database.session(tenant_id) as session:
        rows = await _load_rows(session)
    return tuple(
        definition.view
        for row in rows
        if not _is_retired(row, clock()) and (definition := _definition_of(row)) is not None
    )


@dataclass(frozen=True, slots=True)
class FeatureBook:
    """Changes what agencies have registered, one transaction at a time for each."""

    database: Database
    catalogues: Catalogues
    planner: Planner
    clock: Clock
    ids: IdFactory

    async def plan(self, scope: TenantScope, text: str, name: str) -> Plan:
        """What applying a file would do. Writes nothing.

        Args:
            scope: The agency, and the clients whose figures the plan may look at.
            text: The file.
            name: Of the file, for messages.

        Raises:
            InvalidDocumentError: The file is wrong; says where (caller).
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        definition = read_definition(text, name)
        async with self.database.session(scope.tenant_id) as session:
            rows = await _load_rows(session)
        return await self.planner.plan(scope, definition, *_standing(rows, self.clock()))

    async def apply(
        self, scope: TenantScope, text: str, name: str, *, actor: str
    ) -> tuple[Plan, bool]:
        """Register a version, or new words about one.

        Returns:
            The plan that was carried out, and whether the version is new.

        Raises:
            InvalidDocumentError: The file is wrong; says where (caller).
            ConflictError: The plan refuses it; the message has all reasons (caller).
            WarehouseError: The warehouse failed.
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        plan = await self.plan(scope, text, name)
        _require(plan.refusals, plan.definition)
        async with self.database.session(scope.tenant_id) as session:
            await hold_exclusively(session, f"feature definitions {scope.tenant_id}")
            rows = await _load_rows(session)
            # Somebody else may have applied something since the plan was made.
            standing = _standing(rows, self.clock())
            _require([*standing_refusals(plan.definition, *standing)], plan.definition)
            known = {row.view: row for row in rows}.get(plan.definition.view.name)
            if known is None:
                session.add(_row(plan.definition, self.clock()))
                self._record(session, actor, "applied", plan.definition)
            elif known.definition != text:
                known.definition = text
                self._record(session, actor, "reworded", plan.definition)
        await self.catalogues.fresh(scope.tenant_id)
        return plan, known is None

    async def deprecate(
        self, tenant_id: TenantId, view: str, *, last_day: dt.date, successor: str, actor: str
    ) -> Deprecation:
        """Say that a version is served until a day, and what to use instead.

        Args:
            tenant_id: The agency.
            view: Full name of its view.
            last_day: UTC day on which it is served for the last time.
            successor: Full name of the view to use instead; empty: there is none.
            actor: Who does it, for the audit.

        Raises:
            NotFoundError: The agency has no such view of its own, or no such successor (caller).
            InvalidInputError: The day is too near, or the successor is the view itself (caller).
        """
        deprecation = Deprecation(_end_of(last_day), successor)
        if deprecation.retires_at - self.clock() < _LEAST_NOTICE:
            raise InvalidInputError(
                f"{last_day} is too near: who reads {view} has no time to change",
                hint="give a later day",
            )
        if successor == view:
            raise InvalidInputError(f"{successor} cannot follow itself", hint="name another view")
        if successor:
            (await self.catalogues.fresh(tenant_id)).view(successor)
        async with self.database.session(tenant_id) as session:
            await hold_exclusively(session, f"feature definitions {tenant_id}")
            rows = {
                row.view: row
                for row in await _load_rows(session)
                if not _is_retired(row, self.clock())
            }
            row = _own_row(rows, view)
            if (row.retires_at, row.successor) != (deprecation.retires_at, successor):
                row.retires_at, row.successor = deprecation.retires_at, successor
                self._record_deprecated(session, actor, row, last_day)
        await self.catalogues.fresh(tenant_id)
        return deprecation

    async def list_registered(self, tenant_id: TenantId) -> list[Registered]:
        """What an agency has registered and is not retired, by name. One query."""
        async with self.database.session(tenant_id) as session:
            rows = await _load_rows(session)
        return [
            Registered(
                definition=definition,
                applied_at=row.applied_at,
                clients=row.clients,
                clients_filled=row.clients_filled,
                entities_filled=row.entities_filled,
                filled_at=row.filled_at,
            )
            for row in rows
            if not _is_retired(row, self.clock()) and (definition := _definition_of(row))
        ]

    async def note_progress(
        self, tenant_id: TenantId, view: str, values: Mapping[str, int]
    ) -> None:
        """Note how far a backfill is; `filled_at` when all clients are done."""
        done = values["clients"] == values["clients_filled"]
        statement = (
            update(FeatureDefinition)
            .where(FeatureDefinition.view == view)
            .values(**values, filled_at=self.clock() if done else None)
        )
        async with self.database.session(tenant_id) as session:
            await session.execute(statement)

    def _record(
        self, session: TenantSession, actor: str, verb: str, definition: Definition
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=f"{_OBJECT}.{verb}",
            object_kind=_OBJECT,
            object_id=definition.view.name,
            details={"version": definition.version, "fingerprint": definition.fingerprint},
        )

    def _record_deprecated(
        self, session: TenantSession, actor: str, row: FeatureDefinition, last_day: dt.date
    ) -> None:
        audit.record(
            session,
            clock=self.clock,
            ids=self.ids,
            actor=actor,
            action=f"{_OBJECT}.deprecated",
            object_kind=_OBJECT,
            object_id=row.view,
            details={"last_day": last_day.isoformat(), "successor": row.successor},
        )


async def _load_rows(session: TenantSession) -> Sequence[FeatureDefinition]:
    query = select(FeatureDefinition).order_by(FeatureDefinition.name, FeatureDefinition.version)
    return (await session.scalars(query)).all()


def _standing(
    rows: Sequence[FeatureDefinition], now: dt.datetime
) -> tuple[list[Definition], frozenset[str]]:
    """All definitions that can be read, and the full names of the retired."""
    found = [one for row in rows if (one := _definition_of(row)) is not None]
    return found, frozenset(row.view for row in rows if _is_retired(row, now))


def _is_retired(row: FeatureDefinition, now: dt.datetime) -> bool:
    return row.retires_at is not None and row.retires_at <= now


def _definition_of(row: FeatureDefinition) -> Definition | None:
    try:
        definition = _read(row.definition, f"{row.name}.yaml")
    except InvalidDocumentError:
        _LOG.warning("feature_definition_unreadable", view=row.view)
        return None
    if row.retires_at is None:
        return definition
    deprecation = Deprecation(row.retires_at, row.successor)
    return replace(definition, view=replace(definition.view, deprecation=deprecation))


@lru_cache(maxsize=1_024)
def _read(text: str, name: str) -> Definition:
    return read_definition(text, name)


def _require(refusals: Sequence[str], definition: Definition) -> None:
    if refusals:
        raise ConflictError(
            f"{definition.view.name} is refused:\n" + "\n".join(refusals),
            hint="bosco features plan shows it whole; docs/features.md says what is allowed",
        )


def _row(definition: Definition, now: dt.datetime) -> FeatureDefinition:
    return FeatureDefinition(
        view=definition.view.name,
        name=definition.name,
        version=definition.version,
        definition=definition.text,
        applied_at=now,
        clients=0,
        clients_filled=0,
        entities_filled=0,
        filled_at=None,
        retires_at=None,
        successor="",
    )


def _own_row(rows: Mapping[str, FeatureDefinition], view: str) -> FeatureDefinition:
    if view not in rows:
        raise NotFoundError(
            f"{view!r} is not a feature view of this agency{did_you_mean(view, rows)}",
            hint="the platform's views cannot be deprecated",
        )
    return rows[view]


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
