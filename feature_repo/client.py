"""Features in a notebook: Feast's calls, over HTTP, with a token.

    connect(url, token) -> get_historical_features(entity_df, features) -> to_df() | to_arrow()
                        -> get_online_features(features, entity_rows)   -> to_df() | to_dict()

The token says whose features they are; nothing here names an agency. Values are always as of each
row's own instant. Large frames go in pieces of `MOST_ROWS`, so a piece that fails has asked for no
more than that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson
import pandas as pd
import pyarrow as pa

from domain.errors import UserError
from feature_repo.entities import ENTITIES
from feature_repo.on_demand import REQUEST_VALUES

__all__ = [
    "FeatureRequestError",
    "NotebookFeatures",
    "OnlineFeatureValues",
    "TrainingSet",
    "connect",
]

MOST_ROWS: Final = 50_000  # of one request, as the server takes them

_EVENT_AT: Final = "event_timestamp"
_KEYS: Final = tuple(entity.join_key for entity in ENTITIES)
_PATIENCE_SECONDS: Final = 120.0

_Columns = dict[str, list[Any]]


class FeatureRequestError(UserError):
    """The server does not answer the question; message and hint are its own.

    Attributes:
        status: HTTP status; 0: it was not reached.
    """

    code = "FEATURE_REQUEST"

    def __init__(self, status: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The rows that were asked, with features beside them; as Feast's `RetrievalJob`."""

    _table: pa.Table

    def to_arrow(self) -> pa.Table:
        """Columns of the frame that was given, then the features."""
        return self._table

    def to_df(self) -> pd.DataFrame:
        """The same in pandas."""
        return self._table.to_pandas()


@dataclass(frozen=True, slots=True)
class OnlineFeatureValues:
    """What is served now; as Feast's `OnlineResponse`."""

    _table: pa.Table

    def to_dict(self) -> dict[str, list[Any]]:
        """Values by column: keys, features, and `VIEW__as_of`."""
        columns: dict[str, list[Any]] = self._table.to_pydict()
        return columns

    def to_df(self) -> pd.DataFrame:
        """The same in pandas."""
        return self._table.to_pandas()


@dataclass(frozen=True, slots=True)
class NotebookFeatures:
    """One agency's features, through one token.

    Attributes:
        url: Of the server, without a slash at the end.
        headers: Of each request.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)  # a token in a saved notebook outlives it

    def get_historical_features(
        self,
        entity_df: pd.DataFrame,
        features: Sequence[str] | str,
        full_feature_names: bool = False,  # noqa: FBT001, FBT002  # Feast's signature
    ) -> TrainingSet:
        """Features of each row as of its own instant.

        Args:
            entity_df: Columns such as `campaign_key` or `client_key`, ids as everywhere outside
                (`con_...:123`, `cli_...`), and `event_timestamp`; without a zone it is UTC. Other
                columns, labels for example, stay as they are.
                Columns that features on demand need (`planned_spend_7d`) are sent, all others
                stay here.
            features: `view:feature` references, or the name of a service or view.
            full_feature_names: Columns are called `view__feature`.

        Raises:
            FeatureRequestError: The server refuses the question, or was not reached (caller).
        """
        if _EVENT_AT not in entity_df.columns:
            raise FeatureRequestError(
                0, f"the data frame lacks {_EVENT_AT}", hint="each row says as of when"
            )
        columns = {"entities": _keys(entity_df), "request": _requests(entity_df)}
        columns["entities"][_EVENT_AT] = _instants(entity_df[_EVENT_AT])
        question = {"features": _references(features), "full_feature_names": full_feature_names}
        pieces = [self._ask("/features/historical", question | piece) for piece in _pieces(columns)]
        table = pa.Table.from_pandas(entity_df, preserve_index=False)
        return TrainingSet(_beside(table, pa.concat_tables(pieces)))

    def get_online_features(
        self,
        features: Sequence[str] | str,
        entity_rows: Sequence[Mapping[str, Any]],
        full_feature_names: bool = False,  # noqa: FBT001, FBT002  # Feast's signature
    ) -> OnlineFeatureValues:
        """Features as they are served now; arguments as above, `{"campaign_key": id}` a row.

        Raises:
            FeatureRequestError: The server refuses the question, or was not reached (caller).
        """
        frame = pd.DataFrame(list(entity_rows))
        columns = {"entities": _keys(frame), "request": _requests(frame)}
        question = {"features": _references(features), "full_feature_names": full_feature_names}
        pieces = [self._ask("/features/online", question | piece) for piece in _pieces(columns)]
        table = pa.Table.from_pandas(frame, preserve_index=False)
        return OnlineFeatureValues(_beside(table, pa.concat_tables(pieces)))

    def _ask(self, path: str, question: Mapping[str, Any]) -> pa.Table:
        try:
            reply = httpx.post(
                f"{self.url}{path}",
                content=orjson.dumps(question),
                headers=dict(self.headers),
                timeout=_PATIENCE_SECONDS,
            )
        except httpx.TransportError as error:
            raise FeatureRequestError(
                0, f"{self.url} was not reached: {type(error).__name__}"
            ) from error
        if reply.status_code != httpx.codes.OK:
            raise _refused(reply)
        return pa.ipc.open_stream(reply.content).read_all()


def connect(url: str, token: str) -> NotebookFeatures:
    """A connection to the server; reaches nothing yet.

    Args:
        url: Of the server, `https://...`.
        token: An access token with the scope `metrics:read`; it lives for ten minutes, so whoever
            works longer connects again with a new one.
    """
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return NotebookFeatures(url.rstrip("/"), headers)


def _references(features: Sequence[str] | str) -> list[str]:
    return [features] if isinstance(features, str) else list(features)


def _keys(frame: pd.DataFrame) -> _Columns:
    return {name: frame[name].astype(str).to_list() for name in _KEYS if name in frame.columns}


def _requests(frame: pd.DataFrame) -> _Columns:
    return {
        name: [None if pd.isna(value) else float(value) for value in frame[name]]
        for name in REQUEST_VALUES
        if name in frame.columns
    }


def _instants(column: pd.Series) -> list[str]:
    instants = pd.to_datetime(column, utc=True)
    return [instant.isoformat() for instant in instants]


def _pieces(parts: Mapping[str, _Columns]) -> Iterator[dict[str, _Columns]]:
    rows = max((len(values) for part in parts.values() for values in part.values()), default=0)
    for start in range(0, max(rows, 1), MOST_ROWS):
        yield {
            part: {name: values[start : start + MOST_ROWS] for name, values in columns.items()}
            for part, columns in parts.items()
        }


def _beside(table: pa.Table, features: pa.Table) -> pa.Table:
    for name in features.column_names:
        table = table.append_column(name, features.column(name))
    return table


def _refused(reply: httpx.Response) -> FeatureRequestError:
    try:
        error = orjson.loads(reply.content)["errors"][0]
        message, hint = str(error["message"]), str(error["extensions"]["hint"])
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return FeatureRequestError(reply.status_code, f"the server answered {reply.status_code}")
    return FeatureRequestError(reply.status_code, message, hint=hint)
