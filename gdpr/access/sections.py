"""What an export is made of: sections of rows, read in batches.

    PersonSource.sections(person) -> Section (name, columns, rows) -> a file each

A source is told whom the export is about, and gives nothing about anybody else.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.ids import ClientId, TenantId
from domain.privacy.classification import Classification
from domain.privacy.identifiers import Identifier

__all__ = ["ExportColumn", "Person", "PersonSource", "Rows", "Section"]

Rows = AsyncIterator[Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Person:
    """Whom an export is about.

    Attributes:
        client_id: Whose data; None: the agency's own.
        subject_id: In `subjects`.
        identifiers: Everything that names the person there, in the clear.
    """

    tenant_id: TenantId
    client_id: ClientId | None
    subject_id: uuid.UUID
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of a section.

    Attributes:
        kind: JSON type: string, integer, number, boolean or object.
        description: For people.
        holds: What it holds; None: nothing about a person by itself.
    """

    name: str
    kind: str
    description: str
    holds: Classification | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one kind.

    Attributes:
        name: Snake case; names the file.
        title: For people.
        source: Where the data came from, for people.
        is_provided: The person gave it, or it was observed of what they did (article 20).
        rows: Reads it anew each time, in batches.
    """

    name: str
    title: str
    source: str
    is_provided: bool
    columns: tuple[ExportColumn, ...]
    rows: Callable[[], Rows]


class PersonSource(Protocol):
    """A store that knows something of people."""

    def sections(self, person: Person) -> Sequence[Section]:
        """What it can tell; nothing is read yet."""
