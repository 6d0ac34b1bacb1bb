"""What people are told, word by word."""

import datetime as dt
import uuid
from typing import Final

import pytest

from domain.ids import ClientId, ConnectionId
from ingestion.schedule.wording import DueAccount, foretold_miss, missed
from tenancy.alerts import Alert, AlertKind, AlertSeverity
from tenancy.tables import MissCause

ACME, ADS = ClientId(uuid.UUID(int=1)), ConnectionId(uuid.UUID(int=2))
DEADLINE: Final = dt.datetime(2026, 11, 20, 7, tzinfo=dt.UTC)
ACCOUNT: Final = DueAccount(
    client_id=ACME,
    connection_id=ADS,
    source="Google Ads",
    name="Acme Shoes",
    time_zone="Europe/Berlin",
    day=dt.date(2026, 11, 19),
    deadline_at=DEADLINE,
)
SUBJECT: Final = "connection:00000000-0000-0000-0000-000000000002:2026-11-19"


def test_a_miss_that_is_foretold() -> None:
    finish = dt.datetime(2026, 11, 20, 8, 25, tzinfo=dt.UTC)
    assert foretold_miss(ACCOUNT, MissCause.OUTAGE, finish) == Alert(
        kind=AlertKind.FRESHNESS_PREDICTED_MISS,
        severity=AlertSeverity.WARNING,
        subject=SUBJECT,
        client_id=ACME,
        title="Google Ads figures of 19 November 2026 will be late: Google Ads does not answer",
        text="Acme Shoes: expected 20 Nov 09:25, due 20 Nov 08:00 (Europe/Berlin)",
        hint="nothing to do: it goes on by itself as soon as the platform answers",
        due_at=DEADLINE,
    )


def test_a_miss_that_only_a_person_can_avert() -> None:
    alert = foretold_miss(_failed("token revoked"), MissCause.REFUSED, None)
    assert (alert.severity, alert.title) == (
        AlertSeverity.CRITICAL,
        "Google Ads figures of 19 November 2026 will be late: Google Ads refuses",
    )
    assert alert.text == (
        "Acme Shoes: expected not before somebody acts, due 20 Nov 08:00 (Europe/Berlin);"
        " token revoked"
    )


@pytest.mark.parametrize(
    ("cause", "severity", "text"),
    [
        (None, AlertSeverity.WARNING, ""),
        (MissCause.REFUSED, AlertSeverity.CRITICAL, "; Google Ads refuses; token revoked"),
        (MissCause.READY_LATE, AlertSeverity.INFO, "; the account's day is complete too late"),
    ],
)
def test_a_miss_that_has_come(cause: MissCause | None, severity: AlertSeverity, text: str) -> None:
    account = _failed("token revoked") if cause is MissCause.REFUSED else ACCOUNT
    alert = missed(account, cause)
    assert (alert.kind, alert.severity) == (AlertKind.FRESHNESS_MISSED, severity)
    assert alert.subject == SUBJECT
    assert alert.title == "Google Ads figures of 19 November 2026 are late"
    assert alert.text == f"Acme Shoes: due 20 Nov 08:00 (Europe/Berlin){text}"


def test_every_cause_has_words_and_titles_are_shared_by_accounts() -> None:
    other = DueAccount(
        client_id=ClientId(uuid.UUID(int=3)),
        connection_id=ConnectionId(uuid.UUID(int=4)),
        source="Google Ads",
        name="Harbor",
        time_zone="Asia/Tokyo",
        day=ACCOUNT.day,
        deadline_at=DEADLINE,
    )
    for cause in MissCause:
        one, two = (foretold_miss(account, cause, None) for account in (ACCOUNT, other))
        assert one.title == two.title
        assert one.hint
        assert one.text != two.text


def _failed(error: str) -> DueAccount:
    return DueAccount(
        client_id=ACME,
        connection_id=ADS,
        source="Google Ads",
        name="Acme Shoes",
        time_zone="Europe/Berlin",
        day=ACCOUNT.day,
        deadline_at=DEADLINE,
        error=error,
    )
