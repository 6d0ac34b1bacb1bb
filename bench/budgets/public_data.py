"""Public weekly data of one outcome and several channels; see ORIGIN.md beside each for licences.

    folder of public data -> Observed, and the true contributions where the data carry them

Only mmm_stan is real, and disguised; the others were simulated by those who publish them.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ml.panel import WEEKLY, Floats
from ml.response.observed import Observed
from ml.response.season import calendar

__all__ = ["Known", "meridian", "mmm_stan", "roas", "robyn", "time_varying"]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Data with the truth about them.

    Attributes:
        observed: What a model sees.
        contributions: True outcome that each item brought, shape (items, steps).
        worked: True adstocked spend, shape (items, steps); None: not told.
    """

    observed: Observed
    contributions: Floats
    worked: Floats | None


def roas(data: Path, *, has_confounder: bool) -> Known:
    """Two channels, one of which follows an unseen demand `z` that may be shown or not."""
    frame = pd.read_csv(data / "pymc_marketing" / "mmm_roas_data.csv")
    controls = frame[["z"]] if has_confounder else frame[[]]
    observed = _observed(frame, "date", ["x1", "x2"], "y", controls)
    # The outcome is told in hundreds of what effects are told in.
    effects = 100 * frame[["x1_effect", "x2_effect"]].to_numpy().T
    return Known(observed, effects, frame[["x1_adstock", "x2_adstock"]].to_numpy().T)


def time_varying(data: Path) -> Known:
    """Two channels whose effect drifts over the years."""
    frame = pd.read_csv(data / "pymc_marketing" / "media_tvp_data.csv")
    events = frame[["event_1", "event_2"]]
    observed = _observed(frame, "date_week", ["x1", "x2"], "y", events)
    return Known(observed, frame[["x1_contribution", "x2_contribution"]].to_numpy().T, None)


def mmm_stan(data: Path) -> Observed:
    """Ten channels of a disguised real retailer, 209 weeks."""
    frame = pd.read_csv(data / "mmm_stan" / "data.csv")
    channels = [name for name in frame if name.startswith("mdsp_")]
    controls = frame[[name for name in frame if name.startswith(("me_", "mrkdn_", "hldy_", "st_"))]]
    return _observed(frame, "wk_strt_dt", channels, "sales", controls)


def meridian(data: Path) -> Observed:
    """Five channels of Google's simulated nation, 156 weeks."""
    frame = pd.read_csv(data / "meridian_sim" / "national_all_channels.csv")
    channels = [name for name in frame if name.endswith("_spend")]
    controls = frame[["competitor_sales_control", "sentiment_score_control", "Promo"]]
    return _observed(frame, "time", channels, "conversions", controls)


def robyn(data: Path) -> Observed:
    """Five channels of Meta's simulated advertiser, 208 weeks."""
    frame = pd.read_csv(data / "robyn_weekly" / "dt_simulated_weekly.csv")
    channels = ["tv_S", "ooh_S", "print_S", "facebook_S", "search_S"]
    controls = frame[["competitor_sales_B", "newsletter"]]
    return _observed(frame, "DATE", channels, "revenue", controls)


def _observed(
    frame: pd.DataFrame, date: str, channels: list[str], outcome: str, controls: pd.DataFrame
) -> Observed:
    start = dt.date.fromisoformat(str(frame[date].iloc[0])[:10])
    wide = controls.to_numpy(np.float64)
    wide = wide[:, wide.std(axis=0) > 0]
    return Observed(
        names=tuple(channels),
        channels=tuple(channels),
        spend=frame[channels].to_numpy(np.float64).T,
        outcomes=frame[[outcome]].to_numpy(np.float64).T,
        feeds=np.zeros(len(channels), np.intp),
        calendar=calendar(start, WEEKLY, len(frame)),
        controls=(wide - wide.mean(axis=0)) / np.maximum(wide.std(axis=0), 1e-12),
    )
