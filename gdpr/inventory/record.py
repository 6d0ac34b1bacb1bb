"""The record of processing activities, written from the inventory.

    Inventory + agency, officers, clients -> write_record -> Record -> sections by letter of the law
        -> text, Markdown, JSON

An activity is a purpose: what serves one purpose under one legal basis is one line. What the law
asks for and no inventory can know (a representative, a joint controller) is said to be missing, in
words, for the officer to add.

Sources: GDPR articles 30(1)(a) to (g) and 30(2)(a) to (d).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.privacy.held import HeldColumn
from domain.privacy.retention_policies import RETENTION_POLICIES
from domain.privacy.rights import ProcessingRole
from gdpr.inventory.collect import Inventory
from gdpr.inventory.page import how_long

__all__ = ["Activity", "Agency", "Controller", "Record", "Section", "write_record"]

_TRANSFERS: Final = (
    "By the platform itself: none. Data lies where the operator has set up its servers.",
    "Alert channels, webhooks and programs of the agency may lie elsewhere: the agency adds them.",
)
_MEASURES: Final = (
    "Agencies are kept apart in every store, by two locks each (docs/isolation.md).",
    "Secrets and direct identifiers are encrypted, under keys of the agency and of the person.",
    "What is only compared is kept as a keyed hash; passwords as argon2id hashes.",
    "People do what their role allows; grave deeds need a second person (docs/people.md).",
    "The trail of who did or saw what is chained and signed (docs/audit.md).",
    "Logs, jobs and addresses carry ids and pseudonyms.",
)
_TO_ADD: Final = "Joint controller, representative: none known here; the officer adds them."


@dataclass(frozen=True, slots=True)
class Agency:
    """Who keeps the record.

    Attributes:
        name: For people.
        officers: Name and address of each data protection officer.
    """

    name: str
    officers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Controller:
    """A client on whose behalf the agency processes.

    Attributes:
        name: For people.
        sources: Platforms that it is connected to.
    """

    name: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What is done for one purpose."""

    purpose: str
    basis: str
    subjects: tuple[str, ...]
    categories: tuple[str, ...]
    recipients: tuple[str, ...]
    kept: tuple[str, ...]
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One lettered item.

    Attributes:
        item: For example `30(1)(b)`.
        heading: What the law asks for there.
        lines: The answer.
    """

    item: str
    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A record of processing."""

    role: ProcessingRole
    agency: Agency
    controllers: tuple[Controller, ...]
    activities: tuple[Activity, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """Every item that the article asks for, in its order."""
        if self.role is ProcessingRole.CONTROLLER:
            return self._as_controller()
        return self._as_processor()

    def _as_controller(self) -> tuple[Section, ...]:
        every = self.activities
        return (
            Section("30(1)(a)", "controller and officer", (*self._agency(), _TO_ADD)),
            Section("30(1)(b)", "purposes", tuple(f"{a.purpose} Basis: {a.basis}." for a in every)),
            Section("30(1)(c)", "people and data", tuple(map(_what, every))),
            Section("30(1)(d)", "recipients", _union(a.recipients for a in every)),
            Section("30(1)(e)", "transfers to third countries", _TRANSFERS),
            Section("30(1)(f)", "time limits", _union(a.kept for a in every)),
            Section("30(1)(g)", "security measures", _MEASURES),
        )

    def _as_processor(self) -> tuple[Section, ...]:
        clients = tuple(map(_client, self.controllers)) or ("No client yet.",)
        done = tuple(f"{a.purpose} {_what(a)}" for a in self.activities)
        times = _union(a.kept for a in self.activities)
        return (
            Section(
                "30(2)(a)",
                "processor, controllers and officer",
                (*self._agency(), *clients, _TO_ADD),
            ),
            Section("30(2)(b)", "processing on behalf of each controller", (*done, *times)),
            Section("30(2)(c)", "transfers to third countries", _TRANSFERS),
            Section("30(2)(d)", "security measures", _MEASURES),
        )

    def _agency(self) -> tuple[str, ...]:
        role = self.role.value.capitalize()
        officers = ", ".join(self.agency.officers) or "nobody has that role yet"
        return f"{role}: {self.agency.name}.", f"Data protection officer: {officers}."


def write_record(
    inventory: Inventory,
    role: ProcessingRole,
    agency: Agency,
    controllers: Sequence[Controller] = (),
) -> Record:
    """Write a record of processing.

    Args:
        inventory: All that is kept.
        role: As whom the agency keeps the record.
        agency: Who.
        controllers: The agency's clients.
    """
    held: dict[tuple[str, str], list[HeldColumn]] = {}
    for column, what in inventory.personal:
        if what.role is role:
            key = (what.purpose, what.basis.value)
            held.setdefault(key, []).append(column)
    activities = tuple(_activity(*key, found) for key, found in sorted(held.items()))
    return Record(role, agency, tuple(controllers), activities)


def _activity(purpose: str, basis: str, found: list[HeldColumn]) -> Activity:
    what = [one.personal for one in found if one.personal is not None]
    return Activity(
        purpose=purpose,
        basis=basis,
        subjects=_union([one.subjects] for one in what),
        categories=_union([one.category] for one in what),
        recipients=_union([to.value for to in one.recipients] for one in what),
        kept=_union([_kept(one.retention)] for one in found),
        stores=_union([one.store.value] for one in found),
    )


def _kept(name: str) -> str:
    policy = RETENTION_POLICIES[name]
    return f"{name}: {how_long(policy)}. {policy.why}"


def _what(activity: Activity) -> str:
    return (
        f"People: {', '.join(activity.subjects)}. Data: {', '.join(activity.categories)}."
        f" In: {', '.join(activity.stores)}."
    )


def _client(client: Controller) -> str:
    return f"Controller: {client.name} ({', '.join(client.sources) or 'no account connected'})."


def _union(parts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted({text for part in parts for text in part}))
