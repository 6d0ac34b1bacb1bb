"""What an administrator may write, what is said otherwise, and that no secret is repeated."""

import dataclasses
from typing import Any

import pytest

from api.alerts.target import (
    EmailTarget,
    MailSecurity,
    SlackTarget,
    Target,
    WebhookTarget,
    describe,
    restore,
    stored,
)
from api.alerts.target_input import read_email, read_slack, read_webhook
from domain.errors import InvalidInputError
from tenancy.vault import Secret

SLACK_URL = "https://hooks.slack.com/services/T0S3CRET/B0S3CRET/xS3CRETx"
SECRET_WEBHOOK = {"url": "https://x.example/S3CRET", "token": "S3CRET"}
MAIL = EmailTarget(
    server="smtp.northwind.example",
    port=587,
    security=MailSecurity.STARTTLS,
    sender="bosco@northwind.example",
    recipients=("ops@northwind.example",),
    user="bosco",
    password=Secret("hunter2"),
)


def email(**changed: Any) -> EmailTarget:
    given: dict[str, Any] = {
        "recipients": ["ops@northwind.example"],
        "sender": "bosco@northwind.example",
        "server": "smtp.northwind.example",
        "security": "starttls",
        "user": "bosco",
        "credentials": {"password": "hunter2"},
        "is_production": True,
    }
    return read_email(**{**given, **changed})


def slack(url: str = SLACK_URL, endpoint: str = "", *, is_production: bool = True) -> SlackTarget:
    return read_slack({"url": url}, endpoint=endpoint, is_production=is_production)


def refused(what: pytest.ExceptionInfo[InvalidInputError]) -> tuple[str, str]:
    assert "S3CRET" not in str(what.value)
    return what.value.message, what.value.hint


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, MAIL),
        (
            {"security": "tls", "user": "", "credentials": {}},
            dataclasses.replace(
                MAIL, security=MailSecurity.TLS, port=465, user="", password=Secret("")
            ),
        ),
        ({"server": "smtp.northwind.example:2525"}, dataclasses.replace(MAIL, port=2525)),
        ({"server": "[2001:db8::1]:25"}, dataclasses.replace(MAIL, server="2001:db8::1", port=25)),
        (
            {"recipients": ["a.b+c@x.example", "d@y.example", "a.b+c@x.example"]},
            dataclasses.replace(MAIL, recipients=("a.b+c@x.example", "d@y.example")),
        ),
    ],
)
def test_reads_a_mail_target(given: dict[str, Any], read: EmailTarget) -> None:
    assert email(**given) == read


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"recipients": []}, "nobody gets the e-mail", "write --to ops@example.com"),
        (
            {"recipients": ["ops"]},
            "--to is 'ops': that is no e-mail address",
            "write --to ops@example.com",
        ),
        (
            {"recipients": ["ops@x.example\nBcc: eve@x.example"]},
            "--to is 'ops@x.example\\nBcc: eve@x.example': that is no e-mail address",
            "write --to ops@example.com",
        ),
        (
            {"sender": "Bosco <b@x.example>"},
            "--from is 'Bosco <b@x.example>': that is no e-mail address",
            "write --from ops@example.com",
        ),
        (
            {"server": "smtp://x.example"},
            "--server is 'smtp://x.example': that is no mail server",
            "write --server smtp.example.com or --server smtp.example.com:587",
        ),
        (
            {"server": "x.example:65536"},
            "--server is 'x.example:65536': that is no mail server",
            "write --server smtp.example.com or --server smtp.example.com:587",
        ),
        (
            {"security": "ssl"},
            "--security is 'ssl': it cannot be used here",
            "use starttls or tls",
        ),
        (
            {"security": "none"},
            "--security is 'none': it cannot be used here",
            "use starttls or tls",
        ),
        (
            {"security": "ssl", "is_production": False},
            "--security is 'ssl': it cannot be used here",
            "use starttls or tls or none",
        ),
        (
            {"security": "none", "is_production": False},
            "--security none would send the password in the clear",
            "use --security starttls or tls",
        ),
        (
            {"user": ""},
            "a login needs a user and a password",
            'give --user NAME and --credentials FILE with {"password": "..."}, or neither',
        ),
        (
            {"credentials": {"password": "pässS3CRET"}},
            "user or password holds letters that a mail login cannot carry",
            "choose a password of ASCII characters at the mail server",
        ),
        (
            {"credentials": {"pasword": "S3CRET"}},
            "the credentials hold pasword",
            "this kind of channel knows password",
        ),
    ],
)
def test_wrong_mail_targets_are_explained(given: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(InvalidInputError) as what:
        email(**given)
    assert refused(what) == (message, hint)


def test_reads_a_slack_target() -> None:
    tokens = Secret("T0S3CRET/B0S3CRET/xS3CRETx")
    assert slack() == SlackTarget("https://hooks.slack.com/services", tokens)
    government = SLACK_URL.replace("slack.com", "slack-gov.com")
    assert slack(government) == SlackTarget("https://hooks.slack-gov.com/services", tokens)
    stand_in = slack(endpoint="http://127.0.0.1:9009/", is_production=False)
    assert stand_in == SlackTarget("http://127.0.0.1:9009/services", tokens)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/T0S3CRET/B0S3CRET/xS3CRETx",
        "https://hooks.slack.com.evil.example/services/T0S3CRET/B0S3CRET/xS3CRETx",
        "https://evil@hooks.slack.com/services/T0S3CRET/B0S3CRET/xS3CRETx",
        "https://hooks.slack.com:8443/services/T0S3CRET/B0S3CRET/xS3CRETx",
        "https://hooks.slack.com/services/T0S3CRET/B0S3CRET",
        "https://hooks.slack.com/services/T0S3CRET/B0S3CRET/xS3CRETx?a=b",
        "https://hooks.slack.com/services/../B0S3CRET/xS3CRETx",
        "slack://T0S3CRET/B0S3CRET/xS3CRETx",
        "https://[::1/services/T0S3CRET/B0S3CRET/xS3CRETx",
        "S3CRET",
    ],
)
def test_other_addresses_are_no_slack(url: str) -> None:
    with pytest.raises(InvalidInputError) as what:
        slack(url)
    assert refused(what) == (
        "url in the credentials is no incoming webhook of Slack",
        (
            "it looks like https://hooks.slack.com/services/T000/B000/XXXX; "
            "make one at https://api.slack.com/messaging/webhooks"
        ),
    )


