"""The record of processing has every item that article 30 asks for."""

import dataclasses
import re

from domain.privacy.held import HeldColumn, Store
from domain.privacy.holds import LINEAGE, SHOP_CUSTOMER_ID, SHOP_ORDER, STAFF_EMAIL, STAFF_NAME
from domain.privacy.rights import ProcessingRole
from gdpr.inventory.collect import Inventory
from gdpr.inventory.record import Activity, Agency, Controller, write_record
from tests.gdpr.inventory.test_inventory import INVENTORY

AGENCY = Agency("Northwind", ("Dana <dana@northwind.example>",))
CLIENTS = (Controller("Acme", ("google_ads", "shopify")), Controller("Quiet", ()))
SMALL = Inventory(
    (
        HeldColumn(Store.POSTGRES, "users", "email", STAFF_EMAIL),
        HeldColumn(Store.POSTGRES, "users", "name", STAFF_NAME),
        HeldColumn(Store.POSTGRES, "users", "tenant_id", LINEAGE),
        HeldColumn(Store.WAREHOUSE, "facts.orders", "customer_id", SHOP_CUSTOMER_ID),
        HeldColumn(Store.LANDING, "raw.shop__orders", "order_id", SHOP_ORDER, kept="landed"),
    )
)


_LANDED = (
    "landed: 400 days from the instant at which it was written. Thirteen months of what platforms"
    " sent: a year can be mapped anew after a mistake."
)
_SHOP_PEOPLE = (
    "shop_people: 1,095 days from the day that it tells of. Returning buyers are told from new ones"
    " over three years; then the person is taken out of the row and the sums stay."
)


def _lines(role: ProcessingRole, item: str) -> tuple[str, ...]:
    record = write_record(SMALL, role, AGENCY, CLIENTS)
    [section] = [one for one in record.sections if one.item == item]
    return section.lines


def test_every_item_of_the_article_is_there_and_answered() -> None:
    for role, items in {
        ProcessingRole.CONTROLLER: [f"30(1)({letter})" for letter in "abcdefg"],
        ProcessingRole.PROCESSOR: [f"30(2)({letter})" for letter in "abcd"],
    }.items():
        sections = write_record(INVENTORY, role, AGENCY, CLIENTS).sections
        assert [one.item for one in sections] == items
        assert all(one.lines for one in sections)


def test_a_purpose_is_an_activity_with_all_that_serves_it() -> None:
    record = write_record(SMALL, ProcessingRole.PROCESSOR, AGENCY, CLIENTS)
    assert record.activities == (
        Activity(
            purpose="Measure what the client's shop sells and which marketing led to it.",
            basis="6(1)(f)",
            subjects=("customer",),
            categories=("user.behavior.purchase_history", "user.unique_id"),
            recipients=(
                "people of the agency whose role allows it",
                "people of the client whom the agency lets in",
                "programs that the agency connected (OAuth applications)",
                "the operator of the platform, its hosting and its backups",
            ),
            kept=(_LANDED, _SHOP_PEOPLE),
            stores=("landing objects", "warehouse"),
        ),
    )


def test_a_processor_names_its_controllers_and_the_officer() -> None:
    assert _lines(ProcessingRole.PROCESSOR, "30(2)(a)") == (
        "Processor: Northwind.",
        "Data protection officer: Dana <dana@northwind.example>.",
        "Controller: Acme (google_ads, shopify).",
        "Controller: Quiet (no account connected).",
        "Joint controller, representative: none known here; the officer adds them.",
    )


def test_a_controller_tells_of_its_own_people_alone() -> None:
    assert _lines(ProcessingRole.CONTROLLER, "30(1)(b)") == (
        "Let the agency's people sign in and do what their role allows. Basis: 6(1)(b).",
    )
    assert _lines(ProcessingRole.CONTROLLER, "30(1)(c)") == (
        "People: employee. Data: user.contact.email, user.name. In: PostgreSQL.",
    )


def test_an_agency_without_an_officer_or_clients_is_told_so() -> None:
    record = write_record(SMALL, ProcessingRole.PROCESSOR, dataclasses.replace(AGENCY, officers=()))
    assert record.sections[0].lines[1:3] == (
        "Data protection officer: nobody has that role yet.",
        "No client yet.",
    )


def test_the_whole_record_names_every_category_and_period_of_the_inventory() -> None:
    told = "\n".join(
        line
        for role in ProcessingRole
        for one in write_record(INVENTORY, role, AGENCY, CLIENTS).sections
        for line in one.lines
    )
    for column, what in INVENTORY.personal:
        assert re.search(rf"{re.escape(what.category)}[,.]", told)
        assert f"{column.retention}: " in told
        assert what.purpose in told
