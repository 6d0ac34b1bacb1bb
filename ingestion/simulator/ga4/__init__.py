"""A simulated Google Analytics 4: OAuth, the Data API's `runReport`, and the Admin API's accounts.

service -> tokens, quota, query -> report -> world; truth -> world
"""

from ingestion.simulator.ga4.config import Ga4Config, Ga4Grant, Property
from ingestion.simulator.ga4.service import Ga4

__all__ = ["Ga4", "Ga4Config", "Ga4Grant", "Property"]
