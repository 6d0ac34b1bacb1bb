"""Every word of a message, on every kind of channel."""

import dataclasses
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.alerts.bulletin import Bulletin
from api.alerts.outgoing import Outgoing, content_of, trial_message
from api.alerts.rendering.mail import render_html, render_subject, render_text
from api.alerts.rendering.payload import render_payload
from api.alerts.rendering.slack import render_slack
from tenancy.tables import AlertKind, AlertSeverity, ChannelKind, NoticePhase
from tests.api.alerts.samples import NOON, NORTHWIND, at, bulletin, entry

OPENED, REMINDER, CLEARED = NoticePhase
INFO, WARNING, CRITICAL = AlertSeverity

ONE = bulletin(entry(due_at=at(hours=19), severity=CRITICAL))
REFUSED: dict[str, Any] = {
    "kind": AlertKind.CREDENTIALS_REFUSED,
    "severity": CRITICAL,
    "title": "Meta Ads refuses the credentials",
    "hint": "connect the account again",
}
MIXED = bulletin(
    entry(1, "Acme", CLEARED, opened_at=at(hours=-30), cleared_at=at(minutes=-15)),
    entry(2, "Bolt", REMINDER, relapses=1, hint=""),
    entry(3, None, client_id=None, details="", relapses=3, severity=INFO),
    entry(4, "Zeta", **REFUSED),
)


def test_one_alert_by_mail() -> None:
    assert render_subject(ONE) == "Google Ads does not answer: Acme, due by 2026-03-02 08:00"
    assert render_text(ONE) == (
        "Google Ads does not answer: Acme, due by 2026-03-02 08:00. It is tried again with the"
        " next sync.\n"
        "\n"
        "CRITICAL: Google Ads does not answer, due by 2026-03-02 08:00\n"
        "- Acme: account 1: 1 of 2 syncs failed (since 13:00)\n"
        "→ it is tried again with the next sync\n"
        "\n"
        "Northwind, 2026-03-01 13:02, Europe/Berlin."
        " All open alerts: bosco alerts list northwind\n"
    )
    assert render_html(ONE) == (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"></head>'
        '<body style="font:16px/1.5 sans-serif;max-width:40em;margin:1em">\n'
        "<p><b>Google Ads does not answer: Acme, due by 2026-03-02 08:00. It is tried again with"
        " the next sync.</b></p>\n"
        '<p style="margin-bottom:0"><b>CRITICAL: Google Ads does not answer,'
        " due by 2026-03-02 08:00</b></p>"
        "<ul><li><b>Acme</b>: account 1: 1 of 2 syncs failed (since 13:00)</li></ul>"
        "<p>→ it is tried again with the next sync</p>\n"
        '<p style="color:#666">Northwind, 2026-03-01 13:02, Europe/Berlin.'
        " All open alerts: bosco alerts list northwind</p></body></html>\n"
    )


def test_one_alert_in_slack() -> None:
    assert render_slack(ONE) == (
        "*Google Ads does not answer: Acme, due by 2026-03-02 08:00. It is tried again with the"
        " next sync.*\n"
        "\n"
        "*CRITICAL: Google Ads does not answer, due by 2026-03-02 08:00*\n"
        "• *Acme*: account 1: 1 of 2 syncs failed (since 13:00)\n"
        "→ it is tried again with the next sync\n"
        "\n"
        "Northwind, 2026-03-01 13:02, Europe/Berlin. All open alerts: bosco alerts list northwind"
    )


def test_the_gravest_news_come_first_and_what_is_over_last() -> None:
    assert render_text(MIXED) == (
        "Meta Ads refuses the credentials: Zeta (and 3 more). Connect the account again.\n"
        "\n"
        "CRITICAL: Meta Ads refuses the credentials\n"
        "- Zeta: account 4: 1 of 2 syncs failed (since 13:00)\n"
        "→ connect the account again\n"
        "\n"
        "INFO: Google Ads does not answer\n"
        "- Northwind: since 13:00, came back 3 times\n"
        "→ it is tried again with the next sync\n"
        "\n"
        "STILL WARNING: Google Ads does not answer\n"
        "- Bolt: account 2: 1 of 2 syncs failed (since 13:00, came back once)\n"
        "\n"
        "OVER: Google Ads does not answer\n"
        "- Acme: account 1: 1 of 2 syncs failed (2026-02-28 07:00 to 12:45)\n"
        "\n"
        "Northwind, 2026-03-01 13:02, Europe/Berlin."
        " All open alerts: bosco alerts list northwind\n"
    )


