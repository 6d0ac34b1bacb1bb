"""Documents, parsed and checked once per schema.

    text -> tokens -> parse -> limits -> standard rules -> Document (kept by schema and text hash)

Graphql-core parses and validates on every request, and Strawberry's caches are one per process
with 128 entries that keep evicted schemas alive. This one is bounded, holds no schema, and a
document that was refused is not kept. The key is (schema hash, SHA-256 of the text).
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)

from api.graphql.limits import Limits, QueryTooComplexError, check_limits
from domain.errors import InvalidInputError, Terminal, UserError

__all__ = ["Document", "DocumentStore", "InvalidDocumentError", "ParseFailedError"]

_MAXIMUM_VALIDATION_ERRORS: Final = 20


class ParseFailedError(UserError, Terminal):
    """The text is not GraphQL."""

    code = "GRAPHQL_PARSE_FAILED"


class InvalidDocumentError(Exception):
    """The document breaks rules of the schema.

    Attributes:
        errors: One for each place, at most 20.
    """

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(f"{len(errors)} validation errors")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is known to be valid for one schema.

    Attributes:
        node: Its syntax tree; not to be changed.
        operations: Kind of each operation by name; the anonymous one is None.
    """

    node: DocumentNode
    operations: dict[str | None, OperationType]


class DocumentStore:
    """Parses, checks and remembers documents. Used from one event loop.

    Args:
        limits: What one document may ask for.
        capacity: Documents kept, the least recently used go first.
    """

    def __init__(self, limits: Limits, *, capacity: int = 2_000) -> None:
        self._limits = limits
        self._capacity = capacity
        self._documents: OrderedDict[tuple[str, bytes], Document] = OrderedDict()

    def get(self, schema: GraphQLSchema, schema_hash: str, text: str) -> Document:
        """The checked document for a text; parsed once.

        Raises:
            ParseFailedError: Not GraphQL; the message has line and column.
            QueryTooComplexError: Over a limit.
            InvalidDocumentError: Breaks rules of the schema, for example an unknown field.
        """
        key = (schema_hash, hashlib.sha256(text.encode()).digest())
        known = self._documents.get(key)
        if known is not None:
            self._documents.move_to_end(key)
            return known
        document = self._check(schema, text)
        self._documents[key] = document
        if len(self._documents) > self._capacity:
            self._documents.popitem(last=False)
        return document

    def _check(self, schema: GraphQLSchema, text: str) -> Document:
        try:
            node = self._parse(text)
            check_limits(node, self._limits)
            errors = validate(schema, node, max_errors=_MAXIMUM_VALIDATION_ERRORS)
        except RecursionError as error:
            raise _nested_too_deep() from error
        if errors:
            raise InvalidDocumentError(errors)
        return Document(node=node, operations=_operations(node))

    def _parse(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_tokens=self._limits.tokens)
        except GraphQLError as error:
            if "Parsing aborted" in error.message and "nested" in error.message:
                raise _nested_too_deep() from error
            if "Parsing aborted" in error.message:
                raise QueryTooComplexError(
                    f"the document is longer than {self._limits.tokens:,} tokens",
                    hint="split it into several requests, and give values as variables",
                ) from error
            place = error.locations[0] if error.locations else None
            at = f" at line {place.line}, column {place.column}" if place else ""
            raise ParseFailedError(
                f"{error.message}{at}", hint="the document must be GraphQL, October 2021"
            ) from error


def _nested_too_deep() -> QueryTooComplexError:
    return QueryTooComplexError(
        "the document nests too deep to be read", hint="select fewer levels"
    )


def _operations(node: DocumentNode) -> dict[str | None, OperationType]:
    operations: dict[str | None, OperationType] = {}
    for definition in node.definitions:
        if isinstance(definition, OperationDefinitionNode):
            name = definition.name.value if definition.name else None
            operations[name] = definition.operation
    if not operations:
        raise InvalidInputError("the document holds no operation", hint="write query { ... }")
    return operations
