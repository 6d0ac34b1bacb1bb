"""What a training hands to the registry: the model, and all that it takes to make it again.

    panels of an agency -> share_of -> Share (how much, and its hash)
    shares of all agencies -> Snapshot (one hash over them) -> Training -> ModelRegistry.register

The hash of a share is over figures and series alone, so an agency can compute its own anew and find
it in its row; that of the snapshot tells whether the same data was seen, and of nobody's.

Decision: ADR-0032.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, Final

import numpy as np

from domain.errors import InternalError
from domain.ids import TenantId
from ml.panel import Floats, Panel

__all__ = ["EVERYBODY", "Share", "Snapshot", "Training", "share_of"]

EVERYBODY: Final = "all"  # group of agencies: every one

_KIND: Final = re.compile(r"[a-z][a-z_]{0,30}")
_BETWEEN: Final = b"\x1f"


@dataclass(frozen=True, slots=True)
class Share:
    """What one agency's data gives to a training.

    Attributes:
        series: How many.
        figures: How many are known.
        content_hash: SHA-256 of series and figures, hexadecimal.
    """

    tenant_id: TenantId
    series: int
    figures: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known when, and whose.

    Attributes:
        as_of: UTC instant: nothing that was known later was seen.
        shares: One for each agency that took part.

    Raises:
        InternalError: Nobody took part, or somebody twice (our bug).
    """

    as_of: dt.datetime
    shares: tuple[Share, ...]

    def __post_init__(self) -> None:
        tenants = {share.tenant_id for share in self.shares}
        if not tenants or len(tenants) < len(self.shares):
            raise InternalError("a snapshot has one share of each agency, and at least one")

    @property
    def content_hash(self) -> str:
        """SHA-256 over the shares' hashes in order, hexadecimal: whose they are does not show."""
        hashes = sorted(share.content_hash for share in self.shares)
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def figures(self) -> int:
        """How many figures were seen."""
        return sum(share.figures for share in self.shares)


@dataclass(frozen=True, slots=True)
class Training:
    """A model that was trained.

    Attributes:
        kind: What it does, for example `forecast`.
        code: Fingerprint of the code that trained it.
        features: Fingerprint of the definitions of its features.
        parameters: Of the training; JSON.
        seed: Of all that was drawn.
        metrics: By group of agencies, `EVERYBODY` among them: name of a metric -> value.
        inputs: How the inputs were spread, for a later look at drift; JSON.

    Raises:
        InternalError: A kind that is no word, or no metrics over all agencies (our bug).
    """

    kind: str
    code: str
    features: str
    snapshot: Snapshot
    parameters: Mapping[str, Any]
    seed: int
    metrics: Mapping[str, Mapping[str, float]]
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _KIND.fullmatch(self.kind):
            raise InternalError(f"{self.kind!r} names no kind of model")
        if EVERYBODY not in self.metrics:
            raise InternalError("a model is measured over all agencies, and by group")


def share_of(tenant_id: TenantId, panels: Sequence[Panel]) -> Share:
    """The share of an agency, by what was known of its series."""
    digest, series, figures = hashlib.sha256(), 0, 0
    for panel in panels:
        series += len(panel.series)
        digest.update(f"{panel.cadence.step} {panel.start} {panel.steps}".encode() + _BETWEEN)
        for one in panel.series:
            digest.update(repr(astuple(one)).encode())
        for measure in sorted(panel.values, key=lambda one: one.value):
            values = panel.values[measure]
            figures += int(np.count_nonzero(~np.isnan(values)))
            digest.update(_BETWEEN + measure.value.encode() + _BETWEEN + _bytes(values))
    return Share(tenant_id, series, figures, digest.hexdigest())


def _bytes(values: Floats) -> bytes:
    """Little-endian, and one way of writing what is not known and what is nothing."""
    plain = np.where(np.isnan(values), np.nan, values) + 0.0
    return plain.astype("<f8").tobytes()
