"""The life of a version: which state follows which, and why a move is refused.

    candidate -> shadow -> champion -> retired -> champion (a rollback) ...
        |          |          '-> rolled back
        '----------'-> rejected

Pure: `ml.registry.registry` keeps the states. A version is named by kind and number, for example
`forecast 3`.

Decision: ADR-0032.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from domain.errors import ConflictError, Terminal
from ml.registry.gate import Verdict
from tenancy.tables import ModelState, ModelVersion

__all__ = [
    "SHADOW_FOR",
    "ModelMoveError",
    "check_move",
    "check_promotion",
    "check_return",
    "check_shadow",
    "name_of",
]

SHADOW_FOR: Final = dt.timedelta(days=7)

_FOLLOWS: Final[Mapping[ModelState, frozenset[ModelState]]] = {
    ModelState.CANDIDATE: frozenset({ModelState.SHADOW, ModelState.REJECTED}),
    ModelState.SHADOW: frozenset({ModelState.CHAMPION, ModelState.REJECTED}),
    ModelState.CHAMPION: frozenset({ModelState.RETIRED, ModelState.ROLLED_BACK}),
    ModelState.RETIRED: frozenset({ModelState.CHAMPION}),
    ModelState.REJECTED: frozenset(),
    ModelState.ROLLED_BACK: frozenset(),
}
_TRAIN_ANEW: Final = "train a new version"


class ModelMoveError(ConflictError, Terminal):
    """A version cannot go where somebody wants it (the caller can see why)."""

    code = "MODEL_MOVE"


def name_of(version: ModelVersion) -> str:
    """What people call a version."""
    return f"{version.kind} {version.number}"


def check_move(version: ModelVersion, state: ModelState) -> None:
    """Refuse a state that does not follow the present one.

    Raises:
        ModelMoveError: It does not.
    """
    follows = _FOLLOWS[version.state]
    if state in follows:
        return
    now, then = _said(version.state), _said(state)
    hint = " or ".join(sorted(_said(one) for one in follows))
    raise ModelMoveError(
        f"{name_of(version)} is {now} and cannot become {then}",
        hint=f"from here it can become {hint}" if hint else _TRAIN_ANEW,
    )


def check_shadow(version: ModelVersion, verdict: Verdict) -> None:
    """Refuse to let a candidate forecast in the shadow.

    Raises:
        ModelMoveError: It is no candidate, did not pass, or saw people who are erased.
    """
    check_move(version, ModelState.SHADOW)
    _check_worth(version, verdict)


def check_promotion(version: ModelVersion, verdict: Verdict, now: dt.datetime) -> None:
    """Refuse to let a challenger serve.

    Raises:
        ModelMoveError: It was not in the shadow for a week, did not pass on what it forecast there,
            or saw people who are erased.
    """
    if version.state is not ModelState.SHADOW:
        raise ModelMoveError(
            f"{name_of(version)} is {_said(version.state)}, not in the shadow",
            hint=f"a version serves after {SHADOW_FOR.days} days in the shadow",
        )
    ends_at = version.state_since + SHADOW_FOR
    if now < ends_at:
        raise ModelMoveError(
            f"{name_of(version)} is in the shadow until {ends_at:%Y-%m-%d %H:%M} UTC",
            hint="its forecasts are scored until then",
        )
    _check_worth(version, verdict)


def check_return(former: ModelVersion) -> None:
    """Refuse to bring a former champion back.

    Raises:
        ModelMoveError: It was taken back itself, or saw people who are erased.
    """
    check_move(former, ModelState.CHAMPION)
    if former.retrain_by is not None:
        raise ModelMoveError(
            f"{name_of(former)} has seen people who were erased since, and does not come back",
            hint=_TRAIN_ANEW,
        )


def _check_worth(version: ModelVersion, verdict: Verdict) -> None:
    if not verdict.has_passed:
        raise ModelMoveError(
            f"{name_of(version)} did not pass: {'; '.join(verdict.reasons)}", hint=_TRAIN_ANEW
        )
    if version.retrain_by is not None:
        raise ModelMoveError(
            f"{name_of(version)} has seen people who were erased since", hint=_TRAIN_ANEW
        )


def _said(state: ModelState) -> str:
    return state.value.replace("_", " ")
