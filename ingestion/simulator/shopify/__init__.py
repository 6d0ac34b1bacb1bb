"""Simulated Shopify Admin GraphQL API: orders, customers, query cost and its truth.

service -> execute (selection, catalogue, project), cost, bucket; catalogue, truth -> world
"""

from ingestion.simulator.shopify.config import Shop, ShopifyConfig
from ingestion.simulator.shopify.service import Shopify
from ingestion.simulator.shopify.truth import OrderTotals, compute_truth

__all__ = ["OrderTotals", "Shop", "Shopify", "ShopifyConfig", "compute_truth"]
