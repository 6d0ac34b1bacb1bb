"""What a notebook asks for, read and checked.

    {"features": [...], "entities": {"campaign_key": [...], "event_timestamp": [...]},
     "request": {"planned_spend_7d": [...]}}
    -> References, ids of entities as we keep them, instants, numbers

Columns, as in the data frame that they come from: fifty thousand rows are read in a tenth of a
second. JSON and not Arrow, because what a stranger sends may say that it unpacks to anything.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.entity_ids import parse_entity_id
from domain.errors import InvalidInputError
from feature_repo.catalogue import Catalogue
from feature_repo.on_demand import REQUEST_VALUES
from feature_repo.references import References, read_references

__all__ = ["EVENT_AT", "MOST_ROWS", "Question", "read_question"]

EVENT_AT: Final = "event_timestamp"
MOST_ROWS: Final = 50_000

_EARLIEST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_LATEST: Final = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_SHAPE: Final = (
    '{"features": ["campaign_pacing_v1"], "entities": {"campaign_key": ["con_...:1"], '
    '"event_timestamp": ["2026-10-20T06:00:00Z"]}}'
)


@dataclass(frozen=True, slots=True)
class Question:
    """Features of rows.

    Attributes:
        asked: Which.
        requests: Numbers of each row that features on demand are worked out with, by name.
        entity_ids: Of each row, by join key, as `feature_repo.entities` has them.
        instants: Of each row, UTC; empty: online features were asked for.
        rows: How many.
        full_names: Columns are called `view__feature`.
    """

    asked: References
    requests: Mapping[str, Sequence[float | None]]
    entity_ids: Mapping[str, Sequence[str]]
    instants: Sequence[dt.datetime]
    rows: int
    full_names: bool

    def shown(self, view: str, names: Sequence[str]) -> list[str]:
        """Names of a view's columns in the answer."""
        prefix = f"{view}__" if self.full_names else ""
        return [f"{prefix}{name}" for name in names]


def read_question(body: Any, catalogue: Catalogue, *, as_of: bool) -> Question:
    """Read a body.

    Args:
        body: Plain JSON values, from anybody.
        catalogue: What the agency has.
        as_of: Each row names its instant.

    Raises:
        InvalidInputError: It has another shape, too many rows, or an id or instant that is none
            (caller).
        NotFoundError: The agency has no such features (caller).
    """
    if not isinstance(body, dict) or not isinstance(body.get("entities"), dict):
        raise InvalidInputError("the body is no question", hint=f"send {_SHAPE}")
    full_names = body.get("full_feature_names", False)
    if not isinstance(full_names, bool):
        raise InvalidInputError("full_feature_names must be true or false")
    asked = read_references(catalogue, _texts(body.get("features"), "features"))
    columns = {name: _texts(values, name) for name, values in body["entities"].items()}
    keys = {wanted.view.entity.join_key: wanted.view.entity for wanted in asked.needed}
    rows = _check_columns(columns, [*keys, *([EVENT_AT] if as_of else [])])
    question = Question(
        asked=asked,
        requests=_numbers(body.get("request", {}), asked.requests, rows),
        entity_ids={
            name: _each(columns[name], name, lambda text, one=entity: parse_entity_id(one, text))
            for name, entity in keys.items()
        },
        instants=_each(columns[EVENT_AT], EVENT_AT, _instant) if as_of else (),
        rows=rows,
        full_names=full_names,
    )
    _check_names(question)
    return question


def _texts(values: Any, name: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidInputError(f"{name} must be a list of texts", hint=f"for example {_SHAPE}")
    return values


def _numbers(given: Any, needed: Sequence[str], rows: int) -> dict[str, list[float | None]]:
    hint = f"they need {', '.join(needed) or 'nothing'}: a number or null for each of {rows:,} rows"
    if not isinstance(given, dict) or not set(needed) <= given.keys() <= set(REQUEST_VALUES):
        raise InvalidInputError("request does not bring what the features need", hint=hint)
    for name, values in given.items():
        if not isinstance(values, list) or len(values) != rows or not all(map(_is_number, values)):
            raise InvalidInputError(f"{name} must be a list of numbers", hint=hint)
    return {
        name: [None if value is None else float(value) for value in given[name]] for name in needed
    }


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _check_columns(columns: Mapping[str, list[str]], needed: list[str]) -> int:
    hint = f"its columns are {', '.join(needed)}"
    if missing := [name for name in needed if name not in columns]:
        raise InvalidInputError(f"entities lack {', '.join(missing)}", hint=hint)
    if unknown := sorted(columns.keys() - set(needed)):
        raise InvalidInputError(f"entities have {', '.join(unknown)} too", hint=hint)
    lengths = {len(columns[name]) for name in needed}
    if len(lengths) > 1:
        raise InvalidInputError("the columns of entities are not of one length")
    rows = lengths.pop()
    if rows > MOST_ROWS:
        raise InvalidInputError(
            f"{rows:,} rows are too many", hint=f"ask for at most {MOST_ROWS:,} at once"
        )
    return rows


def _each(texts: Sequence[str], name: str, parse: Any) -> list[Any]:
    """Parse each text once; rows of a training set repeat their entities."""
    known: dict[str, Any] = {}
    for number, text in enumerate(texts, 1):
        if text in known:
            continue
        try:
            known[text] = parse(text)
        except (InvalidInputError, ValueError) as error:
            hint = error.hint if isinstance(error, InvalidInputError) else ""
            raise InvalidInputError(
                f"row {number} has the {name} {text[:100]!r}, which is none",
                hint=hint or "2026-10-20T06:00:00Z is an instant; its zone is needed",
            ) from error
    return [known[text] for text in texts]


def _instant(text: str) -> dt.datetime:
    instant = dt.datetime.fromisoformat(text)
    if instant.tzinfo is None or not _EARLIEST <= instant < _LATEST:
        raise ValueError(text)
    return instant.astimezone(dt.UTC)


def _check_names(question: Question) -> None:
    asked = question.asked
    names = [
        *(name for one in asked.stored for name in question.shown(one.view.name, one.features)),
        *(name for view, chosen in asked.on_demand for name in question.shown(view.name, chosen)),
    ]
    if len(set(names)) < len(names):
        raise InvalidInputError(
            "two views have features of one name", hint="ask with full_feature_names"
        )
