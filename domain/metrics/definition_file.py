"""An agency's metric as a few lines of YAML.

    text -> parse_definition -> Metric -> to_yaml -> text

    metric: contribution_margin
    label: Contribution margin
    is: revenue * (1 - cogs_rate) - spend
    let: {cogs_rate: 0.42}
    where: {order_status: {not: [cancelled]}}
    owner: agency

Instead of `is`, one of `sum`, `count` and `count_distinct` names a column: `sum: ads_daily.spend`.
Values are read as they are written, so the country `NO` stays Norway and 0.1 stays a tenth.
"""

from decimal import Decimal
from typing import Final

import yaml

from domain.facts import METRIC_FACTS
from domain.metrics.definition import (
    Aggregation,
    DerivedMetric,
    Metric,
    MetricFilter,
    Owner,
    SimpleMetric,
    Unit,
)
from domain.metrics.expression import Number, parse_expression
from domain.metrics.naming import InvalidNameError, check_name, did_you_mean
from domain.metrics.resolution import MetricDefinitionError, unit_of
from domain.metrics.tokens import ExpressionError

__all__ = ["parse_definition", "to_yaml"]

_AGGREGATIONS: Final = {one.value: one for one in Aggregation}
_KINDS: Final = ("is", *_AGGREGATIONS)
_FIELDS: Final = ("metric", "label", "description", *_KINDS, "let", "where", "owner")
_MAX_CHARACTERS: Final = 10_000


def parse_definition(text: str) -> Metric:
    """Read the definition of an agency's metric.

    Whether its names exist and its units fit is for `build_catalogue` to say.

    Raises:
        MetricDefinitionError: The text is not YAML of this form; the message names line and field.
    """
    fields = _fields(_compose(text))
    name = _checked_name(fields)
    label = _text(fields, "label") or name.replace("_", " ").capitalize()
    description = _text(fields, "description") or f"{label}, defined by the agency."
    where = _filters(fields)
    if "owner" in fields and _text(fields, "owner") != Owner.AGENCY.value:
        raise _complaint(fields["owner"], "owner", "an agency's metric has the owner agency")
    kind = _kind(fields, name)
    if kind == "is":
        return DerivedMetric(
            name, label, description, _expression(fields), _parameters(fields), where, Owner.AGENCY
        )
    if "let" in fields:
        raise _complaint(fields["let"], "let", "only an expression (is) takes parameters")
    fact, column, unit = _source(fields[kind], kind)
    return SimpleMetric(
        name, label, description, fact, column, _AGGREGATIONS[kind], unit, where, Owner.AGENCY
    )


def to_yaml(metric: Metric) -> str:
    """Write a metric so that `parse_definition` reads the same one of an agency's metric."""
    fields: list[tuple[str, yaml.Node]] = [
        ("metric", _scalar(metric.name)),
        ("label", _scalar(metric.label)),
        ("description", _scalar(metric.description)),
    ]
    if isinstance(metric, SimpleMetric):
        fields.append((metric.aggregation.value, _scalar(f"{metric.fact}.{metric.column}")))
    else:
        fields.append(("is", _scalar(metric.expression)))
        if metric.parameters:
            values: list[tuple[str, yaml.Node]] = [
                (name, _number(value)) for name, value in metric.parameters.items()
            ]
            fields.append(("let", _mapping(values, flow=True)))
    if metric.where:
        fields.append(("where", _mapping([_filter_node(one) for one in metric.where], flow=True)))
    fields.append(("owner", _scalar(metric.owner.value)))
    return yaml.serialize(_mapping(fields), allow_unicode=True, width=100)


def _compose(text: str) -> yaml.MappingNode:
    if len(text) > _MAX_CHARACTERS:
        raise MetricDefinitionError(
            f"a definition has at most {_MAX_CHARACTERS} characters, this one {len(text)}"
        )
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise MetricDefinitionError(f"line {line}: not YAML: {problem}") from error
    if not isinstance(node, yaml.MappingNode):
        raise MetricDefinitionError(
            "line 1: a definition is a mapping of fields", hint="metric: name of the metric"
        )
    return node


def _fields(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    fields = _entries(node, "")
    for name, value in fields.items():
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS, otherwise=f"fields are {', '.join(_FIELDS)}")
            raise _complaint(value, name, "there is no such field", hint)
    return fields


def _entries(node: yaml.MappingNode, field: str) -> dict[str, yaml.Node]:
    entries: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _complaint(key, field or "metric", "a field's name is one word")
        if key.value in entries:
            raise _complaint(key, key.value, "it is given twice")
        entries[key.value] = value
    return entries


def _checked_name(fields: dict[str, yaml.Node]) -> str:
    name = _text(fields, "metric")
    if not name:
        raise MetricDefinitionError("line 1, field metric: it is missing", hint="metric: my_metric")
    try:
        return check_name(name)
    except InvalidNameError as error:
        raise _complaint(fields["metric"], "metric", error.message, error.hint) from error


