"""The accounts below a manager, from developers.google.com/google-ads/api/fields/v25/
customer_client: direct and indirect ones, and the manager itself, with their distance.
"""

import dataclasses
from collections.abc import Iterator

import httpx
import pytest

from ingestion.simulator.config import demo_config
from ingestion.simulator.google_ads import AdsAccount
from ingestion.simulator.server import SimulatorServer, create_simulator
from tests.fixtures.simulator import SIMULATED_NOW, RunningSimulator
from tests.ingestion.simulator.conftest import NORTHWIND_FORM, AdsCaller

MANAGER = "9000000001"
FIELDS = ", ".join(
    f"customer_client.{name}"
    for name in ("id", "descriptive_name", "currency_code", "time_zone", "manager", "status")
)


@pytest.fixture(scope="module")
def agency() -> Iterator[AdsCaller]:
    """Northwind, whose manager also has a manager below it, with a client that was closed."""
    config = demo_config(now=SIMULATED_NOW, campaigns=1)
    below = (
        AdsAccount("9100000000", "Nordics", "SEK", "Europe/Stockholm", MANAGER, is_manager=True),
        AdsAccount("4444444441", "Fjord", "SEK", "Europe/Stockholm", "9100000000", campaigns=1),
        AdsAccount("4444444442", "Gone", "SEK", "Europe/Stockholm", "9100000000", is_enabled=False),
    )
    ads = dataclasses.replace(config.google_ads, accounts=(*config.google_ads.accounts, *below))
    config = dataclasses.replace(config, google_ads=ads)
    with (
        SimulatorServer(create_simulator(config)) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        token = http.post("/google_ads/oauth2/v3/token", data=NORTHWIND_FORM).json()
        headers = {
            "Authorization": f"Bearer {token['access_token']}",
            "developer-token": "northwind-developer-token",
            "login-customer-id": MANAGER,
        }
        yield AdsCaller(RunningSimulator(server.url, config, http), headers)


def test_lists_a_manager_and_all_accounts_below_it(agency: AdsCaller) -> None:
    query = f"SELECT {FIELDS}, customer_client.level FROM customer_client"
    rows = [row["customerClient"] for row in agency.rows(query, customer=MANAGER)]
    assert [(row["id"], row["level"], row["manager"], row["status"]) for row in rows] == [
        (MANAGER, "0", True, "ENABLED"),
        ("1111111111", "1", False, "ENABLED"),
        ("2222222222", "1", False, "ENABLED"),
        ("9100000000", "1", True, "ENABLED"),
        ("4444444441", "2", False, "ENABLED"),
        ("4444444442", "2", False, "CANCELED"),
    ]
    assert rows[4] == {
        "resourceName": f"customers/{MANAGER}/customerClients/4444444441",
        "id": "4444444441",
        "descriptiveName": "Fjord",
        "currencyCode": "SEK",
        "timeZone": "Europe/Stockholm",
        "manager": False,
        "status": "ENABLED",
        "level": "2",
    }


def test_filters_orders_and_limits_accounts(agency: AdsCaller) -> None:
    rows = agency.rows(
        "SELECT customer_client.client_customer FROM customer_client WHERE "
        "customer_client.manager = FALSE AND customer_client.status = 'ENABLED' AND "
        "customer_client.level <= 1 ORDER BY customer_client.id DESC LIMIT 1",
        customer=MANAGER,
    )
    assert [row["customerClient"]["clientCustomer"] for row in rows] == ["customers/2222222222"]


def test_an_account_that_manages_nothing_has_no_clients(agency: AdsCaller) -> None:
    assert agency.rows("SELECT customer_client.id FROM customer_client") == []


def test_the_asked_account_comes_along(agency: AdsCaller) -> None:
    query = "SELECT customer.id, customer_client.id FROM customer_client LIMIT 2"
    rows = agency.rows(query, customer=MANAGER)
    assert [(row["customer"]["id"], row["customerClient"]["id"]) for row in rows] == [
        (MANAGER, MANAGER),
        (MANAGER, "1111111111"),
    ]


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("segments.device", "PROHIBITED_SEGMENT_IN_SELECT_OR_WHERE_CLAUSE"),
        ("metrics.clicks", "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE"),
        ("campaign.id", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"),
    ],
)
def test_accounts_have_no_measures(agency: AdsCaller, field: str, code: str) -> None:
    status, document = agency.failure(f"SELECT customer_client.id, {field} FROM customer_client")
    (error,) = document["error"]["details"][0]["errors"]
    assert (status, error["errorCode"]) == (400, {"queryError": code})


def test_a_higher_manager_may_log_in_for_an_indirect_client(agency: AdsCaller) -> None:
    query = "SELECT customer.descriptive_name FROM customer"
    (row,) = agency.rows(query, customer="4444444441")
    assert row["customer"]["descriptiveName"] == "Fjord"


def test_a_foreign_manager_shows_nothing(agency: AdsCaller) -> None:
    status, _ = agency.failure(
        "SELECT customer_client.id FROM customer_client", customer="9000000002"
    )
    assert status == 403
