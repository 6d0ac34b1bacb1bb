"""A pooled model as bytes, and back.

    PooledModel -> JSON of the statistics, UBJSON of the trees -> magic, length, JSON, trees

No pickle: bytes from an object store must not run code. Floats are written in full, so a model that
was read back forecasts the same to the last bit.
"""

import json
from typing import Any, Final

import numpy as np
import xgboost as xgb

from domain.errors import InternalError
from ml.forecast.completion import Completion
from ml.forecast.conformal import Scores
from ml.forecast.features import NAMES
from ml.forecast.noise import Noise
from ml.forecast.pooled import PooledModel
from ml.panel import Measure

__all__ = ["UnreadableModelError", "from_bytes", "to_bytes"]

_MAGIC: Final = b"bosco-forecast-1\n"
_LENGTH_BYTES: Final = 8


class UnreadableModelError(InternalError):
    """Bytes that are no forecast model of this version, or of other features."""

    code = "UNREADABLE_MODEL"


def to_bytes(model: PooledModel) -> bytes:
    """Write a model; the same model gives the same bytes."""
    statistics = json.dumps(_statistics(model), sort_keys=True).encode()
    trees = b"" if model.booster is None else bytes(model.booster.save_raw("ubj"))
    return _MAGIC + len(statistics).to_bytes(_LENGTH_BYTES, "big") + statistics + trees


def from_bytes(content: bytes) -> PooledModel:
    """Read a model.

    Raises:
        UnreadableModelError: Written by another version, or cut short.
    """
    start = len(_MAGIC) + _LENGTH_BYTES
    length = int.from_bytes(content[len(_MAGIC) : start], "big")
    if not content.startswith(_MAGIC) or len(content) < start + length:
        raise UnreadableModelError("these bytes are no forecast model of version 1")
    statistics = json.loads(content[start : start + length])
    if tuple(statistics["features"]) != NAMES:
        raise UnreadableModelError("the model was trained on other features than these")
    trees = content[start + length :]
    booster = xgb.Booster(model_file=bytearray(trees)) if trees else None
    return _model(statistics, booster)


def _statistics(model: PooledModel) -> dict[str, Any]:
    return {
        "features": NAMES,
        "horizons": model.horizons,
        "completion": [
            [measure.value, channel, curve.tolist()]
            for (measure, channel), curve in model.completion.curves.items()
        ],
        "usual_noise": [[kind, noise] for kind, noise in model.noise.usual.items()],
        "noise_bounds": [[kind, bounds] for kind, bounds in model.noise.bounds.items()],
        "trust": [[kind, trust] for kind, trust in model.trust.items()],
        "scores": [[group, scores.tolist()] for group, scores in model.scores.by_group.items()],
    }


def _model(statistics: dict[str, Any], booster: xgb.Booster | None) -> PooledModel:
    return PooledModel(
        horizons=tuple(statistics["horizons"]),
        completion=Completion(
            {
                (Measure(measure), channel): np.array(curve)
                for measure, channel, curve in statistics["completion"]
            }
        ),
        noise=Noise(
            {tuple(kind): noise for kind, noise in statistics["usual_noise"]},
            {tuple(kind): (low, high) for kind, (low, high) in statistics["noise_bounds"]},
        ),
        trust={tuple(kind): trust for kind, trust in statistics["trust"]},
        scores=Scores({tuple(group): np.array(scores) for group, scores in statistics["scores"]}),
        booster=booster,
    )
