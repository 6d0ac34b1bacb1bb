"""Fixtures of the schedule."""

from tests.ingestion.schedule.desk import database_url, desk

__all__ = ["database_url", "desk"]
