"""The unit of a feature as an enum of the schema; whoever shows it takes it from here."""

import strawberry

from feature_repo.feature import Unit

__all__ = ["Unit"]

# Registered before any type names it: metrics have another enum of the same Python name.
strawberry.enum(
    Unit,
    name="FeatureUnit",
    description="MONEY: an amount; COUNT: whole things; NUMBER: may be fractional; RATIO: a "
    "fraction, 0.12 not 12; DAYS: whole days; CODE: a short text.",
)
