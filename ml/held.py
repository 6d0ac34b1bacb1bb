"""What the arguments of the models' jobs hold of people: nothing.

names of jobs -> classification of each argument -> gdpr.inventory
"""

from collections.abc import Mapping
from typing import Final

from domain.privacy.classification import Privacy
from domain.privacy.holds import ACCOUNT_SETTING, LINEAGE
from ml.runs.daily import CLIENT_JOB, FORECAST_JOB, JUDGE_JOB, TRAIN_JOB, WATCH_JOB
from ml.runs.mornings import MORNING_JOB
from ml.spending.weekly import RESPONSE_JOB

__all__ = ["JOB_ARGUMENTS"]

JOB_ARGUMENTS: Final[Mapping[str, Mapping[str, Privacy]]] = {
    FORECAST_JOB: {"tenant_id": LINEAGE, "time_zone": ACCOUNT_SETTING},
    CLIENT_JOB: {"tenant_id": LINEAGE, "client_id": LINEAGE, "time_zone": ACCOUNT_SETTING},
    TRAIN_JOB: {"as_of": LINEAGE},
    JUDGE_JOB: {"as_of": LINEAGE},
    WATCH_JOB: {"as_of": LINEAGE},
    RESPONSE_JOB: {"tenant_id": LINEAGE, "time_zone": ACCOUNT_SETTING},
    MORNING_JOB: {"tenant_id": LINEAGE, "time_zone": ACCOUNT_SETTING},
}
