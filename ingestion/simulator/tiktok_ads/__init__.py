"""A simulated TikTok Ads: integrated reports of the Business API, its advertisers and its limits.

TikTokAdsConfig + clock -> TikTokAds (ASGI app) -> answers with a code, all HTTP 200; truth beside
"""

from ingestion.simulator.tiktok_ads.config import Advertiser, AppGrant, TikTokAdsConfig
from ingestion.simulator.tiktok_ads.service import TikTokAds

__all__ = ["Advertiser", "AppGrant", "TikTokAds", "TikTokAdsConfig"]
