"""The field `modelCard`: what a model was made of, how it did, and what became of it.

name, version -> card as the caller's agency may see it: nothing of another agency
"""

import datetime as dt
from typing import Annotated, Final

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.model_states import ModelState
from api.graphql.scalars import Count
from api.identity.caller import Scope
from domain.ids import parse_id, public_id
from ml.registry.card import ModelCard, OwnPart, Trial
from ml.registry.cards import find_card
from ml.runs.descriptions import DESCRIPTIONS

__all__ = ["MODEL_CARD"]

_PREFIX: Final = "mdl"


@strawberry.type(description="What it has seen. Agencies are counted, and never named.")
class ModelData:
    """See the description."""

    as_of: dt.datetime = strawberry.field(description="Nothing that became known later was seen.")
    days: int | None = strawberry.field(description="Of history before that.")
    agencies: Count
    hash: str = strawberry.field(description="SHA-256 over the hashes of all agencies' figures.")


@strawberry.type(description="How it did on past days, in a group of five or more agencies.")
class ModelTrial:
    """See the description."""

    group: str
    agencies: Count
    change: float = strawberry.field(
        description="Its error against that of what served then, -0.1: a tenth smaller."
    )
    change_low: float | None = strawberry.field(description="Of 95 %.")
    change_high: float | None
    coverage80: float | None = strawberry.field(description="Of actuals, within its band of 80 %.")


@strawberry.type(description="When it came into a state.")
class ModelMoment:
    """See the description."""

    state: ModelState
    at: dt.datetime


@strawberry.type(description="What the agency itself has to do with it.")
class ModelOwnPart:
    """See the description."""

    series: Count
    figures: Count
    hash: str = strawberry.field(description="SHA-256 over the agency's own figures.")
    retrain_by: dt.datetime | None = strawberry.field(
        description="By when it has to be gone: people were erased whose figures it saw."
    )
    retrained_at: dt.datetime | None = strawberry.field(description="When it was.")


@strawberry.type(name="ModelCard", description="A model on one page.")
class ModelCardNode:
    """See the description."""

    id: strawberry.ID = strawberry.field(description="`model` of what it has forecast.")
    name: str
    version: int
    state: ModelState
    purpose: str
    limits: list[str]
    data: ModelData
    code: str = strawberry.field(description="Fingerprint of what trained it.")
    inputs: list[str]
    trials: list[ModelTrial] = strawberry.field(
        description="All agencies, then groups by size; empty: fewer than five were in it."
    )
    judgement: str = strawberry.field(description="Of the gate that lets a model serve.")
    states: list[ModelMoment]
    own: ModelOwnPart | None = strawberry.field(
        description="null: the agency's figures took no part."
    )


async def _model_card(
    info: EdgeInfo,
    name: Annotated[
        str, strawberry.argument(description="`forecast`, or `model` of a forecast's series.")
    ],
    version: Annotated[
        int | None, strawberry.argument(description="null: the one that serves.")
    ] = None,
) -> ModelCardNode | None:
    which = parse_id(_PREFIX, name) if name.startswith(f"{_PREFIX}_") else name
    database, caller = info.context.services.database, info.context.caller
    card = await find_card(database, caller.tenant_id, DESCRIPTIONS, which, version)
    return None if card is None else _node(card)


def _node(card: ModelCard) -> ModelCardNode:
    return ModelCardNode(
        id=strawberry.ID(public_id(_PREFIX, card.id)),
        name=card.kind,
        version=card.number,
        state=card.state,
        purpose=card.purpose,
        limits=list(card.limits),
        data=ModelData(
            as_of=card.as_of, days=card.days, agencies=Count(card.agencies), hash=card.data_hash
        ),
        code=card.code,
        inputs=list(card.inputs),
        trials=[_trial(one) for one in card.trials],
        judgement=card.judgement,
        states=[ModelMoment(state=one.state, at=one.at) for one in card.moments],
        own=None if card.own is None else _own(card.own),
    )


def _trial(one: Trial) -> ModelTrial:
    low, high = (None, None) if one.interval is None else one.interval
    return ModelTrial(
        group=one.group,
        agencies=Count(one.agencies),
        change=one.change,
        change_low=low,
        change_high=high,
        coverage80=one.coverage_80,
    )


def _own(own: OwnPart) -> ModelOwnPart:
    return ModelOwnPart(
        series=Count(own.series),
        figures=Count(own.figures),
        hash=own.content_hash,
        retrain_by=own.retrain_by,
        retrained_at=own.retrained_at,
    )


MODEL_CARD = RootField(
    "modelCard",
    Scope.METRICS_READ,
    "What a model was made of, how it did, and what became of it; null: no model serves.",
    _model_card,
)
