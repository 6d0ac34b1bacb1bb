"""How far a model is, as the schema names it: one enumeration for all fields that tell it."""

import strawberry

from tenancy.tables import ModelState

__all__ = ["ModelState"]

strawberry.enum(ModelState, description="How far a version of a model is.")
