"""Every query of the guides is answered."""

import re
from pathlib import Path

import pytest

from tests.api.graphql.edge import ALL_SCOPES, Agency, Edge
from tests.feature_repo.registration.samples import registered_row

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]
GUIDES = "".join(guide.read_text(encoding="utf-8") for guide in sorted(ROOT.glob("docs/*.md")))
README = (ROOT / "README.md").read_text(encoding="utf-8")

QUERIES = re.findall(r"```graphql\n(.*?)```", GUIDES, re.DOTALL)
QUERIES += re.findall(r'"query":\s+"(.*?)"\}', README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
async def test_the_example_is_answered(edge: Edge, northwind: Agency, query: str) -> None:
    async with edge.database.session(northwind.tenant_id) as session:
        session.add(registered_row("brand_pulse", northwind.canary, edge.clock()))
    token = await edge.token(northwind, *ALL_SCOPES)
    assert await edge.data(query, token)


def test_there_are_examples() -> None:
    assert len(QUERIES) >= 3
