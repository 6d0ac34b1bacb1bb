"""What the platform's models are for, and what they are not, in words for their cards."""

from collections.abc import Mapping
from typing import Final

from ml.registry.card import Description
from ml.runs.training import FORECAST

__all__ = ["DESCRIPTIONS"]

DESCRIPTIONS: Final[Mapping[str, Description]] = {
    FORECAST: Description(
        purpose=(
            "Tells what clients will spend and what platforms, sites and shops will report for it,"
            " by client, channel and campaign, over the next 7, 14, 28 and 90 days"
        ),
        limits=(
            "it tells what will be reported, not what spend causes: lift tests and budgets do that",
            "it knows of the future what is planned and holidays, and nothing else",
            "a series is served the best baseline until the model has clearly done better on it",
            "a series without any past is not forecast, and one of few weeks has wide bands",
        ),
    )
}
