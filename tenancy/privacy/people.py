"""Which identifiers belong together, before anybody stores them.

    what single records showed together -> sets that share a platform's id or an address -> people

A shared telephone number makes no two people one: families and shops share numbers. Whatever the
order of the records, the sets are the same.

Source: R. E. Tarjan (1975), union by path compression.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.privacy.identifiers import Identifier, IdentifierKind

__all__ = ["Person", "gather"]

# Whatever two records share of these is one person's; who placed an order is one person, too.
_NAMES_ONE: Final = frozenset({IdentifierKind.PLATFORM, IdentifierKind.EMAIL, IdentifierKind.ORDER})
_TELLS: Final = frozenset({IdentifierKind.PLATFORM, IdentifierKind.EMAIL})


@dataclass(frozen=True, slots=True)
class Person:
    """What some records showed of one person.

    Attributes:
        identifiers: By pseudonym.
        known_as: The subjects that some of them are known to belong to.
    """

    identifiers: Mapping[str, Identifier]
    known_as: frozenset[uuid.UUID]


@dataclass(slots=True)
class _Forest:
    parents: dict[str, str] = field(default_factory=dict)

    def root(self, name: str) -> str:
        parents = self.parents
        parents.setdefault(name, name)
        while (above := parents[name]) != name:
            parents[name] = parents[above]
            name = above
        return name

    def join(self, names: Iterable[str]) -> None:
        first, *others = names
        for other in others:
            self.parents[self.root(other)] = self.root(first)


def gather(
    groups: Iterable[Mapping[str, Identifier]], known: Mapping[str, uuid.UUID]
) -> Iterator[Person]:
    """Make people of what records showed.

    Args:
        groups: Identifiers that one record showed together, by pseudonym. A telephone number
            alone, or an order alone, tells of nobody.
        known: Pseudonym of all but a number -> id of its subject.
    """
    forest, members = _Forest(), []
    for group in groups:
        strong = [name for name, one in group.items() if one.kind in _NAMES_ONE]
        if strong and _tells(group):
            forest.join(strong)
            members.append((strong[0], group))
    for name in forest.parents.keys() & known.keys():
        forest.join((f"subject {known[name]}", name))
    found: dict[str, dict[str, Identifier]] = {}
    for first, group in members:
        shown = found.setdefault(forest.root(first), {})
        shown.update(group)
    for shown in found.values():
        yield Person(shown, frozenset(known[name] for name in shown if name in known))


def _tells(group: Mapping[str, Identifier]) -> bool:
    """Whether a record tells of somebody: an order does with an address or a number."""
    kinds = {one.kind for one in group.values()}
    return bool(kinds & _TELLS) or len(kinds) > 1
