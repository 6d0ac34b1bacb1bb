"""Whether a model in the shadow may serve: its forecasts beside those that were served.

shadow versions -> pairs of all agencies, settled by now -> gate -> promoted | rejected | waits
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.ids import TenantId
from domain.ports import Clock
from ml.ledger.ledger import AccuracyLedger
from ml.ledger.paired import Pair, errors_of
from ml.registry.gate import SHADOW_WEEK, Gate, PairedErrors
from ml.registry.registry import ModelRegistry
from ml.runs.training import FORECAST, GROUPS, group_of
from tenancy.tables import ModelState, ModelVersion

__all__ = ["Judging"]

_PROCESS: Final = "job:judge_challenger"
_HORIZON: Final = 7  # days; longer ones would take months to settle
_PATIENCE: Final = dt.timedelta(days=60)  # claims settle a month after their week
_SEED: Final = 20_261_201


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges challengers.

    Attributes:
        agencies: All there are.
    """

    registry: ModelRegistry
    ledger: AccuracyLedger
    agencies: Callable[[], Awaitable[Sequence[TenantId]]]
    clock: Clock

    async def judge(self) -> int:
        """Move every challenger of which enough is settled.

        Returns:
            How many were moved.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer.
        """
        versions = await self.registry.list_versions(FORECAST)
        shadows = [one for one in versions if one.state is ModelState.SHADOW]
        return sum([await self._judge(version) for version in shadows])

    async def _judge(self, version: ModelVersion) -> bool:
        errors = errors_of(await self._pairs(version), _HORIZON)
        if len(np.unique(errors.origin)) < SHADOW_WEEK.fewest_origins + _HORIZON:
            return await self._give_up(version)
        return await self._decide(version, errors)

    async def _decide(self, version: ModelVersion, errors: PairedErrors) -> bool:
        verdict = Gate(SHADOW_WEEK).judge(errors, _HORIZON, np.random.default_rng(_SEED))
        if verdict.has_passed:
            await self.registry.promote(version.id, verdict, process=_PROCESS)
        else:
            await self.registry.reject(version.id, "; ".join(verdict.reasons), process=_PROCESS)
        return True

    async def _give_up(self, version: ModelVersion) -> bool:
        """Reject what nothing could be said of for so long; False: it may still be told."""
        if self.clock() < version.state_since + _PATIENCE:
            return False
        reason = f"too little of what it forecast has settled in {_PATIENCE.days} days"
        await self.registry.reject(version.id, reason, process=_PROCESS)
        return True

    async def _pairs(self, version: ModelVersion) -> dict[str, list[Pair]]:
        """By group of agencies."""
        found: dict[str, list[Pair]] = {group: [] for group in GROUPS}
        for tenant_id in await self.agencies():
            pairs = await self.ledger.paired(tenant_id, version.id, version.state_since.date())
            found[GROUPS[group_of(len({pair.series for pair in pairs}))]] += pairs
        return {group: pairs for group, pairs in found.items() if pairs}
