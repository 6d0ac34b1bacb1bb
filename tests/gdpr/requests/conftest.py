"""Fixtures of the desk's tests."""

from tests.gdpr.requests.office import office

__all__ = ["office"]
