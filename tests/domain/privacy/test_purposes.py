"""What a request is about, of the purposes for which somebody can be left out."""

import pytest

from domain.errors import InvalidInputError
from domain.privacy.purposes import SUPPRESSIBLE, Purpose, purposes_asked


def test_a_request_is_about_what_it_names_or_all() -> None:
    assert purposes_asked({}) == SUPPRESSIBLE == purposes_asked({"purposes": []})
    assert purposes_asked({"purposes": ["advertising"]}) == {Purpose.ADVERTISING}


@pytest.mark.parametrize("unknown", ["storage", "Advertising", ""])
def test_what_cannot_be_suppressed_is_refused(unknown: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        purposes_asked({"purposes": ["analytics", unknown]})
    assert refused.value.message == f"{unknown!r} is no purpose that can be suppressed"
    assert refused.value.hint == "one of advertising, analytics, personalisation"
