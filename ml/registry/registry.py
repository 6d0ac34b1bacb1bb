"""The registry of models: what was trained on what, which version serves, and the way back.

    Training, artefact -> register -> candidate -> start_shadow -> promote -> champion -> rollback
        artefact under its hash | a row for each agency that took part, in that agency's transaction
        | version and event: one transaction | word to each agency's audit trail

One champion a kind, by a constraint of the database; moves of a kind come one after the other,
under a lock. Each move may be made again: what is there already stays, what a crash left out is
done. A version is told only after all shares of its agencies are kept, so that no model is without
them.

Decision: ADR-0032.
"""

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from domain.errors import InternalError, NotFoundError
from domain.ids import TenantId
from domain.ports import Clock, IdFactory
from ml.registry.due import list_due, note_retraining, settle_retraining
from ml.registry.gate import Verdict
from ml.registry.records import (
    add_version,
    champion_of,
    find_version,
    id_of,
    keep_share,
    list_hashes,
    list_marked,
    note_event,
)
from ml.registry.retraining import Retraining
from ml.registry.states import (
    check_move,
    check_promotion,
    check_return,
    check_shadow,
    name_of,
)
from ml.registry.telling import tell_agency, tell_retrained
from ml.registry.training import Training
from tenancy.exclusive import hold_exclusively
from tenancy.model_store import ModelStore
from tenancy.privacy.model_marks import mark_late_model
from tenancy.session import Database, TenantSession
from tenancy.tables import ModelEvent, ModelShare, ModelState, ModelVersion

__all__ = ["ListAgencies", "ModelRegistry"]

ListAgencies = Callable[[], Awaitable[Sequence[TenantId]]]

# Never a person: versions are of the platform, and no agency's people move them.
_PROCESS: Final = re.compile(r"operator|job:[a-z_]+")
_SAW_ERASED: Final = "it saw people who were erased, and a version serves that did not"


