"""A correction changes what is ours, merges nobody, and names who has to do the rest."""

import json
import uuid
from typing import Any, cast

import pytest
from sqlalchemy import select

from domain.errors import ConflictError
from domain.privacy.identifiers import Identifier, email, phone, platform_id
from domain.privacy.rights import IdentityLevel, RequestOutcome, RequestState, Right
from gdpr.rectify.fulfil import Rectification
from gdpr.requests.fulfilment import Fulfilled
from gdpr.requests.rulings import RulingDesk
from gdpr.requests.run import RequestJobs
from tenancy.privacy.subjects import reveal
from tenancy.privacy.tombstones import Pseudonymised, add_tombstones
from tenancy.tables import AuditEntry, SubjectRequest
from tests.fakes.fake_jobs import FakeJobs
from tests.gdpr.requests.office import ACME, ADA, ANN, SHOP, Office, office

__all__ = ["office"]

pytestmark = pytest.mark.anyio

ADA_ID = platform_id("191167", SHOP)
RIGHT, BEN, PHONE = (
    email("ada@contoso.example"),
    email("ben@northwind.example"),
    phone("+49 30 901820"),
)
WORD = "an officer's word on what was corrected"


class DirectSteps:
    async def run(self, name: str, step: Any) -> Any:
        result = await step()
        assert json.loads(json.dumps(result)) == result, name
        return result


async def _rectify(
    office: Office,
    subject_id: uuid.UUID,
    corrections: dict[str, Any],
    *claimed: Identifier,
    identity: IdentityLevel = IdentityLevel.VOUCHED,
) -> Fulfilled:
    scope = {"corrections": corrections}
    received = await office.receive(
        office.intake(Right.RECTIFICATION, *(claimed or (ADA,)), scope=scope)
    )
    async with office.database.session(office.tenant_id) as session:
        row = await session.get_one(SubjectRequest, (office.tenant_id, received.request_id))
        row.subject_id, row.state, row.identity = subject_id, RequestState.RUNNING, identity
    fulfiller = Rectification(office.database, office.services.vault, office.clock, office.ids)
    await fulfiller.fulfil(DirectSteps(), office.tenant_id, received.request_id)
    # A crash after the transaction: the same again.
    return await fulfiller.fulfil(DirectSteps(), office.tenant_id, received.request_id)


async def _known(office: Office, subject_id: uuid.UUID) -> list[str]:
    async with office.database.session(office.tenant_id) as session:
        return [one.value for one in await reveal(session, office.services.vault, subject_id)]


async def test_a_wrong_address_leaves_and_the_right_one_joins(office: Office) -> None:
    ada = await office.know(ADA, ADA_ID)
    wrong = {"wrong_identifiers": office.names(ADA)}
    done = await _rectify(office, ada, wrong, ADA_ID, RIGHT, PHONE)
    assert done.outcome is RequestOutcome.DONE
    assert done.waits_for == (WORD,)
    assert await _known(office, ada) == ["ada@contoso.example", "+4930901820", "191167"]
    async with office.database.session(office.tenant_id) as session:
        rectified = select(AuditEntry.details).where(AuditEntry.action == "subject.rectified")
        details = (await session.scalars(rectified.order_by(AuditEntry.sequence))).all()
    assert details == [
        {"added": 2, "removed": 1, "told": 0},
        {"added": 0, "removed": 0, "told": 0},
    ]


async def test_what_nobody_vouches_for_joins_nobody(office: Office) -> None:
    ada = await office.know(ADA, ADA_ID)
    done = await _rectify(office, ada, {}, ADA, RIGHT, identity=IdentityLevel.REACHED)
    assert done.counts["added"] == 0
    assert await _known(office, ada) == ["ada@northwind.example", "191167"]


async def test_two_people_are_not_made_one_and_nobody_comes_back(office: Office) -> None:
    ada = await office.know(ADA, ADA_ID)
    ben = await office.know(BEN, platform_id("200001", SHOP))
    (gone,) = office.names(RIGHT)
    erased = await office.receive(office.redact(RIGHT))
    async with office.database.session(office.tenant_id) as session:
        await add_tombstones(
            session,
            [Pseudonymised(gone, ACME, RIGHT.kind)],
            erased.request_id,
            office.clock,
        )
    done = await _rectify(office, ada, {}, ADA, BEN, RIGHT)
    assert done.counts["added"] == 0
    assert done.waits_for == ("an identifier that is somebody else's: an officer decides", WORD)
    assert await _known(office, ada) == ["ada@northwind.example", "191167"]
    assert await _known(office, ben) == ["ben@northwind.example", "200001"]


async def test_facts_are_corrected_at_their_source(office: Office) -> None:
    ada = await office.know(ADA, ADA_ID)
    done = await _rectify(office, ada, {"fields": ["time_zone", "country"]})
    assert done.waits_for == (
        (
            "the correction of country, time_zone at shopify acme.myshopify.com; our copy follows"
            " with its next sync"
        ),
        WORD,
    )


async def test_somebody_else_s_identifiers_are_not_touched(office: Office) -> None:
    ada, ben = await office.know(ADA, ADA_ID), await office.know(BEN)
    done = await _rectify(office, ada, {"wrong_identifiers": office.names(BEN)})
    assert done.counts["removed"] == 0
    assert await _known(office, ben) == ["ben@northwind.example"]


async def test_something_has_to_name_the_person(office: Office) -> None:
    ada = await office.know(ADA)
    with pytest.raises(ConflictError, match="leave nothing that names the person"):
        await _rectify(office, ada, {"wrong_identifiers": office.names(ADA)})
    assert await _known(office, ada) == ["ada@northwind.example"]


async def test_an_officer_s_word_ends_it(office: Office) -> None:
    ada = await office.know(ADA, ADA_ID)
    received = await office.receive(office.intake(Right.RECTIFICATION))
    async with office.database.session(office.tenant_id) as session:
        row = await session.get_one(SubjectRequest, (office.tenant_id, received.request_id))
        row.subject_id, row.state = ada, RequestState.WAITING
    request = (office.tenant_id, received.request_id)
    jobs = RequestJobs(office.services, cast("Any", FakeJobs()), {})
    desk = RulingDesk(office.services, jobs)
    state = await desk.grant(*request, "Your country was corrected in the shop.", actor=ANN)
    assert state is RequestState.COMPLETED
    assert (await office.row(received.request_id)).reason == (
        "Your country was corrected in the shop."
    )
