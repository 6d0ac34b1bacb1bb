"""A simulated Meta Ads: Insights of the Marketing API, answered at once and as report runs.

MetaAdsConfig + clock -> MetaAds (ASGI app) -> Graph API answers; truth beside it
"""

from ingestion.simulator.meta_ads.config import AdAccount, AppUser, MetaAdsConfig, UserToken
from ingestion.simulator.meta_ads.service import MetaAds

__all__ = ["AdAccount", "AppUser", "MetaAds", "MetaAdsConfig", "UserToken"]
