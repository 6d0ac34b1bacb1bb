"""A share is named by what was seen, and by nothing else."""

import datetime as dt
import hashlib
import uuid
from dataclasses import replace

import numpy as np
import pytest

from domain.errors import InternalError
from domain.ids import TenantId
from ml.panel import DAILY, Measure, Panel, Series
from ml.registry.training import Share, Snapshot, Training, share_of

TENANT, OTHER = TenantId(uuid.UUID(int=1)), TenantId(uuid.UUID(int=2))
PANEL = Panel(
    DAILY,
    dt.date(2026, 1, 1),
    (Series("acme", "paid_search", currency="EUR"), Series("acme")),
    {
        Measure.SPEND: np.array([[1.0, 0.0], [np.nan, 4.0]]),
        Measure.CONVERSIONS: np.array([[1.0, 2.0], [3.0, 4.0]]),
    },
)


def _with(measure: Measure, values: object) -> Panel:
    return replace(PANEL, values={**PANEL.values, measure: np.array(values)})


def test_counts_series_and_known_figures() -> None:
    share = share_of(TENANT, [PANEL, PANEL])
    assert (share.tenant_id, share.series, share.figures) == (TENANT, 4, 14)


def test_the_same_figures_have_the_same_hash() -> None:
    known = share_of(TENANT, [PANEL]).content_hash
    other_nan = np.array([0x7FF8000000000001], np.uint64).view(np.float64)[0]
    same = _with(Measure.SPEND, [[1.0, -0.0], [other_nan, 4.0]])
    reordered = replace(PANEL, values=dict(reversed(list(PANEL.values.items()))))
    assert share_of(OTHER, [same]).content_hash == known
    assert share_of(TENANT, [reordered]).content_hash == known


@pytest.mark.parametrize(
    "panel",
    [
        _with(Measure.SPEND, [[1.0, 0.0], [0.0, 4.0]]),
        _with(Measure.SPEND, [[1.0, 0.0], [np.nan, np.nextafter(4.0, 5.0)]]),
        replace(PANEL, start=dt.date(2026, 1, 2)),
        replace(PANEL, series=PANEL.series[::-1]),
        replace(PANEL, values={Measure.SPEND: PANEL.values[Measure.SPEND]}),
    ],
)
def test_anything_else_has_another_hash(panel: Panel) -> None:
    assert share_of(TENANT, [panel]).content_hash != share_of(TENANT, [PANEL]).content_hash


def test_a_snapshot_is_named_by_its_shares_whoever_they_are_of() -> None:
    now = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    shares = (Share(TENANT, 1, 2, "b" * 64), Share(OTHER, 3, 4, "a" * 64))
    snapshot = Snapshot(now, shares)
    expected = hashlib.sha256(("a" * 64 + "b" * 64).encode()).hexdigest()
    assert (snapshot.content_hash, snapshot.figures) == (expected, 6)
    assert Snapshot(now, shares[::-1]).content_hash == expected


@pytest.mark.parametrize(("kind", "group"), [("Forecast", "all"), ("", "all"), ("forecast", "eu")])
def test_a_training_has_a_kind_and_is_measured_over_all(kind: str, group: str) -> None:
    snapshot = Snapshot(dt.datetime(2026, 12, 1, tzinfo=dt.UTC), (Share(TENANT, 1, 2, "b"),))
    with pytest.raises(InternalError):
        Training(kind, "c", "f", snapshot, {}, 1, {group: {}})
