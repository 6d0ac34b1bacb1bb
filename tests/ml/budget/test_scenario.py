"""What splits bring, and that nothing is said of spend that was never seen."""

import numpy as np
import pytest

from domain.errors import InvalidInputError
from ml.budget.request import Item, Request
from ml.budget.scenario import scaled, what_if
from tests.ml.budget.curves_by_hand import Tabled

# Two draws: the first item brings 1 or 2 for each unit up to 10, the second always 1.
LINES = Tabled(
    np.stack([np.stack([np.arange(11.0), 2 * np.arange(11.0)]), np.stack([np.arange(11.0)] * 2)])
)
ASKED = Request(10, (Item(4, worth=3.0), Item(6)))


def test_a_split_by_hand() -> None:
    found = what_if(ASKED, LINES, np.array([5, 5]))
    # Draws: 3 * 5 + 5 = 20 and 3 * 10 + 5 = 35; as it is: 18 and 30.
    assert (found.outlook.mean, found.outlook.median) == (27.5, 27.5)
    assert found.outlook.low_80 == pytest.approx(20 + 0.1 * 15)
    assert found.outlook.high_95 == pytest.approx(20 + 0.975 * 15)
    assert [one.mean for one in found.by_item] == [22.5, 5]
    assert found.against_current.mean == 3.5
    assert found.beyond == ()


def test_another_total_goes_to_the_current_shares_to_the_last_unit() -> None:
    assert scaled(ASKED, 11).tolist() == [4, 7]
    assert scaled(Request(10, (Item(0), Item(0))), 11).tolist() == [6, 5]


def test_what_lies_beyond_is_told_and_counted_as_nothing() -> None:
    found = what_if(ASKED, LINES, np.array([0, 15]))
    assert found.outlook.mean == 10
    assert found.beyond == (
        "'item 1' gets 0.05 EUR more than the highest that was observed supports",
    )


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="none of them negative"):
        what_if(ASKED, LINES, np.array([-1, 11]))
