"""Every query of the guides is answered."""

import re
from pathlib import Path

import pytest

from tests.api.graphql.edge import ALL_SCOPES, Agency, Edge

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
GUIDES = "".join(guide.read_text(encoding="utf-8") for guide in sorted(ROOT.glob("docs/*.md")))
README = (ROOT / "README.md").read_text(encoding="utf-8")

QUERIES = re.findall(r"```graphql\n(.*?)```", GUIDES, re.DOTALL)
QUERIES += re.findall(r'"query":\s+"(.*?)"\}', README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
async def test_the_example_is_answered(edge: Edge, northwind: Agency, query: str) -> None:
    token = await edge.token(northwind, *ALL_SCOPES)
    assert await edge.data(query, token)


def test_there_are_examples() -> None:
    assert len(QUERIES) >= 3
