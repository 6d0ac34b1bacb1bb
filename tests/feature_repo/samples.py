"""Tables of features as the computer gives them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from domain.ids import ClientId
from feature_repo.compute import micros_of
from feature_repo.feature import FeatureView
from tenancy.warehouse.types import ARROW_TYPES

__all__ = ["feature_table"]


def feature_table(
    view: FeatureView,
    client_id: ClientId,
    moment: dt.datetime,
    entities: Mapping[str, Mapping[str, Any]],
) -> pa.Table:
    """Rows of entities of one client; features that are not named are NULL."""
    head = {"moment": micros_of(moment), "client_id": str(client_id)}
    rows = [{"entity": entity_id, **head, **values} for entity_id, values in entities.items()]
    columns = {"entity": pa.string(), "moment": pa.int64(), "client_id": pa.string()}
    columns |= {feature.name: ARROW_TYPES[feature.type] for feature in view.features}
    return pa.Table.from_pylist(rows, pa.schema(columns.items()))
