"""The mutation `acknowledgeAnomaly`: somebody looks after it.

id -> AnomalyDesk -> the anomaly as it is now
"""

from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.queries.anomalies import AnomalyNode, anomaly_node
from api.identity.caller import Scope
from domain.errors import UserError
from domain.ids import parse_id
from ml.runs.anomaly_desk import ANOMALY, AnomalyDesk

__all__ = ["ACKNOWLEDGE_ANOMALY"]


@strawberry.type(description="The anomaly is acknowledged; its alert is over.")
class AnomalyAcknowledged:
    """See the description."""

    anomaly: AnomalyNode


@strawberry.type(description="Nothing changed.")
class AcknowledgeAnomalyError:
    """See the description."""

    code: str
    message: str
    hint: str


AcknowledgeAnomalyPayload = Annotated[
    AnomalyAcknowledged | AcknowledgeAnomalyError, strawberry.union("AcknowledgeAnomalyPayload")
]


async def _acknowledge_anomaly(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the anomaly.")],  # noqa: A002  # the argument's name in GraphQL
) -> AcknowledgeAnomalyPayload:
    try:
        return await _acknowledge(info, id)
    except UserError as error:
        return AcknowledgeAnomalyError(code=error.code, message=error.message, hint=error.hint)


async def _acknowledge(info: EdgeInfo, public: str) -> AnomalyAcknowledged:
    caller, services = info.context.caller, info.context.services
    desk = AnomalyDesk(services.clock, services.ids)
    async with services.database.session(caller.tenant_id) as session:
        row = await desk.acknowledge(
            session, parse_id(ANOMALY, public), caller.clients, actor=caller.actor
        )
    return AnomalyAcknowledged(anomaly=anomaly_node(row))


ACKNOWLEDGE_ANOMALY = RootField(
    "acknowledgeAnomaly",
    Scope.METRICS_WRITE,
    "Say that somebody looks after it: it alerts nobody any more.",
    _acknowledge_anomaly,
)
