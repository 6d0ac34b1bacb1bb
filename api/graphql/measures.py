"""What is counted, as callers see it; one enumeration for all fields."""

import strawberry

from ml.panel import Measure

__all__ = ["Measure"]

strawberry.enum(Measure, description="What is counted.")