def test_a_stand_in_for_slack_is_for_development() -> None:
    with pytest.raises(InvalidInputError) as what:
        slack(endpoint="http://127.0.0.1:9009")
    assert refused(what) == (
        "--endpoint is for development",
        "in production Slack has one address",
    )
    with pytest.raises(InvalidInputError) as what:
        slack(endpoint="file:///etc/passwd", is_production=False)
    assert refused(what)[0] == (
        "--endpoint is 'file:///etc/passwd': that is no http:// or https:// URL"
    )


def test_reads_a_webhook() -> None:
    url = "https://hooks.x.example:8443/in/S3CRET?key=7"
    read = read_webhook({"url": url, "token": "t0k3n"}, is_production=True)
    assert read == WebhookTarget("hooks.x.example:8443", Secret(url), Secret("t0k3n"))
    plain = read_webhook({"url": "http://127.0.0.1:9009"}, is_production=False)
    assert plain == WebhookTarget("127.0.0.1:9009", Secret("http://127.0.0.1:9009"), Secret(""))


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        ({}, "the credentials hold no url"),
        ({"url": ""}, "the credentials hold no url"),
        ({"url": "http://x.example/S3CRET"}, "url in the credentials is no https:// URL"),
        ({"url": "file:///etc/S3CRET"}, "url in the credentials is no https:// URL"),
        ({"url": "json://x.example/S3CRET"}, "url in the credentials is no https:// URL"),
        ({"url": "https:///S3CRET"}, "url in the credentials is no https:// URL"),
        ({"url": "https://x.example/S3CRET a"}, "url in the credentials is no https:// URL"),
        ({"url": "https://x.example:99999/S3CRET"}, "url in the credentials is no https:// URL"),
        (
            {"url": "https://u:S3CRET@x.example/"},
            "url in the credentials holds a login or a fragment",
        ),
        (
            {"url": "https://x.example/#S3CRET"},
            "url in the credentials holds a login or a fragment",
        ),
        (
            {"url": "https://x.example/", "token": "S3CRET\r\nX: y"},
            "token in the credentials holds blanks or other than ASCII",
        ),
        ({"url": "https://x.example/", "key": "S3CRET"}, "the credentials hold key"),
    ],
)
def test_wrong_webhooks_are_explained(credentials: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInputError) as what:
        read_webhook(credentials, is_production=True)
    assert refused(what)[0] == message


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (email(), "ops@northwind.example by smtp.northwind.example"),
        (slack(), "hooks.slack.com"),
        (read_webhook(SECRET_WEBHOOK, is_production=True), "x.example"),
    ],
)
def test_secrets_are_kept_apart_from_settings(target: Target, shown: str) -> None:
    settings, secrets = stored(target)
    assert "S3CRET" not in repr(settings)
    assert "hunter2" not in repr(settings)
    assert "S3CRET" not in repr(target)
    assert "hunter2" not in repr(target)
    assert describe(target.kind, settings) == shown
    opened = {name: Secret(text) for name, text in secrets.items()}
    assert restore(target.kind, settings, opened) == target
