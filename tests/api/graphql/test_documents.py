"""The store of checked documents."""

import pytest
from graphql import build_schema

from api.graphql.documents import DocumentStore, InvalidDocumentError, ParseFailedError
from api.graphql.limits import Limits, QueryTooComplexError
from domain.errors import InvalidInputError

SCHEMA = build_schema("type Query { alpha: Query beta: Int }")
OTHER = build_schema("type Query { gamma: Int }")


def test_a_document_is_checked_once_per_schema() -> None:
    store = DocumentStore(Limits())
    first = store.get(SCHEMA, "one", "{ beta }")
    assert store.get(SCHEMA, "one", "{ beta }") is first
    with pytest.raises(InvalidDocumentError):
        store.get(OTHER, "two", "{ beta }")


def test_the_least_recently_used_document_goes() -> None:
    store = DocumentStore(Limits(), capacity=2)
    first = store.get(SCHEMA, "one", "{ beta }")
    store.get(SCHEMA, "one", "{ a: beta }")
    store.get(SCHEMA, "one", "{ beta }")
    store.get(SCHEMA, "one", "{ b: beta }")
    assert store.get(SCHEMA, "one", "{ beta }") is first


def test_unknown_field_suggests_the_known_one() -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        DocumentStore(Limits()).get(SCHEMA, "one", "{ betta }")
    assert [error.message for error in caught.value.errors] == [
        "Cannot query field 'betta' on type 'Query'. Did you mean 'beta'?"
    ]


def test_syntax_errors_name_the_place() -> None:
    with pytest.raises(ParseFailedError) as caught:
        DocumentStore(Limits()).get(SCHEMA, "one", "{\n  beta(")
    assert caught.value.message == ("Syntax Error: Expected Name, found <EOF>. at line 2, column 8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{" + "beta " * 6_000 + "}", "the document is longer than 5,000 tokens"),
        ("{a" * 1_500 + "}" * 1_500, "the document nests too deep to be read"),
        ("{beta(x: " + "[" * 2_000 + "]" * 2_000 + ")}", "the document nests too deep to be read"),
        ("{beta " * 15 + "}" * 15, "the document is 15 levels deep, the limit is 10"),
    ],
)
def test_huge_documents_are_refused(text: str, message: str) -> None:
    with pytest.raises(QueryTooComplexError) as caught:
        DocumentStore(Limits()).get(SCHEMA, "one", text)
    assert caught.value.message == message


def test_fragments_alone_are_no_operation() -> None:
    text = "fragment f on Query { beta }"
    with pytest.raises((InvalidInputError, InvalidDocumentError)):
        DocumentStore(Limits()).get(SCHEMA, "one", text)
