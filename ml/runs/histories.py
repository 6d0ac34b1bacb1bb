"""An agency's histories as models take them: at every level that is forecast.

scope, instant -> HistoryLoader -> ads by campaign, channel, client; visits by channel, client;
sales by client
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.ports import TenantScope
from ml.history.levels import Level, at_levels
from ml.history.load import HistoryLoader
from ml.history.topics import TopicName
from ml.panel import History

__all__ = ["DAYS", "AgencyHistories"]

DAYS: Final = 400  # a year and its season once more; older days weigh next to nothing

_LEVELS: Final[Mapping[TopicName, Sequence[Level]]] = {
    TopicName.ADS: (Level.PART, Level.CHANNEL, Level.CLIENT),
    TopicName.WEB: (Level.CHANNEL, Level.CLIENT),
    TopicName.SHOP: (Level.CLIENT,),
}


@dataclass(frozen=True, slots=True)
class AgencyHistories:
    """Reads the histories of agencies, one agency at a time."""

    loader: HistoryLoader

    async def read(
        self, scope: TenantScope, today: dt.date, as_of: dt.datetime
    ) -> dict[TopicName, History]:
        """The last `DAYS` complete days.

        Args:
            scope: Whose.
            today: Of the agency; the day before is the last step.
            as_of: UTC instant; what became known later is not read.

        Returns:
            By topic; one of which nothing is known is left out.

        Raises:
            WarehouseError: The warehouse failed.
        """
        last = today - dt.timedelta(days=1)
        first = last - dt.timedelta(days=DAYS - 1)
        loaded = await self.loader.load(scope, list(_LEVELS), first, last, as_of)
        return {
            topic: at_levels(history, _LEVELS[topic])
            for topic, history in loaded.items()
            if history.series
        }
