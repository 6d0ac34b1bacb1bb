"""Every command about one agency, given names and ids of another one.

command x (loot | its made-up like) -> the same events, no canary, no row of the other changed
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from api.commands.registry import COMMANDS
from api.logs import log_file
from tests.e2e.platform import Platform
from tests.feature_repo.registration.samples import BRAND
from tests.isolation.entries import CLASSIFIED, Attacked, Kind
from tests.isolation.loot import marks_of, rows_of
from tests.isolation.standing import Standing, stand

pytestmark = pytest.mark.anyio

COMING = {
    "first": "2026-12-01",
    "last": "2026-12-31",
    "currency": None,
    "measure": "revenue",
    "level": "channel",
}

# By command: its arguments beside the agency (a word with @ is loot), and the code of its refusal;
# without one it answers, of the own agency. A `tenant` of None: it is about all agencies.
ATTACKS: Mapping[str, tuple[dict[str, Any], str]] = {
    "alerts.channels.add": (
        {
            "kind": "email",
            "name": "post",
            "about": [],
            "severity": "warning",
            "to": ["a@b.example"],
            "sender": "c@d.example",
            "server": "mail.example:587",
            "security": "starttls",
            "credentials": {},
            "clients": ["@client"],
        },
        "NOT_FOUND",
    ),
    "alerts.channels.list": ({}, ""),
    "alerts.channels.remove": ({"name": "@channel"}, "NOT_FOUND"),
    "alerts.channels.test": ({"name": "@channel"}, "NOT_FOUND"),
    "alerts.list": ({"all": True, "limit": 100, "client": "@client"}, "NOT_FOUND"),
    "apps.add": ({"name": "Board", "scopes": [], "clients": ["@client"]}, "NOT_FOUND"),
    "apps.list": ({}, ""),
    "apps.resume": ({"app": "@app"}, "NOT_FOUND"),
    "apps.rotate": ({"app": "@app", "overlap_days": 0}, "NOT_FOUND"),
    "apps.suspend": ({"app": "@app"}, "NOT_FOUND"),
    "audit.export": ({"to": "@export"}, ""),
    "audit.list": ({"limit": 100, "by": "@actor"}, ""),
    "audit.verify": ({}, ""),
    "budget.plan": (
        {
            "client": "@client",
            "total": "5",
            **COMING,
            "at_least": [],
            "at_most": [],
            "max_step": "0.5",
            "least_return": None,
            "most_cost": None,
            "save": True,
        },
        "NOT_FOUND",
    ),
    "budget.scenario": ({"client": "@client", "spends": ["display=5"], **COMING}, "NOT_FOUND"),
    "clients.add": ({"slug": "@slug", "name": "Theirs"}, ""),
    "clients.list": ({}, ""),
    "compare": ({"file": "@history", "map": "@history_map", "client": "@client"}, "INVALID_INPUT"),
    "connections.add": (
        {
            "client": "@client",
            "source": "google_ads",
            "account": "1234567890",
            "credentials": {},
            "settings": [],
        },
        "NOT_FOUND",
    ),
    "connections.check": ({"client": "@client"}, "NOT_FOUND"),
    "connections.link": (
        {"client": "@client", "source": "google_ads", "settings": [], "reconnect": None},
        "NOT_FOUND",
    ),
    "connections.list": ({"client": "@client"}, "NOT_FOUND"),
    "connections.pause": ({"client": "@client"}, "NOT_FOUND"),
    "connections.resume": ({"client": "@client"}, "NOT_FOUND"),
    "features.apply": ({"file": "@feature_file"}, ""),
    "features.plan": ({"file": "@feature_file"}, ""),
    "features.list": ({}, ""),
    "features.deprecate": ({"view": "@feature_view", "until": "2100-01-01"}, "NOT_FOUND"),
    "features.check": ({"client": "@client"}, "NOT_FOUND"),
    "features.health": ({"view": None, "now": True}, ""),
    "features.refresh": ({"client": "@client"}, "NOT_FOUND"),
    "features.show": ({"entity": "@campaign", "limit": 10}, "NOT_FOUND"),
    "freshness": ({}, ""),
    "anomalies.acknowledge": ({"anomaly": "@anomaly"}, "NOT_FOUND"),
    "anomalies.list": ({"client": "@client", "days": 30}, "NOT_FOUND"),
    "pacing": ({"client": "@client", "month": None}, "NOT_FOUND"),
    "forecast": ({"client": "@client", "measure": "spend", "level": "client"}, "NOT_FOUND"),
    "gdpr.certificate": ({"request": "@certified", "to": "@export"}, "NOT_FOUND"),
    "gdpr.certificates": ({"limit": 100}, ""),
    "gdpr.recipients.acknowledge": ({"notice": "@notice"}, "NOT_FOUND"),
    "gdpr.recipients.add": (
        {
            "client": "@client",
            "kind": "hubspot",
            "name": "crm",
            "settings": [],
            "credentials": {"access_token": "x"},
            "source": None,
        },
        "NOT_FOUND",
    ),
    "gdpr.recipients.list": ({}, ""),
    "gdpr.recipients.remove": ({"client": "@client", "name": "@recipient"}, "NOT_FOUND"),
    "gdpr.recipients.retry": ({"notice": "@notice"}, "NOT_FOUND"),
    "gdpr.form-link": ({"client": "@client", "revoke": False}, "NOT_FOUND"),
    "gdpr.link": ({"request": "@exported", "letter": True}, "NOT_FOUND"),
    "gdpr.dpia": ({}, ""),
    "gdpr.record": ({"as": "processor", "format": "json"}, ""),
    "gdpr.requests.import": (
        {"client": "@client", "file": "@rows", "apply": True, "keep_going": True},
        "NOT_FOUND",
    ),
    "gdpr.consent.notice.add": (
        {"client": "@client", "version": "1", "language": "en", "text": "We count."},
        "NOT_FOUND",
    ),
    "gdpr.consent.prove": ({"receipts": ["@receipt"]}, "NOT_FOUND"),
    "gdpr.consent.record": (
        {
            "client": "@client",
            "words": [{"email": "a@b.example", "at": "2020-01-01T00:00:00Z", "gpc": "1"}],
        },
        "NOT_FOUND",
    ),
    "gdpr.consent.show": (
        {"client": "@client", "person": {"email": "a@b.example"}, "at": None, "known_by": None},
        "NOT_FOUND",
    ),
    "gdpr.queue": ({"at_risk": False, "limit": 100}, ""),
    "gdpr.statistics": (
        {"first": "2026-01-01", "last": "2026-12-31", "format": "json"},
        "",
    ),
    "gdpr.requests.search": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.choose": ({"request": "@certified", "pseudonym": "sp_x"}, "NOT_FOUND"),
    "gdpr.requests.nobody": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.ask-identity": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.vouch": ({"request": "@certified", "proof": "document"}, "NOT_FOUND"),
    "gdpr.requests.approve": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.extend": ({"request": "@certified", "reason": "big"}, "NOT_FOUND"),
    "gdpr.requests.refuse": (
        {"request": "@certified", "reason": "no", "remedy": None},
        "NOT_FOUND",
    ),
    "gdpr.requests.grant": ({"request": "@certified", "reason": "yes"}, "NOT_FOUND"),
    "gdpr.requests.tell-lifting": ({"request": "@certified", "reason": "over"}, "NOT_FOUND"),
    "gdpr.requests.lift": ({"request": "@certified", "reason": "over"}, "NOT_FOUND"),
    "gdpr.requests.withdraw": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.countersign": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.look-again": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.retry": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.note": ({"request": "@certified", "text": "word"}, "NOT_FOUND"),
    "gdpr.requests.show": ({"request": "@certified"}, "NOT_FOUND"),
    "gdpr.requests.letter": ({"letter": "@letter", "handed": True}, "NOT_FOUND"),
    "gdpr.requests.release": ({"hold": "@hold"}, "NOT_FOUND"),
    "gdpr.requests.holds": ({}, ""),
    "gdpr.requests.list": (
        {"all": True, "client": "@client", "due_within": None, "limit": 100},
        "NOT_FOUND",
    ),
    "gdpr.requests.new": (
        {
            "client": "@client",
            "right": "access",
            "person": {"email": "a@b.example"},
            "received": None,
            "language": "en",
        },
        "NOT_FOUND",
    ),
    "gdpr.requests.hold": (
        {
            "client": "@client",
            "basis": "tax",
            "owner": "cfo",
            "person": None,
            "category": None,
            "until": None,
        },
        "NOT_FOUND",
    ),
    "gdpr.retention.plan": ({}, ""),
    "gdpr.retention.run": ({}, ""),
    "gdpr.retention.set": ({"client": "@client", "days": 90}, "NOT_FOUND"),
    "gdpr.retention.show": ({}, ""),
    "gdpr.replay-tombstones": ({}, ""),
    "history.import": ({"file": "@history", "map": "@history_map"}, "NOT_FOUND"),
    "import": ({"client": "@client", "file": "@rows", "map": "@map"}, "NOT_FOUND"),
    "incidents.acknowledge": ({"id": "@incident", "reason": "seen"}, "NOT_FOUND"),
    "incidents.list": ({"limit": 100, "all": True}, ""),
    "incidents.resolve": ({"id": "@incident", "reason": "seen"}, "NOT_FOUND"),
    "incidents.show": ({"id": "@incident"}, "NOT_FOUND"),
    "metrics.define": ({"file": "@definition"}, ""),
    "metrics.explain": ({"name": "@metric"}, "UNKNOWN_METRIC"),
    "metrics.list": ({}, ""),
    "metrics.retire": ({"name": "@metric"}, "NOT_FOUND"),
    "night": ({}, ""),
    "people.add": (
        {"email": "new@nw.example", "name": "New", "role": "analyst", "clients": ["@client"]},
        "NOT_FOUND",
    ),
    "people.deactivate": ({"email": "@email", "undo": False}, "NOT_FOUND"),
    "people.list": ({}, ""),
    "people.provider": (
        {
            "issuer": "https://login.example",
            "credentials": {"client_id": "x", "client_secret": "y"},
        },
        "",
    ),
    "people.reset": ({"email": "@email", "authenticator": True}, "NOT_FOUND"),
    "people.role": (
        {"email": "@email", "role": "owner", "clients": [], "take_away": False},
        "NOT_FOUND",
    ),
    "plans.event": (
        {"client": "@client", "name": "sale", "first": "2026-07-01", "last": "2026-07-02"},
        "NOT_FOUND",
    ),
    "plans.lift-test": ({"client": "@client", "file": "@lift"}, "NOT_FOUND"),
    "plans.list": ({"client": "@client"}, "NOT_FOUND"),
    "plans.remove": ({"plan": "@plan"}, "NOT_FOUND"),
    "plans.spend": (
        {
            "client": "@client",
            "amount": "5",
            "currency": "EUR",
            "first": "2026-07-01",
            "last": "2026-07-02",
        },
        "NOT_FOUND",
    ),
    "quality.release": ({"id": "@incident", "reason": "right"}, "NOT_FOUND"),
    "quarantine.dismiss": ({"id": "@quarantined", "reason": "old"}, "NOT_FOUND"),
    "quarantine.list": ({"limit": 100, "all": True}, ""),
    "quarantine.replay": ({"id": "@quarantined", "set": []}, "NOT_FOUND"),
    "quarantine.show": ({"id": "@quarantined"}, "NOT_FOUND"),
    "query": ({"metrics": "clicks", "by": "client", "last": 30}, ""),
    "sync": ({"client": "@client"}, "NOT_FOUND"),
    "webhooks.add": (
        {"url": "https://a.example/", "description": "", "events": [], "clients": ["@client"]},
        "NOT_FOUND",
    ),
    "webhooks.deliveries": ({"endpoint": "@endpoint", "limit": 10, "failed": False}, "NOT_FOUND"),
    "webhooks.list": ({}, ""),
    "webhooks.remove": ({"endpoint": "@endpoint"}, "NOT_FOUND"),
    "webhooks.replay": (
        {"endpoint": "@endpoint", "message": "@message", "failed_since": None},
        "NOT_FOUND",
    ),
    "webhooks.resume": ({"endpoint": "@endpoint"}, "NOT_FOUND"),
    "webhooks.rotate": ({"endpoint": "@endpoint", "at_once": False}, "NOT_FOUND"),
    "webhooks.test": ({"endpoint": "@endpoint"}, "NOT_FOUND"),
}


@pytest.fixture(scope="module")
async def standing(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Standing:
    return await stand(platform, tmp_path_factory.mktemp("files"))


def test_every_command_is_tried() -> None:
    attacked = {
        name for name in COMMANDS.names if isinstance(CLASSIFIED[Kind.COMMAND].get(name), Attacked)
    }
    assert attacked == set(ATTACKS)


@pytest.mark.parametrize("name", sorted(ATTACKS))
async def test_what_is_another_agency_s_is_nothing(
    platform: Platform, standing: Standing, tmp_path: Path, name: str
) -> None:
    arguments, code = ATTACKS[name]
    files = {
        "@rows": _written(tmp_path / "rows.csv", "day,channel,cost\n"),
        "@history": _written(tmp_path / "history.csv", HISTORY),
        "@lift": _written(tmp_path / "lift.yaml", LIFT),
        "@feature_file": _written(tmp_path / "brand_pulse.yaml", BRAND),
        "@definition": _written(tmp_path / "own.yaml", "metric: own_cost\nis: spend * 2\n"),
    }
    url = platform.runtime.urls.database_url
    if name == "gdpr.retention.run":  # the warehouse's purge is the day's, whoever runs it
        await platform.runtime.retention.go_round()
    before, marks = rows_of(url, standing.victim), marks_of(standing.victim)
    logged = log_file(platform.runtime.settings).stat().st_size
    told = []
    for which in ("value", "void"):
        files["@export"] = str(tmp_path / f"{which}.jsonl")
        given = {key: _filled(value, standing, files, which) for key, value in arguments.items()}
        events = await platform.command(name, tenant=standing.attacker.slug, **given)
        if code:
            (error,) = events.errors
            assert error.code == code, error
        else:
            assert events.errors == []
        told.append(_redacted(repr(events.events), standing))
    if name not in GROWING:
        assert told[0] == told[1]
    log = log_file(platform.runtime.settings).read_text(encoding="utf-8")[logged:]
    exported = [path.read_text() for path in tmp_path.glob("*.jsonl")]  # noqa: ASYNC240
    assert not [mark for mark in marks if mark in f"{told} {log} {exported}"]
    assert rows_of(url, standing.victim) == before


HISTORY = (
    "platform,account_id,date_day,campaign_id,campaign_name,spend,clicks,impressions,conversions,"
    "conversions_value\n"
)

LIFT = """
channel: paid_search
from: 2026-05-01
to: 2026-05-28
measure: revenue
spend_change: 5000
currency: EUR
effect: 11000
standard_error: 2500
source: geo holdout
"""

# What is done by the first try is there at the second, whatever it was about.
GROWING = {
    "features.apply",
    "audit.export",
    "audit.list",
    "audit.verify",
    "clients.add",
    "gdpr.retention.show",
    "metrics.define",
}


def _written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def _filled(value: Any, standing: Standing, files: Mapping[str, str], which: str) -> Any:
    if isinstance(value, list):
        return [_filled(one, standing, files, which) for one in value]
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    if value in files:
        return files[value]
    return getattr(standing.loot[value.removeprefix("@")], which)


def _redacted(text: str, standing: Standing) -> str:
    for name, one in standing.loot.items():
        for value in (one.value, one.void):
            text = re.sub(rf"\b{re.escape(value)}\b", f"<{name}>", text)
    return text
