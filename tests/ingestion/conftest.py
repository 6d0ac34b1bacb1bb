"""Fixtures of ingestion."""

from tests.ingestion.plane import plane

__all__ = ["plane"]
