"""What a model is, on one page, for those who are served by it.

    version, events, the agency's own share and marks -> card_of -> ModelCard

A model is of all agencies, so its card tells nothing of one of them to another: agencies are
counted and nothing else, and figures of a group are told only where enough agencies are in it. What
could be found out by taking the told groups from the whole is not told either. Reasons of the gate
stay with whoever runs the platform: they may name a group of one.

Sources: Mitchell and others, Model cards for model reporting (2019); Duncan and Lambert, The risk
of disclosure for microdata (1989), for complementary suppression.
Decision: ADR-0043.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml.registry.training import EVERYBODY
from tenancy.tables import ModelErasure, ModelEvent, ModelShare, ModelState, ModelVersion

__all__ = [
    "LEAST_AGENCIES",
    "Description",
    "ModelCard",
    "Moment",
    "OwnPart",
    "Trial",
    "card_of",
    "judgement_of",
    "told_trials",
]

LEAST_AGENCIES: Final = 5  # of a group whose figures are told


@dataclass(frozen=True, slots=True)
class Description:
    """What is true of every version of a kind.

    Attributes:
        purpose: One sentence.
        limits: What it does not do; sentences without a full stop.
    """

    purpose: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """How it did on past days, in one group of agencies.

    Attributes:
        group: `all`, or a group by size.
        agencies: How many it has.
        change: Its error against that of what served then, -0.1: a tenth smaller.
        interval: Of the change, 95 %; None: not computed for the group.
        coverage_80: Share of actuals within its bands of 80 %; None: likewise.
    """

    group: str
    agencies: int
    change: float
    interval: tuple[float, float] | None
    coverage_80: float | None


@dataclass(frozen=True, slots=True)
class Moment:
    """When it came into a state."""

    state: ModelState
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What the agency that asks has to do with it.

    Attributes:
        series: Of its own that took part.
        figures: How many.
        content_hash: SHA-256 over them.
        retrain_by: By when it has to be gone, since people of the agency were erased; None: no.
        retrained_at: When it was; None: it is not yet, or need not.
    """

    series: int
    figures: int
    content_hash: str
    retrain_by: dt.datetime | None
    retrained_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A version on one page.

    Attributes:
        as_of: UTC instant: nothing that became known later was seen.
        days: Of history before it.
        data_hash: SHA-256 over the hashes of all agencies' shares.
        agencies: How many took part.
        code: Fingerprint of the code.
        inputs: Names; empty: of a version from before they were kept.
        trials: Of all agencies, then by group; without those that are too small.
        judgement: Of the gate, one sentence.
        moments: In order.
        limits: Of its kind, and of this version.
        own: None: the agency's figures took no part.
    """

    id: uuid.UUID
    kind: str
    number: int
    state: ModelState
    purpose: str
    as_of: dt.datetime
    days: int | None
    data_hash: str
    agencies: int
    code: str
    inputs: tuple[str, ...]
    trials: tuple[Trial, ...]
    judgement: str
    moments: tuple[Moment, ...]
    limits: tuple[str, ...]
    own: OwnPart | None


def card_of(
    version: ModelVersion,
    description: Description,
    events: Sequence[ModelEvent],
    share: ModelShare | None,
    marks: Sequence[ModelErasure],
) -> ModelCard:
    """The card of a version, as one agency may see it.

    Args:
        version: Of the platform.
        description: Of its kind.
        events: What became of it, in order.
        share: Of the agency that asks; None: it took no part.
        marks: Of erasures in that agency that concern the version.
    """
    trials = told_trials(version.metrics)
    return ModelCard(
        id=version.id,
        kind=version.kind,
        number=version.number,
        state=version.state,
        purpose=description.purpose,
        as_of=version.as_of,
        days=version.parameters.get("days"),
        data_hash=version.data_hash,
        agencies=version.agencies,
        code=version.code,
        inputs=tuple(sorted(version.inputs)),
        trials=trials,
        judgement=judgement_of(version.metrics, [event.state for event in events], trials),
        moments=tuple(Moment(event.state, event.at) for event in events),
        limits=(*description.limits, *_own_limits(version, trials)),
        own=None if share is None else _own(share, marks),
    )


def told_trials(metrics: Mapping[str, Mapping[str, Any]]) -> tuple[Trial, ...]:
    """Figures that may be told: all agencies first, then groups by name."""
    groups = {
        name: int(one.get("agencies", 0))
        for name, one in metrics.items()
        if name != EVERYBODY and "change" in one
    }
    whole = metrics.get(EVERYBODY, {})
    if "change" not in whole or int(whole.get("agencies", 0)) < LEAST_AGENCIES:
        return ()
    told = {name for name, count in groups.items() if count >= LEAST_AGENCIES}
    hidden = sum(count for name, count in groups.items() if name not in told)
    if told and 0 < hidden < LEAST_AGENCIES:
        # The rest could be told from the whole and the other groups: one more is left out.
        told.remove(min(told, key=lambda name: (groups[name], name)))
    named = [(EVERYBODY, whole), *((name, metrics[name]) for name in sorted(told))]
    return tuple(_trial(name, one) for name, one in named)


def judgement_of(
    metrics: Mapping[str, Mapping[str, Any]], states: Sequence[ModelState], trials: Sequence[Trial]
) -> str:
    """What came of the trials, without the figures of a group that is too small."""
    if not metrics.get(EVERYBODY):
        return "not tried: no history was long enough"
    figures = ""
    if trials and trials[0].coverage_80 is not None:
        whole = trials[0]
        figures = f": error {whole.change:+.1%} against what served then"
        figures += f", bands of 80 % held {whole.coverage_80:.1%}"
    if ModelState.CHAMPION in states:
        return f"passed on past days and in the shadow{figures}"
    if ModelState.SHADOW in states:
        what = "failed in the shadow" if ModelState.REJECTED in states else "is in the shadow"
        return f"passed on past days, {what}{figures}"
    return f"did not pass{figures}" if ModelState.REJECTED in states else f"not judged yet{figures}"


def _trial(name: str, told: Mapping[str, Any]) -> Trial:
    has_interval = "change_low" in told and "change_high" in told
    return Trial(
        group=name,
        agencies=int(told["agencies"]),
        change=told["change"],
        interval=(told["change_low"], told["change_high"]) if has_interval else None,
        coverage_80=told.get("coverage_80"),
    )


def _own_limits(version: ModelVersion, trials: Sequence[Trial]) -> list[str]:
    limits = []
    if version.agencies < LEAST_AGENCIES:
        limits.append(f"it has learnt from fewer than {LEAST_AGENCIES} agencies")
    if not trials and version.metrics.get(EVERYBODY):
        limits.append(
            f"figures of its trial are not told: fewer than {LEAST_AGENCIES} agencies were in it"
        )
    if version.destroyed_at is not None:
        limits.append(f"it was deleted on {version.destroyed_at:%Y-%m-%d}")
    return limits


def _own(share: ModelShare, marks: Sequence[ModelErasure]) -> OwnPart:
    gone = [mark.retrained_at for mark in marks if mark.retrained_at is not None]
    return OwnPart(
        series=share.series,
        figures=share.figures,
        content_hash=share.content_hash,
        retrain_by=min((mark.retrain_by for mark in marks), default=None),
        retrained_at=max(gone) if marks and len(gone) == len(marks) else None,
    )
