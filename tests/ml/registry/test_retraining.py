"""Each cause by itself, at its edge, and together."""

import datetime as dt

import pytest

from ml.registry.retraining import Coverage, Retraining, Signs, decide

SEEN = dt.datetime(2026, 11, 1, 4, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def test_a_good_champion_stays() -> None:
    calm = Signs(SEEN, {"cpc": 0.2}, {"small": Coverage(0.7, 900), "large": Coverage(0.9, 900)})
    assert decide(calm, NOW) is None


def test_features_that_shifted() -> None:
    shifts = {"cpc": 0.21, "ctr": 0.5, "spend": 0.3, "age": 0.25, "roas": 0.1}
    assert decide(Signs(SEEN, shifts), NOW) == Retraining(
        NOW, ("features have shifted: ctr (PSI 0.50), spend (PSI 0.30), age (PSI 0.25) and 1 more",)
    )


@pytest.mark.parametrize(("share", "told"), [(0.699, "69.9%"), (0.901, "90.1%")])
def test_intervals_that_do_not_hold(share: float, told: str) -> None:
    signs = Signs(SEEN, coverage={"small": Coverage(share, 500), "large": Coverage(share, 499)})
    assert decide(signs, NOW) == Retraining(
        NOW, (f"80 % intervals held {told} of 500 actuals in group small",)
    )


def test_age_from_the_day_on() -> None:
    assert decide(Signs(SEEN), SEEN + 28 * DAY - dt.timedelta(seconds=1)) is None
    assert decide(Signs(SEEN), SEEN + 30 * DAY) == Retraining(
        SEEN + 28 * DAY, ("it has seen nothing since 2026-11-01",)
    )


def test_the_first_deadline_counts() -> None:
    found = decide(Signs(SEEN, erasure_due=NOW + 20 * DAY), SEEN + 28 * DAY)
    assert found == Retraining(
        SEEN + 28 * DAY,
        (
            "it has seen nothing since 2026-11-01",
            "people were erased whose figures are part of what it saw",
        ),
    )
    assert decide(Signs(SEEN, erasure_due=NOW + 20 * DAY), NOW) == Retraining(
        NOW + 20 * DAY, ("people were erased whose figures are part of what it saw",)
    )