@dataclass(frozen=True, slots=True)
class ModelRegistry:
    """Keeps models and moves them.

    Attributes:
        agencies: All there are; those that took part are told.
    """

    database: Database
    artefacts: ModelStore
    agencies: ListAgencies
    clock: Clock
    ids: IdFactory

    async def register(
        self, training: Training, artefact: bytes, *, process: str, reasons: Sequence[str] = ()
    ) -> ModelVersion:
        """Keep a model that was trained; a candidate from then on.

        Args:
            training: What it was made of.
            artefact: Its bytes; the same ones of the same snapshot are the same version.
            process: `job:<name>`, or `operator`.
            reasons: Why it was trained; sentences without a full stop.

        Raises:
            LandingError: The object store failed; again does the rest.
            DatabaseUnavailableError: Likewise PostgreSQL.
        """
        _check(process)
        version_id = id_of(training, artefact)
        await self.artefacts.put(artefact)
        for share in training.snapshot.shares:
            async with self.database.session(share.tenant_id) as session:
                await keep_share(session, version_id, training, share, self.clock())
        async with self._alone(training.kind) as session:
            version = await session.get(ModelVersion, version_id)
            if version is None:
                version = await add_version(session, training, artefact, self.clock())
                await note_event(session, version, process, _trained(reasons))
        for share in training.snapshot.shares:
            async with self.database.session(share.tenant_id) as session:
                await mark_late_model(session, version.id, version.as_of, self.clock())
        await self.tell()
        return version

    async def start_shadow(
        self, version_id: uuid.UUID, verdict: Verdict, *, process: str
    ) -> ModelVersion:
        """Let a candidate forecast without being served.

        Args:
            version_id: Of the candidate.
            verdict: On the origins of its trial.
            process: As in `register`.

        Raises:
            ModelMoveError: See `check_shadow`.
            NotFoundError: No such version.
        """
        async with self._moving(version_id, process) as (session, version):
            if version.state is not ModelState.SHADOW:
                check_shadow(version, verdict)
                await self._move(session, version, ModelState.SHADOW, process, _told(verdict))
        await self.tell()
        return version

    async def promote(
        self, version_id: uuid.UUID, verdict: Verdict, *, process: str
    ) -> ModelVersion:
        """Let a challenger serve; the champion retires.

        Args:
            version_id: Of the challenger.
            verdict: On what both forecast while it was in the shadow.
            process: As in `register`.

        Raises:
            ModelMoveError: See `check_promotion`.
            NotFoundError: No such version.
        """
        async with self._moving(version_id, process) as (session, version):
            if version.state is not ModelState.CHAMPION:
                check_promotion(version, verdict, self.clock())
                former = await champion_of(session, version.kind)
                if former is not None:
                    reason = f"{name_of(version)} took its place"
                    await self._move(session, former, ModelState.RETIRED, process, reason)
                    version.follows = former.id
                await self._move(session, version, ModelState.CHAMPION, process, _told(verdict))
                await settle_retraining(session, version, now=self.clock())
                for other in await list_marked(session, version):
                    if other.state in {ModelState.CANDIDATE, ModelState.SHADOW}:
                        await self._move(session, other, ModelState.REJECTED, process, _SAW_ERASED)
        await self.destroy_marked(version.kind)
        await self.tell()
        return version

    async def reject(self, version_id: uuid.UUID, reason: str, *, process: str) -> ModelVersion:
        """Let a version go no further.

        Raises:
            ModelMoveError: It serves, or has served.
            NotFoundError: No such version.
        """
        async with self._moving(version_id, process) as (session, version):
            if version.state is not ModelState.REJECTED:
                check_move(version, ModelState.REJECTED)
                await self._move(session, version, ModelState.REJECTED, process, reason)
        await self.tell()
        return version

    async def rollback(
        self, version_id: uuid.UUID, reason: str, *, process: str
    ) -> ModelVersion | None:
        """Take a champion back: the one before it serves again.

        Args:
            version_id: Of the champion; when it was taken back already, nothing happens.
            reason: What is wrong with it.
            process: As in `register`.

        Returns:
            The version that it had followed; None: there was none, baselines serve.

        Raises:
            ModelMoveError: It does not serve, or see `check_return`.
            NotFoundError: No such version.
        """
        async with self._moving(version_id, process) as (session, version):
            former = await find_version(session, version.follows)
            if version.state is not ModelState.ROLLED_BACK:
                check_move(version, ModelState.ROLLED_BACK)
                if former is not None:
                    check_return(former)
                await self._move(session, version, ModelState.ROLLED_BACK, process, reason)
                if former is not None:
                    back = f"{name_of(version)} was taken back"
                    await self._move(session, former, ModelState.CHAMPION, process, back)
        await self.tell()
        return former

    async def find_champion(self, kind: str) -> ModelVersion | None:
        """The version of a kind that serves; None: baselines do."""
        async with self.database.platform_session() as session:
            return await champion_of(session, kind)

    async def note_retraining(self, kind: str, found: Retraining) -> None:
        """Write down that a kind has to be trained anew; see `ml.registry.due`."""
        async with self.database.platform_session() as session:
            await note_retraining(session, kind, found, now=self.clock(), ids=self.ids)

    async def due_reasons(self, kind: str) -> tuple[str, ...]:
        """Why a kind has to be trained anew by now; empty: it need not."""
        async with self.database.platform_session() as session:
            due = await list_due(session, self.clock())
        return tuple(reason for one in due if one.kind == kind for reason in one.reasons)

    async def load(self, version: ModelVersion) -> bytes:
        """The artefact of a version, proved to be what was registered.

        Raises:
            NotFoundError: It was deleted.
            TamperedArtefactError: It was changed.
            LandingError: The object store failed.
        """
        return await self.artefacts.get(version.artefact_hash)

    async def list_versions(self, kind: str) -> Sequence[ModelVersion]:
        """All versions of a kind, the newest first."""
        query = select(ModelVersion).where(ModelVersion.kind == kind)
        async with self.database.platform_session() as session:
            return (await session.scalars(query.order_by(ModelVersion.number.desc()))).all()

    async def list_events(self, version_id: uuid.UUID) -> Sequence[ModelEvent]:
        """What became of a version, the first first."""
        query = select(ModelEvent).where(ModelEvent.version_id == version_id)
        async with self.database.platform_session() as session:
            return (await session.scalars(query.order_by(ModelEvent.number))).all()

    async def list_shares(self, tenant_id: TenantId) -> Sequence[ModelShare]:
        """Versions that an agency's data took part in, the newest first."""
        query = select(ModelShare).order_by(ModelShare.registered_at.desc(), ModelShare.version_id)
        async with self.database.session(tenant_id) as session:
            return (await session.scalars(query)).all()

    async def destroy_marked(self, kind: str) -> None:
        """Delete artefacts that saw people who are erased, once a version serves that did not."""
        async with self.database.platform_session() as session:
            champion = await champion_of(session, kind)
            marked = await list_marked(session, champion) if champion is not None else []
            shared = await list_hashes(session, kind)
        for version in marked:
            if version.artefact_hash not in shared:
                await self.artefacts.delete(version.artefact_hash)
            async with self.database.platform_session() as session:
                row = await session.get_one(ModelVersion, version.id)
                row.destroyed_at = self.clock()

    async def tell(self) -> None:
        """Bring what became of versions to the audit trails of those whose data took part.

        Certificates of erasures there say from then on that a model was made anew.
        """
        for tenant_id in await self.agencies():
            async with self.database.session(tenant_id) as session:
                await tell_agency(session, clock=self.clock, ids=self.ids)
                await tell_retrained(session, self.clock())

    async def _move(
        self,
        session: TenantSession,
        version: ModelVersion,
        state: ModelState,
        process: str,
        reason: str,
    ) -> None:
        version.state, version.state_since = state, self.clock()
        await note_event(session, version, process, reason)

    @asynccontextmanager
    async def _moving(
        self, version_id: uuid.UUID, process: str
    ) -> AsyncIterator[tuple[TenantSession, ModelVersion]]:
        _check(process)
        async with self.database.platform_session() as session:
            version = await find_version(session, version_id)
            if version is None:
                raise NotFoundError(f"there is no model {version_id}")
            await hold_exclusively(session, _lock(version.kind))
            await session.refresh(version)
            yield session, version

    @asynccontextmanager
    async def _alone(self, kind: str) -> AsyncIterator[TenantSession]:
        async with self.database.platform_session() as session:
            await hold_exclusively(session, _lock(kind))
            yield session


def _lock(kind: str) -> str:
    return f"models {kind}"


def _trained(reasons: Sequence[str]) -> str:
    return f"trained: {'; '.join(reasons)}" if reasons else "trained"


def _told(verdict: Verdict) -> str:
    low, high = verdict.interval
    told = f"error {verdict.change:+.1%} against the champion's (95 %: {low:+.1%} to {high:+.1%})"
    return f"{told}, 80 % intervals hold {verdict.coverage:.1%}"


def _check(process: str) -> None:
    if not _PROCESS.fullmatch(process):
        raise InternalError(f"{process!r} is no process that moves models", hint="job:<name>")
