"""What the public pages of people's rights show: one agency's, to who has its code or address."""

import pytest

from api.privacy.forms import PrivacyForms
from tenancy.tables import Client
from tests.api.graphql.edge import Agency, Edge, edge, edge_warehouse, northwind, southwind
from tests.isolation.loot import rows_of

__all__ = ["edge", "edge_warehouse", "northwind", "southwind"]

pytestmark = pytest.mark.anyio

ME = {"sec-fetch-site": "same-origin"}


async def made_form(forms: PrivacyForms, edge: Edge, agency: Agency, slug: str) -> str:
    async with edge.database.session(agency.tenant_id) as session:
        client = await session.get_one(Client, (agency.tenant_id, agency.clients[slug]))
        return await forms.make(session, client, actor="cli:test")


async def test_a_form_and_a_code_are_of_one_agency(
    edge: Edge, northwind: Agency, southwind: Agency, database_url: str
) -> None:
    forms = edge.pages.privacy_forms
    path = await made_form(forms, edge, northwind, "acme")
    sent = await edge.http.post(
        path, data={"right": "access", "email": "ada@example.com"}, headers=ME
    )
    assert sent.status_code == 200
    assert northwind.canary not in sent.text
    before = rows_of(database_url, northwind), rows_of(database_url, southwind)

    # The token of one agency is none under the name of another.
    secret = path.partition(".")[2]
    crossed = f"/privacy/request/{southwind.tenant_id.hex}.{secret}"
    for reply in (
        await edge.http.get(crossed),
        await edge.http.post(crossed, data={"right": "access", "email": "a@b.example"}, headers=ME),
    ):
        assert reply.status_code == 404
        assert northwind.canary not in reply.text
        assert southwind.canary not in reply.text

    # A code shows its own request alone, and no names.
    code = sent.text.partition("/privacy/status/")[2][:48]
    ((tenant_id, _),) = await forms.inbox.stand_of(code)
    assert tenant_id == northwind.tenant_id
    shown = await edge.http.get(f"/privacy/status/{code}")
    made_up = await edge.http.get(f"/privacy/status/{code[::-1]}")
    assert (shown.status_code, made_up.status_code) == (200, 404)
    assert northwind.canary not in shown.text + made_up.text
    assert (rows_of(database_url, northwind), rows_of(database_url, southwind)) == before
