"""Every query of the guide is answered."""

import re
from pathlib import Path

import pytest

from tests.api.graphql.edge import ALL_SCOPES, Agency, Edge

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "graphql.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

QUERIES = re.findall(r"```graphql\n(.*?)```", GUIDE, re.DOTALL)
QUERIES += re.findall(r'"query":\s+"(.*?)"\}', README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
async def test_the_example_is_answered(edge: Edge, northwind: Agency, query: str) -> None:
    token = await edge.token(northwind, *ALL_SCOPES)
    assert await edge.data(query, token)


def test_there_are_examples() -> None:
    assert len(QUERIES) >= 2
