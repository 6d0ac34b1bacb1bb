"""What an erasure comes to for one person, before anybody agrees to it.

    request -> person's identifiers -> rows of every store, counted -> Preview
    plan of erasure -> what goes, what stays without the person, what is kept and why

Counts are those of the copy that the person could ask for: rows that name them, or their orders.
What is only landed, or comes in until then, is found by the run itself.

Source: GDPR articles 17(1), 17(3); decision ADR-0027.
"""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from domain.ports import Clock
from domain.privacy.evidence import Treatment, TreatmentAction
from domain.privacy.held_categories import HELD_CATEGORIES
from gdpr.access.sections import Person, PersonSource
from gdpr.erasure.colleagues import COLLEAGUE_PLAN
from gdpr.erasure.plan import Plan
from gdpr.requests.colleagues import colleague_of
from gdpr.requests.everybody import connection_of
from gdpr.requests.legal_holds import find_holds
from tenancy.privacy.subjects import current, reveal
from tenancy.session import Database
from tenancy.tables import SubjectRequest
from tenancy.vault import Vault

__all__ = ["FoundRows", "Preview", "Previewer"]


# The titles of an export speak to the person.
_TITLES: Final = {
    "identifiers": "Identifiers, sealed",
    "requests": "Requests, as the record of them",
    "quarantined": "Rows that did not fit",
}


@dataclass(frozen=True, slots=True)
class FoundRows:
    """How many rows of one kind are about the person."""

    title: str
    rows: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan, and what it finds of one person.

    Attributes:
        plan_hash: Of the plan, as its certificate will name it.
    """

    plan_hash: str
    found: Sequence[FoundRows]
    treatments: Sequence[Treatment]

    @property
    def total(self) -> int:
        """Rows that are about the person, in all."""
        return sum(one.rows for one in self.found)

    def treated(self, *actions: TreatmentAction) -> list[Treatment]:
        """Places that are treated so."""
        return [one for one in self.treatments if one.action in actions]


@dataclass(frozen=True, slots=True)
class Previewer:
    """Looks; changes nothing.

    Attributes:
        plan_of: As runs carry it out, by the categories of data that holds keep.
        sources: Every store that knows something of people.
    """

    database: Database
    vault: Vault
    clock: Clock
    plan_of: Callable[[Collection[str]], Plan]
    sources: Sequence[PersonSource]

    async def preview(self, row: SubjectRequest) -> Preview:
        """What erasing the person of a request comes to; nothing is found before one is chosen.

        Raises:
            CredentialError: An identifier was changed where it is stored (the operator).
        """
        if colleague_of(row) is not None:
            return Preview(COLLEAGUE_PLAN.hash, (), COLLEAGUE_PLAN.treatments)
        plan = self.plan_of(await self._held(row))
        if row.subject_id is None:
            return Preview(plan.hash, (), plan.treatments)
        person = await self._person(row, row.subject_id)
        found = [
            FoundRows(_TITLES.get(section.name, section.title), rows)
            for source in self.sources
            for section in source.sections(person)
            if (rows := sum([len(page) async for page in section.rows()]))
        ]
        return Preview(plan.hash, found, plan.treatments)

    async def _held(self, row: SubjectRequest) -> set[str]:
        """Categories that holds keep now, of the person or of everybody who is asked for."""
        if row.client_id is None:
            return set()
        async with self.database.session(row.tenant_id) as session:
            holds = await find_holds(
                session,
                row.client_id,
                row.subject_id,
                now=self.clock(),
                everybody=connection_of(row) is not None,
            )
        return {one.category for one in holds if one.category} & HELD_CATEGORIES.keys()

    async def _person(self, row: SubjectRequest, subject_id: uuid.UUID) -> Person:
        async with self.database.session(row.tenant_id) as session:
            person = await current(session, subject_id) or subject_id
            known = await reveal(session, self.vault, person)
        return Person(row.tenant_id, row.client_id, person, known)
