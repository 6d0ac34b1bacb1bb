"""Simulated Google Ads: OAuth, GAQL, `search` and `searchStream`, and its truth.

service -> access, gaql -> plan -> report -> world; truth -> world
"""

from ingestion.simulator.google_ads.config import (
    AccessGrant,
    AdsAccount,
    DeveloperToken,
    GoogleAdsConfig,
)
from ingestion.simulator.google_ads.service import GoogleAds
from ingestion.simulator.google_ads.truth import AdsTotals, compute_truth

__all__ = [
    "AccessGrant",
    "AdsAccount",
    "AdsTotals",
    "DeveloperToken",
    "GoogleAds",
    "GoogleAdsConfig",
    "compute_truth",
]
