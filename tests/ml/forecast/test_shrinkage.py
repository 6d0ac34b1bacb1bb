"""Ratios are drawn up the tiers as far as they are uncertain; new ones get their family's."""

import numpy as np

from ml.forecast.credibility import credibility, spread_of
from ml.forecast.shrinkage import shrunk_ratios, tiers_of
from ml.panel import Series

STEPS = 84  # twelve blocks of a week
EVEN = np.ones((STEPS, 1))


def of_channel(channel: str, number: int, client: str = "acme") -> Series:
    return Series(client, channel, f"{client}_{channel}_{number}", "EUR")


def test_campaigns_belong_to_channels_and_those_to_the_client() -> None:
    tiers = tiers_of(
        (
            of_channel("video", 1),
            of_channel("email", 1),
            of_channel("video", 2),
            Series("acme", "video", None, "EUR"),
            Series("acme", None, None, "EUR"),
        )
    )
    assert tiers.family.tolist() == [0, 1, 0, 2, -1]
    assert tiers.above.tolist() == [0, 0, -1]


def test_clients_stand_alone() -> None:
    tiers = tiers_of((Series("acme"), Series("zeta")))
    figures = np.array([[1.0] * STEPS, [4.0] * STEPS])
    ratios = shrunk_ratios(figures, np.ones((2, STEPS)), EVEN, tiers)
    assert ratios[:, 0].tolist() == [1.0, 4.0]


def test_a_channel_draws_its_campaigns_by_credibility() -> None:
    chance = np.random.default_rng(3)
    series = tuple(of_channel("video", number) for number in range(3))
    spend = chance.uniform(1, 5, (3, STEPS))
    figures = spend * np.array([[1.0], [1.5], [3.0]]) * chance.lognormal(0, 0.5, spend.shape)
    weeks = (3, 12, 7)
    above, below = (cells.reshape(weeks).sum(axis=2) for cells in (figures, spend))
    # Equal weights: the effective exposure is (sum s)^2 / sum s, the exposure itself.
    spread = spread_of(above / below, below, np.zeros(3, np.int64))
    trust = credibility(spend.sum(axis=1), spread.within, spread.between)
    family = figures.sum() / spend.sum()
    own = figures.sum(axis=1) / spend.sum(axis=1)
    ratios = shrunk_ratios(figures, spend, EVEN, tiers_of(series))[:, 0]
    np.testing.assert_allclose(ratios, trust * own + (1 - trust) * family, rtol=1e-12)


def test_a_campaign_without_spend_gets_the_ratio_of_its_channel() -> None:
    series = tuple(of_channel("video", number) for number in range(2))
    spend = np.array([[2.0] * STEPS, [0.0] * STEPS])
    ratios = shrunk_ratios(3 * spend, spend, EVEN, tiers_of(series))
    assert ratios[:, 0].tolist() == [3.0, 3.0]


def test_a_channel_without_spend_gets_the_ratio_of_the_client() -> None:
    series = (of_channel("video", 1), of_channel("email", 1))
    spend = np.array([[2.0] * STEPS, [0.0] * STEPS])
    ratios = shrunk_ratios(3 * spend, spend, EVEN, tiers_of(series))
    assert ratios[:, 0].tolist() == [3.0, 3.0]


def test_without_any_spend_there_is_no_ratio() -> None:
    series = (of_channel("video", 1), of_channel("video", 2))
    nothing = np.zeros((2, STEPS))
    assert np.isnan(shrunk_ratios(nothing, nothing, EVEN, tiers_of(series))).all()
