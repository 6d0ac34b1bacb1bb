"""What a question brings for features on demand: a number, or several, for each entity.

    requests: [{entity: "con_...:1", plannedSpend7d: 1200}] + stored rows -> rows worked out

Each request names its entity, so nothing depends on the order of two lists, and two plans for one
campaign are two requests. The numbers are typed: there is a field for each that a view needs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa
import strawberry
from strawberry.tools import create_type

from api.graphql.typed_arguments import typed_field
from domain.errors import InvalidInputError
from domain.metrics.naming import camel_case
from feature_repo.feature import FeatureView
from feature_repo.on_demand import ON_DEMAND, OnDemandView
from feature_repo.read import FeatureRow
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["FeatureRequest", "check_requests", "work_out"]

_VALUES: Final = {one.name: one for view in ON_DEMAND.values() for one in view.requests}

FeatureRequest: Final[Any] = create_type(
    "FeatureRequest",
    [
        typed_field("entity", strawberry.ID, "Whose features; once more for another plan."),
        *(
            typed_field(name, float | None, f"{value.description} 0 or more.", default=None)
            for name, value in _VALUES.items()
        ),
    ],
    is_input=True,
    description="An entity, and the numbers that its features on demand are worked out with.",
)


def check_requests(
    service: str,
    view: OnDemandView | None,
    requests: Sequence[Any] | None,
    entities: Sequence[str] | None,
) -> None:
    """Refuse what cannot be worked out.

    Args:
        service: What is asked for.
        view: Works it out; None: it is stored.
        requests: `FeatureRequest`s.
        entities: The argument of that name.

    Raises:
        InvalidInputError: Requests are missing, lack a number or have no use (caller).
    """
    if view is None:
        if requests is not None:
            raise InvalidInputError(
                f"{service} is stored and takes no requests",
                hint=f"name entities; requests are for {', '.join(ON_DEMAND)}",
            )
        return
    fields = ", ".join(f"{camel_case(one.name)}: 100" for one in view.requests)
    hint = f'requests: [{{entity: "...", {fields}}}]'
    if requests is None:
        raise InvalidInputError(f"{service} is worked out of what you bring", hint=hint)
    if entities is not None:
        raise InvalidInputError("requests name the entities already", hint="leave entities out")
    for number, request in enumerate(requests, 1):
        for value in view.requests:
            given = getattr(request, value.name)
            if given is None:
                raise InvalidInputError(
                    f"request {number} lacks {camel_case(value.name)}", hint=hint
                )
            if not 0 <= given < math.inf:
                raise InvalidInputError(
                    f"{camel_case(value.name)} of request {number} must be 0 or more, not {given}",
                    hint=value.description,
                )


def work_out(
    view: OnDemandView, requests: Sequence[Any], rows: Sequence[FeatureRow | None]
) -> list[FeatureRow | None]:
    """Features on demand in the place of the stored ones that they rest on.

    Args:
        view: Of which features.
        requests: Checked, one for each row.
        rows: What is stored.

    Returns:
        Rows with the view's features and the currency of their amounts; None stays None.
    """
    stored = _columns(view.view, view.rests_on(view.feature_names), rows)
    given = {
        value.name: [getattr(request, value.name) for request in requests]
        for value in view.requests
    }
    worked_out = view.compute(view.feature_names, stored, given)
    columns: Mapping[str, list[Any]] = {
        name: column.to_pylist() for name, column in worked_out.items()
    }
    return [
        None if row is None else replace(row, values=_values(view, columns, number, row))
        for number, row in enumerate(rows)
    ]


def _columns(
    view: FeatureView, names: Sequence[str], rows: Sequence[FeatureRow | None]
) -> pa.Table:
    return pa.table(
        {
            name: pa.array(
                [None if row is None else row.values[name] for row in rows],
                ARROW_TYPES[view.feature(name).type],
            )
            for name in names
        }
    )


def _values(
    view: OnDemandView, columns: Mapping[str, list[Any]], number: int, row: FeatureRow
) -> dict[str, Any]:
    values = {name: column[number] for name, column in columns.items()}
    return {**values, view.currency: row.values[view.currency]}
