"""The table of requirements is what the tests say."""

from tests.api.oauth.conformance import DOCUMENT, describe


def test_the_document_is_current() -> None:
    told = "run python -m tests.api.oauth.conformance"
    assert DOCUMENT.read_text(encoding="utf-8") == describe(), told
