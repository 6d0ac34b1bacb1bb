"""Learnt curves as a row, and back.

    material -> fit_response -> ResponseCurves: arrays as npz, what they mean beside them
    ResponseCurves -> Learnt: curves, and demand on any day

A fit of 200 campaigns is a megabyte and a half in single precision, which is finer than anything
that was learnt.
"""

import datetime as dt
import hashlib
import io
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np

from domain.ids import ClientId, TenantId
from ml.panel import DAILY, Floats, Measure, Panel
from ml.registry.training import share_of
from ml.response.curves import Curves, Evidence, Support
from ml.response.fit import Response, fit_response
from ml.response.priors import ATTRIBUTED
from ml.response.season import calendar
from ml.response.shapes import Shape
from ml.spending.material import Event, LeftOut, Material
from tenancy.tables import BudgetLevel, ResponseCurves

__all__ = ["Learnt", "Whose", "code", "learn", "read_learnt"]

_SEED: Final = 20_261_201
_DRAWS: Final = 400
_SHAPE: Final = ("level", "retention", "half", "slope")


@dataclass(frozen=True, slots=True)
class Whose:
    """Which curves are meant: there is one row for each.

    Attributes:
        measure: Revenue or conversions.
        currency: ISO 4217.
    """

    client_id: ClientId
    level: BudgetLevel
    measure: Measure
    currency: str


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """Curves that a budget can be planned by.

    Attributes:
        row: What they were learnt from.
        curves: Named by keys of channels or campaigns.
        coefficients: Of demand.
        left_out: Who spends and is not among them.
    """

    row: ResponseCurves
    curves: Curves
    coefficients: Floats
    left_out: tuple[LeftOut, ...]

    def among(self, keys: Collection[str]) -> Curves:
        """Curves of those of its items that are among some keys, in its own order."""
        places = [place for place, key in enumerate(self.curves.names) if key in keys]
        one = self.curves
        return Curves(
            names=tuple(one.names[place] for place in places),
            shape=Shape(*(getattr(one.shape, name)[:, places] for name in _SHAPE)),
            reference=one.reference[places],
            limit=one.limit[places],
            carried=one.carried[:, places],
            support=tuple(one.support[place] for place in places),
        )

    def demand(self, first: dt.date, days: int, events: Sequence[Event]) -> Floats:
        """How many times the average a spend brings, on each day from `first` on."""
        named = {one.name: one.days for one in events}
        known = [named.get(name, frozenset()) for name in self.row.events]
        ahead = (first - self.row.first_day).days
        columns = calendar(self.row.first_day, DAILY, ahead + days, known).returning[ahead:]
        times: Floats = np.exp(columns[:, : len(self.coefficients)] @ self.coefficients)
        return times


def learn(
    whose: Whose,
    material: Material,
    panel: Panel,
    *,
    tenant_id: TenantId,
    as_of: dt.datetime,
    tests_known: Sequence[uuid.UUID],
    new_id: uuid.UUID,
) -> ResponseCurves:
    """Fit curves; takes a second for 200 campaigns, on one core.

    Args:
        whose: Which.
        material: What they are learnt from.
        panel: What it was gathered from; its hash and size are kept.
        tenant_id: Of the agency.
        as_of: UTC instant; nothing that became known later is in the panel.
        tests_known: Ids of all lift tests of the client.
        new_id: Of the row.
    """
    response = fit_response(
        material.observed,
        ATTRIBUTED,
        np.random.default_rng(_SEED),
        tests=material.tests,
        draws=_DRAWS,
    )
    share = share_of(tenant_id, [panel])
    return ResponseCurves(
        id=new_id,
        client_id=whose.client_id,
        level=whose.level,
        measure=whose.measure.value,
        currency=whose.currency,
        as_of=as_of,
        code=code(),
        data_hash=share.content_hash,
        figures=share.figures,
        first_day=material.start,
        last_day=material.last_day,
        final_day=material.final_day,
        items=list(material.observed.names),
        support=_told(response.curves.support, material.left_out),
        events=list(material.events),
        tests_known=sorted(tests_known),
        tests_used=list(material.tests_used),
        curves=_packed(response),
    )


def read_learnt(row: ResponseCurves) -> Learnt:
    """The curves of a row."""
    with np.load(io.BytesIO(row.curves), allow_pickle=False) as file:
        arrays = {name: file[name].astype(np.float64) for name in file.files}
    support = tuple(
        Support(Evidence(one["evidence"]), one["contraction"], one["reason"])
        for one in row.support["items"]
    )
    curves = Curves(
        names=tuple(row.items),
        shape=Shape(*(arrays[name] for name in _SHAPE)),
        reference=arrays["reference"],
        limit=arrays["limit"],
        carried=arrays["carried"],
        support=support,
    )
    left_out = tuple(LeftOut(one["key"], one["reason"]) for one in row.support["left_out"])
    return Learnt(row, curves, arrays["demand"], left_out)


@cache
def code() -> str:
    """Fingerprint of everything that makes curves what they are."""
    digest = hashlib.sha256()
    for package in ("ml.response", "ml.history"):
        for file in sorted(resources.files(package).iterdir(), key=lambda one: one.name):
            if file.name.endswith(".py"):
                digest.update(file.read_bytes())
    digest.update(resources.files("ml.spending").joinpath("material.py").read_bytes())
    return digest.hexdigest()[:16]


def _told(support: Sequence[Support], left_out: Sequence[LeftOut]) -> dict[str, Any]:
    return {
        "items": [
            {
                "evidence": one.evidence.value,
                "contraction": one.contraction,
                "reason": one.reason,
            }
            for one in support
        ],
        "left_out": [{"key": one.key, "reason": one.reason} for one in left_out],
    }


def _packed(response: Response) -> bytes:
    curves = response.curves
    arrays = {name: getattr(curves.shape, name) for name in _SHAPE} | {
        "reference": curves.reference,
        "limit": curves.limit,
        "carried": curves.carried,
        "demand": response.demand,
    }
    target = io.BytesIO()
    np.savez_compressed(target, **{name: one.astype(np.float32) for name, one in arrays.items()})
    return target.getvalue()
