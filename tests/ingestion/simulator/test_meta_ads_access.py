"""Who may read what at Meta, with which version, and the refusals that a fault can ask for."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fixtures.simulator import SIMULATED_NOW
from tests.ingestion.simulator.meta_caller import ACCOUNT, MetaCaller, lone_meta, refusal


def test_a_token_lists_its_accounts_in_pages(meta: MetaCaller) -> None:
    fields = "account_id,name,currency,timezone_name,account_status"
    first = meta.get("/me/adaccounts", fields=fields, limit="1").json()
    assert first["data"] == [
        {
            "account_id": ACCOUNT,
            "name": "Acme Shoes",
            "currency": "EUR",
            "timezone_name": "Europe/Berlin",
            "account_status": 1,
        }
    ]
    rest = meta.http.get(first["paging"]["next"]).json()
    assert [row["account_id"] for row in rest["data"]] == ["222222222222222"]
    assert "next" not in rest["paging"]
    assert meta.get("/me/adaccounts").json()["data"][0] == {
        "account_id": ACCOUNT,
        "id": f"act_{ACCOUNT}",
    }


def test_an_account_tells_the_fields_that_are_asked_for(meta: MetaCaller) -> None:
    answer = meta.get(f"/act_{ACCOUNT}", fields="name,timezone_name")
    assert answer.json() == {
        "id": f"act_{ACCOUNT}",
        "name": "Acme Shoes",
        "timezone_name": "Europe/Berlin",
    }
    assert refusal(meta.get(f"/act_{ACCOUNT}", fields="nickname")) == (
        *(400, 100, None),
        "(#100) Tried accessing nonexisting field (nickname) on node type (AdAccount)",
    )


def test_the_token_may_stand_in_the_header(meta: MetaCaller) -> None:
    headers = {"Authorization": f"Bearer {meta.token}"}
    answer = meta.http.get("/meta_ads/v26.0/me/adaccounts", headers=headers)
    assert len(answer.json()["data"]) == 2


@pytest.mark.parametrize("account", ["333333333333333", "999999999999999"])
def test_an_account_of_others_is_as_unknown_as_none(meta: MetaCaller, account: str) -> None:
    message = (
        f"Unsupported get request. Object with ID 'act_{account}' does not exist, cannot be loaded "
        "due to missing permissions, or does not support this operation. Please read the Graph API "
        "documentation at https://developers.facebook.com/docs/graph-api"
    )
    assert refusal(meta.get(f"/act_{account}")) == (400, 100, 33, message)
    assert refusal(meta.insights(account=account)) == (400, 100, 33, message)


def test_without_a_good_token_there_is_no_answer(meta: MetaCaller) -> None:
    nobody = dataclasses.replace(meta, token="")
    assert refusal(nobody.insights())[1:] == (
        *(104, None),
        "An access token is required to request this resource.",
    )
    stranger = dataclasses.replace(meta, token="EAAunknown")
    assert refusal(stranger.insights())[1:] == (
        *(190, None),
        "Invalid OAuth access token - Cannot parse access token",
    )


def test_the_token_of_a_person_runs_out() -> None:
    ends = SIMULATED_NOW + timedelta(days=60)
    with lone_meta(token_ends=ends) as meta:
        assert meta.insights().status_code == 200
        meta.move_clock(ends)
        assert refusal(meta.insights()) == (
            *(400, 190, 463),
            (
                "Error validating access token: Session has expired on Monday, "
                "02-Nov-26 01:00:00 PST."
            ),
        )


def test_tokens_of_people_can_be_ended_at_once(meta: MetaCaller) -> None:
    with lone_meta(token_ends=datetime(2027, 1, 1, tzinfo=UTC)) as lone:
        assert lone.http.post("/_control/tokens/expire").json() == {"expired": 1}
        assert refusal(lone.insights())[1:3] == (190, 463)
        lone.http.post("/_control/reset").raise_for_status()
        assert lone.insights().status_code == 200
    meta.http.post("/_control/tokens/expire").raise_for_status()
    assert meta.insights().status_code == 200  # of a system user


@pytest.mark.parametrize("version", ["v24.0", "v9.0", "v26.1"])
def test_a_retired_version_says_so(meta: MetaCaller, version: str) -> None:
    old = dataclasses.replace(meta, prefix=f"/meta_ads/{version}")
    assert refusal(old.insights()) == (
        *(400, 2635, None),
        (
            "(#2635) You are calling a deprecated version of the Ads API. Please update to the "
            "latest version: v27.0."
        ),
    )


@pytest.mark.parametrize(
    ("fault", "status", "code", "subcode", "words"),
    [
        ({"kind": "server_error"}, 503, 2, None, "An unexpected error has occurred."),
        ({"kind": "server_error", "status": 500, "code": 1}, 500, 1, None, "An unknown error"),
        ({"kind": "expired_token"}, 400, 190, 463, "Session has expired"),
        ({"kind": "expired_token", "subcode": 460}, 400, 190, 460, "changed their password"),
        ({"kind": "expired_token", "subcode": 458}, 400, 190, 458, "has not authorized"),
        (
            {"kind": "too_large"},
            *(500, 1, 1487534),
            "Please reduce the amount of data you're asking for, then retry your request",
        ),
        ({"kind": "too_large", "code": 100, "subcode": 1504018}, 400, 100, 1504018, "timed out"),
        ({"kind": "too_large", "code": 2, "subcode": 1504038}, 500, 2, 1504038, "timed out"),
        ({"kind": "refused", "code": 200}, 403, 200, None, "ads_management or ads_read"),
        ({"kind": "refused", "code": 960}, 400, 960, None, "waiting for the batch"),
        ({"kind": "refused", "code": 2, "subcode": 1504043}, 500, 2, 1504043, "intermittent"),
        ({"kind": "refused", "code": 12}, 400, 12, None, "(#12) The request is refused."),
    ],
)
def test_documented_refusals_can_be_played(
    meta: MetaCaller,
    fault: dict[str, Any],
    status: int,
    code: int,
    subcode: int | None,
    words: str,
) -> None:
    meta.fault(**fault)
    told = refusal(meta.insights())
    assert told[:3] == (status, code, subcode)
    assert words in told[3]
    assert meta.insights().status_code == 200
