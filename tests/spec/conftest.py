"""The warehouses that specifications run on."""

from tests.fixtures.warehouse import bigquery_analyzer, bigquery_emulator

__all__ = ["bigquery_analyzer", "bigquery_emulator"]
