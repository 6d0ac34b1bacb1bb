"""Our definitions as Feast knows them. Imports Feast, which takes seconds: import it late."""

import datetime as dt
from typing import Final

from feast import Entity as FeastEntity
from feast import FeatureService as FeastService
from feast import FeatureView as FeastView
from feast import Field, Project, PushSource, ValueType
from feast.constants import PROTECTED_PROJECT_TAG
from feast.feast_object import FeastObject
from feast.types import Float64, Int64, PrimitiveFeastType, String

from domain.facts.fact import ColumnType
from feature_repo.catalogue import Catalogue
from feature_repo.entities import ENTITIES, PROJECT, TENANT_KEY
from feature_repo.feature import FeatureView
from feature_repo.feature_views import fingerprint
from feature_repo.statements import CLIENT_ID
from feature_repo.stores.offline_store import FactsSource

__all__ = ["feast_objects"]

_TYPES: Final[dict[ColumnType, PrimitiveFeastType]] = {
    ColumnType.FLOAT64: Float64,
    ColumnType.INT64: Int64,
    ColumnType.STRING: String,
}


def feast_objects(catalogue: Catalogue) -> list[FeastObject]:
    """New Feast objects for the project and every entity, view and service."""
    project = Project(
        name=PROJECT,
        description="Features of every agency; kept from Feast's teardown and delete_project.",
        tags={PROTECTED_PROJECT_TAG: "true"},
    )
    agency = FeastEntity(
        name="agency",
        join_keys=[TENANT_KEY],
        value_type=ValueType.STRING,
        description="The agency; first in every key.",
    )
    entities = {
        entity.name: FeastEntity(
            name=entity.name,
            join_keys=[entity.join_key],
            value_type=ValueType.STRING,
            description=entity.description,
        )
        for entity in ENTITIES
    }
    views = {
        name: _view(view, [agency, entities[view.entity.name]])
        for name, view in catalogue.views.items()
    }
    services = [
        FeastService(
            name=service.name,
            features=[views[service.view][list(service.features)]],
            description=service.description,
        )
        for service in catalogue.services.values()
    ]
    return [project, agency, *entities.values(), *views.values(), *services]


def _view(view: FeatureView, entities: list[FeastEntity]) -> FeastView:
    keys = [Field(name=key, dtype=String) for key in (TENANT_KEY, view.entity.join_key)]
    features = [
        Field(
            name=feature.name,
            dtype=_TYPES[feature.type],
            description=feature.description,
            tags={"unit": feature.unit.value},
        )
        for feature in view.features
    ]
    client = Field(name=CLIENT_ID, dtype=String, description="Client that the entity belongs to.")
    return FeastView(
        name=view.name,
        source=PushSource(name=f"{view.name}_push", batch_source=FactsSource(view.name)),
        entities=entities,
        schema=[*keys, client, *features],
        ttl=dt.timedelta(seconds=view.ttl_seconds),
        description=view.description,
        tags={"fingerprint": fingerprint(view)},
    )