def test_a_provider_that_is_down_is_one_group_of_all_its_clients() -> None:
    names = [f"Client {number:02}" for number in range(12, 0, -1)]
    down = bulletin(
        *(
            entry(number, name, due_at=at(hours=20 - number / 60))
            for number, name in enumerate(names)
        ),
        entry(20, "Client 01", title="Shopify does not answer"),
    )
    assert len(down.groups) == 2
    assert render_subject(down) == (
        "Google Ads does not answer: Client 01, Client 02 and 10 more,"
        " due by 2026-03-02 08:49 (and 1 more)"
    )
    lines = render_text(down).splitlines()
    assert lines[3:15] == [
        f"- Client {number:02}: account {12 - number}: 1 of 2 syncs failed (since 13:00)"
        for number in range(1, 13)
    ]


def test_the_guide_shows_a_real_message() -> None:
    text = render_text(
        bulletin(
            entry(1, "Acme", details=_failed("123-456-7890", "4 of 4", "4 PROVIDER_UNAVAILABLE")),
            entry(2, "Bolt", details=_failed("987-654-3210", "2 of 4", "2 PROVIDER_UNAVAILABLE")),
            entry(
                3,
                "Zeta",
                **{**REFUSED, "details": _failed("act_77", "3 of 3", "3 CREDENTIALS_REJECTED")},
            ),
        )
    )
    guide = Path(__file__).parents[3] / "docs" / "alerts.md"
    assert f"```text\n{text}```" in guide.read_text(encoding="utf-8")


def _failed(account: str, count: str, reasons: str) -> str:
    return f"account {account}: {count} syncs failed ({reasons})"


def test_two_clients_are_both_named_and_each_once() -> None:
    both = bulletin(entry(1, "Acme"), entry(2, "Bolt"), entry(3, "Acme"))
    assert render_subject(both) == "Google Ads does not answer: Acme and Bolt"


@pytest.mark.parametrize(
    ("phase", "changed", "lead"),
    [
        (
            REMINDER,
            {},
            "Still: Google Ads does not answer: Acme. It is tried again with the next sync.",
        ),
        (REMINDER, {"hint": ""}, "Still: Google Ads does not answer: Acme."),
        (CLEARED, {"cleared_at": NOON, "due_at": NOON}, "Over: Google Ads does not answer: Acme."),
    ],
)
def test_the_first_line_says_whether_it_goes_on(
    phase: NoticePhase, changed: dict[str, object], lead: str
) -> None:
    assert render_text(bulletin(entry(1, "Acme", phase, **changed))).splitlines()[0] == lead


def test_long_messages_are_cut_and_say_so() -> None:
    many = bulletin(
        *(entry(number, f"Client {number:03}") for number in range(30)),
        *(entry(100 + number, title=f"Source {number} is late", hint="") for number in range(9)),
    )
    text = render_text(many)
    assert text.count("\n- Client") == 12
    assert "- Client 011: account 11: 1 of 2 syncs failed (since 13:00)\n- and 18 more\n" in text
    assert "\n\nAnd 2 more.\n\nNorthwind, " in text
    assert "<li>and 18 more</li></ul>" in render_html(many)
    assert "<p>And 2 more.</p>" in render_html(many)
    assert "\n• and 18 more\n" in render_slack(many)
    assert "\n\nAnd 2 more.\n\n" in render_slack(many)
    assert len(render_payload(many)["alerts"]) == 39


EVIL = bulletin(
    entry(
        1,
        "<b>*Acme*</b> & <!channel>\r\nBcc: eve@example.com",
        title="</p><script>alert(1)</script>",
        details="line one\nline two \u202egnp.exe\x1b[31m <https://evil.example|click>",
        hint="<img src=x>" + "a" * 400,
    )
)


def test_names_and_details_cannot_break_out() -> None:
    assert render_subject(EVIL) == (
        "</p><script>alert(1)</script>: <b>*Acme*</b> & <!channel> Bcc: eve@example.com"
    )
    html = render_html(EVIL)
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>*Acme*" not in html
    slack = render_slack(EVIL)
    assert "<" not in slack
    assert ">" not in slack
    assert "&lt;!channel&gt;" in slack
    text = render_text(EVIL)
    assert "line one line two gnp.exe [31m <https" in text
    assert f"→ <img src=x>{'a' * 288}…\n" in text
    for rendered in (html, slack, text):
        assert "\r" not in rendered
        assert "\u202e" not in rendered
        assert "\x1b" not in rendered


