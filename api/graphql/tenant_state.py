"""What the edge knows of an agency while it serves it."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import GraphQLSchema

from api.graphql.row_fields import DimensionField, MetricField
from domain.ids import TenantId
from domain.metrics.catalogue import MetricCatalogue

__all__ = ["TenantSchema", "TenantState"]


@dataclass(frozen=True, slots=True)
class TenantSchema:
    """A typed schema, shared by all agencies with the same catalogue.

    Attributes:
        core: What graphql-core executes.
        content_hash: Of the catalogue; names the schema.
        fields: Metrics and dimensions by GraphQL name.
        enums: For each dimension with canonical values, the GraphQL name of each value.
    """

    core: GraphQLSchema
    content_hash: str
    fields: Mapping[str, MetricField | DimensionField]
    enums: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TenantState:
    """An agency as of a moment at most half a second ago.

    Attributes:
        name: For people.
        slug: Short name.
        currency: Reporting currency, ISO 4217.
        time_zone: IANA name.
        catalogue: Core metrics and its own.
        schema: Made of the catalogue.
        data_version: Names the data that answers are made from; another one after each publication.
    """

    tenant_id: TenantId
    name: str
    slug: str
    currency: str
    time_zone: str
    catalogue: MetricCatalogue
    schema: TenantSchema
    data_version: str