def _kind(fields: dict[str, yaml.Node], name: str) -> str:
    given = [kind for kind in _KINDS if kind in fields]
    if len(given) == 1:
        return given[0]
    choices = "one of is, sum, count and count_distinct"
    if not given:
        raise _complaint(fields["metric"], "metric", f"{name} needs {choices}")
    raise _complaint(fields[given[1]], given[1], f"{name} has {given[0]} already: {choices}")


def _expression(fields: dict[str, yaml.Node]) -> str:
    text = _text(fields, "is")
    try:
        parse_expression(text)
    except ExpressionError as error:
        raise _complaint(fields["is"], "is", error.message, error.hint) from error
    return text


def _parameters(fields: dict[str, yaml.Node]) -> dict[str, Decimal]:
    node = fields.get("let")
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _complaint(node, "let", "parameters are names with numbers", "let: {rate: 0.42}")
    return {name: _parameter(name, value) for name, value in _entries(node, "let").items()}


def _parameter(name: str, node: yaml.Node) -> Decimal:
    field = f"let.{name}"
    text = _plain(node, field)
    try:
        check_name(name, kind="parameter")
        number = parse_expression(text.removeprefix("-"))
    except InvalidNameError as error:
        raise _complaint(node, field, error.message, error.hint) from error
    except ExpressionError as error:
        raise _complaint(node, field, f"{text!r} is not a number") from error
    if not isinstance(number, Number):
        raise _complaint(node, field, f"{text!r} is not a number")
    return -number.value if text.startswith("-") else number.value


def _filters(fields: dict[str, yaml.Node]) -> tuple[MetricFilter, ...]:
    node = fields.get("where")
    if node is None:
        return ()
    if not isinstance(node, yaml.MappingNode):
        raise _complaint(node, "where", "filters are dimensions with values", _WHERE_HINT)
    return tuple(_filter(name, value) for name, value in _entries(node, "where").items())


_WHERE_HINT: Final = "where: {channel: {in: [email]}} or {order_status: {not: [cancelled]}}"


def _filter(dimension: str, node: yaml.Node) -> MetricFilter:
    field = f"where.{dimension}"
    if not isinstance(node, yaml.MappingNode):
        return MetricFilter(dimension, _values(node, field))
    entries = _entries(node, field)
    if set(entries) not in ({"in"}, {"not"}):
        raise _complaint(node, field, "a filter says either in or not", _WHERE_HINT)
    verb, values = next(iter(entries.items()))
    return MetricFilter(dimension, _values(values, f"{field}.{verb}"), negated=verb == "not")


def _values(node: yaml.Node, field: str) -> tuple[str, ...]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not nodes:
        raise _complaint(node, field, "there are no values", _WHERE_HINT)
    return tuple(_plain(value, field) for value in nodes)


def _source(node: yaml.Node, field: str) -> tuple[str, str, Unit]:
    text = _plain(node, field)
    fact_name, point, column_name = text.partition(".")
    fact = METRIC_FACTS.get(fact_name)
    if not point or fact is None:
        known = f"facts are {', '.join(METRIC_FACTS)}"
        hint = did_you_mean(fact_name, METRIC_FACTS, otherwise=known)
        raise _complaint(node, field, f"{text!r} is not a column of a fact", hint)
    column = fact.column(column_name)
    if column is None:
        names = [one.name for one in fact.columns]
        hint = did_you_mean(column_name, names, otherwise=f"it has {', '.join(names)}")
        raise _complaint(node, field, f"{fact_name} has no column {column_name!r}", hint)
    return fact_name, column_name, unit_of(column, _AGGREGATIONS[field])


def _text(fields: dict[str, yaml.Node], field: str) -> str:
    return _plain(fields[field], field) if field in fields else ""


def _plain(node: yaml.Node, field: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise _complaint(node, field, "one value is expected here")
    return str(node.value)


def _complaint(node: yaml.Node, field: str, reason: str, hint: str = "") -> MetricDefinitionError:
    line = node.start_mark.line + 1
    return MetricDefinitionError(f"line {line}, field {field}: {reason}", hint=hint)


def _scalar(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text)


def _number(value: Decimal) -> yaml.ScalarNode:
    text = f"{value:f}"
    kind = "float" if "." in text else "int"
    return yaml.ScalarNode(f"tag:yaml.org,2002:{kind}", text)


def _mapping(entries: list[tuple[str, yaml.Node]], *, flow: bool = False) -> yaml.MappingNode:
    pairs: list[tuple[yaml.Node, yaml.Node]] = [(_scalar(key), value) for key, value in entries]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=flow)


def _filter_node(one: MetricFilter) -> tuple[str, yaml.Node]:
    values = [_scalar(value) for value in one.values]
    sequence = yaml.SequenceNode("tag:yaml.org,2002:seq", list(values), flow_style=True)
    verb = "not" if one.negated else "in"
    return one.dimension, _mapping([(verb, sequence)], flow=True)