def test_json_has_stable_fields() -> None:
    payload = render_payload(MIXED)
    assert {name: payload[name] for name in payload if name not in {"text", "alerts"}} == {
        "version": 1,
        "type": "ALERTS",
        "id": "msg_00000000000000000000000007",
        "composedAt": "2026-03-01T12:02:00Z",
        "agency": {
            "id": "ten_00000000000000000000000001",
            "slug": "northwind",
            "name": "Northwind",
        },
        "headline": "Meta Ads refuses the credentials: Zeta (and 3 more)",
        "omitted": 0,
    }
    assert payload["text"] == render_text(MIXED)
    assert [(alert["id"][-3:], alert["phase"]) for alert in payload["alerts"]] == [
        ("038", "OPENED"),
        ("037", "OPENED"),
        ("036", "REMINDER"),
        ("035", "CLEARED"),
    ]
    assert payload["alerts"][3] == {
        "id": "alr_00000000000000000000000035",
        "phase": "CLEARED",
        "kind": "SYNC_FAILED",
        "severity": "WARNING",
        "subject": "connection:1",
        "client": {"id": "cli_0000000000000000000000000b", "name": "Acme"},
        "title": "Google Ads does not answer",
        "details": "account 1: 1 of 2 syncs failed",
        "hint": "it is tried again with the next sync",
        "dueAt": None,
        "raisedAt": "2026-03-01T12:00:00Z",
        "openedAt": "2026-02-28T06:00:00Z",
        "clearedAt": "2026-03-01T11:45:00Z",
        "relapses": 0,
    }
    assert payload["alerts"][1]["client"] is None
    assert json.loads(json.dumps(payload)) == payload


def test_json_has_a_limit_and_tells_what_it_omits() -> None:
    payload = render_payload(bulletin(*(entry(number) for number in range(501))))
    assert (len(payload["alerts"]), payload["omitted"]) == (500, 1)


def test_times_are_the_agencys() -> None:
    tokyo = dataclasses.replace(NORTHWIND, zone=ZoneInfo("Asia/Tokyo"))
    text = render_text(dataclasses.replace(ONE, to=tokyo))
    assert "(since 21:00)" in text
    assert "due by 2026-03-02 16:00\n" in text
    assert "\nNorthwind, 2026-03-01 21:02, Asia/Tokyo. " in text


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (
            ChannelKind.EMAIL,
            lambda of: {
                "subject": render_subject(of),
                "text": render_text(of),
                "html": render_html(of),
            },
        ),
        (ChannelKind.SLACK, lambda of: {"text": render_slack(of)}),
        (ChannelKind.WEBHOOK, lambda of: {"body": render_payload(of)}),
    ],
)
def test_each_kind_of_channel_gets_its_own(
    kind: ChannelKind, content: Callable[[Bulletin], dict[str, object]]
) -> None:
    assert content_of(kind, MIXED) == content(MIXED)


def test_a_trial_says_that_nothing_is_wrong() -> None:
    def trial(kind: ChannelKind) -> Outgoing:
        message_id = uuid.UUID(int=9)
        return trial_message(kind, "<ops>", NORTHWIND, message_id=message_id, now=NOON)

    words = "Test of the channel '<ops>' of Northwind: it works, nothing is wrong."
    assert trial(ChannelKind.EMAIL).content == {
        "subject": words,
        "text": f"{words}\n",
        "html": "<p>Test of the channel &#x27;&lt;ops&gt;&#x27; of Northwind: it works,"
        " nothing is wrong.</p>\n",
    }
    assert trial(ChannelKind.SLACK).content == {
        "text": "Test of the channel '&lt;ops&gt;' of Northwind: it works, nothing is wrong."
    }
    body = trial(ChannelKind.WEBHOOK).content["body"]
    assert body == {
        "version": 1,
        "type": "TEST",
        "id": "msg_00000000000000000000000009",
        "composedAt": "2026-03-01T12:00:00Z",
        "agency": render_payload(MIXED)["agency"],
        "headline": words,
        "text": words,
        "alerts": [],
        "omitted": 0,
    }
    assert body.keys() == render_payload(MIXED).keys()
