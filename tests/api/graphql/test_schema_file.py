"""docs/schema.graphql shows every agency's schema as it is now."""

from pathlib import Path

from api.graphql.schema_factory import print_catalogue_schema
from domain.metrics.catalogue import build_catalogue

FILE = Path(__file__).parents[3] / "docs" / "schema.graphql"


def test_the_schema_file_is_current() -> None:
    assert FILE.read_text() == print_catalogue_schema(build_catalogue()) + "\n"
