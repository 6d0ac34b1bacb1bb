"""How Shopify fails, as its documentation and those who met it tell."""

from collections.abc import Mapping
from typing import Any, Final

from tests.ingestion.sources.documented_fault import BACKOFF, DocumentedFault

__all__ = ["SHOPIFY"]

_LIMITS: Final = "Shopify API limits; GraphQL Admin API rate limits"
_CODES: Final = "GraphQL Admin API, status and error codes"
_FILE: Final = "sources/test_shopify.py"
_ROWS: Final = f"{_FILE}::test_rows_survive"
_LONG: Final = f"{_FILE}::test_rows_survive_inside_a_long_order"
_TOLD: Final = f"{_FILE}::test_refusals_say_what_to_do"
_CALL: Final = {"operation": "OrderLines"}
_TWICE: Final = {"times": 2, **_CALL}

_ON_THE_WAY: Final[tuple[tuple[str, str, dict[str, Any], tuple[float, ...]], ...]] = (
    (
        "throttled in HTTP 200",
        _LIMITS,
        {"kind": "rate_limited", "retry_after_seconds": 2},
        (2.0, 2.0),
    ),
    ("server error 500", _CODES, {"kind": "server_error", "status": 500}, BACKOFF),
    ("server error 503", _CODES, {"kind": "server_error", "status": 503}, BACKOFF),
    (
        "body that is cut off",
        "RFC 9112 section 8",
        {"kind": "cut_connection", "cut_after_bytes": 500},
        BACKOFF,
    ),
    ("JSON that ends early", "RFC 8259", {"kind": "malformed_json"}, BACKOFF),
)


def _fault(
    name: str,
    documented: str,
    test: str,
    play: Mapping[str, Any] | None = None,
    waits: tuple[float, ...] = (),
) -> DocumentedFault:
    return DocumentedFault("shopify", name, documented, test, play, waits)


def _refused(name: str, **what: Any) -> DocumentedFault:
    return _fault(name, _CODES, _TOLD, {"kind": "refused", **what, **_CALL})


SHOPIFY: Final = (
    *(
        _fault(name, place, _ROWS, {**play, **_TWICE}, waits)
        for name, place, play, waits in _ON_THE_WAY
    ),
    *(
        _fault(f"{name}, inside a long order", place, _LONG, {**play, **_TWICE}, waits)
        for name, place, play, waits in _ON_THE_WAY
    ),
    _fault(
        "slow answer",
        "RFC 9110 section 15.6.5",
        _ROWS,
        {"kind": "slow", "seconds": 0.01, **_CALL},
    ),
    _fault(
        "INTERNAL_SERVER_ERROR in HTTP 200",
        _CODES,
        _ROWS,
        {"kind": "refused", "value": "INTERNAL_SERVER_ERROR", **_TWICE},
        BACKOFF,
    ),
    _fault("query too dear", _LIMITS, _ROWS, {"kind": "too_large", "times": 1, **_CALL}),
    _fault(
        "query too dear at any size",
        _LIMITS,
        f"{_FILE}::test_a_page_that_is_too_dear_at_any_size_is_refused",
    ),
    _fault(
        "page shorter than asked for",
        "Paginating results with GraphQL: first",
        _ROWS,
        {"kind": "half_page", "times": 4, **_CALL},
    ),
    _fault(
        "order with more lines than a page",
        "Paginating results with GraphQL: at most 250; Order.lineItems",
        f"{_FILE}::test_orders_of_many_lines_lose_none",
    ),
    _fault(
        "order deleted while it is read",
        "Admin API, Order; events with the verb destroy",
        f"{_FILE}::test_an_order_that_is_deleted_while_it_is_read_is_told",
    ),
    _fault(
        "product deleted since",
        "LineItem.product: nullable",
        f"{_FILE}::test_products_that_are_gone_and_names",
    ),
    _fault(
        "new member of a node",
        "API versioning",
        _ROWS,
        {"kind": "unknown_field", **_TWICE},
    ),
    _fault(
        "values of another type",
        "API versioning",
        f"{_FILE}::test_rows_of_another_type_are_quarantined",
    ),
    _fault(
        "field gone in a version",
        "API versioning; undefinedField",
        f"{_FILE}::test_a_field_that_the_version_lacks_is_told",
    ),
    _refused("401 token wrong", code=401),
    _refused("402 shop frozen", code=402),
    _refused("403 shop unavailable", code=403),
    _refused("404 shop unknown", code=404),
    _refused("423 shop locked", code=423),
    _refused("ACCESS_DENIED", value="ACCESS_DENIED"),
    _refused("SHOP_INACTIVE", value="SHOP_INACTIVE"),
)
