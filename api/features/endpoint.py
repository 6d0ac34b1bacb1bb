"""Features for notebooks: `/features/historical` and `/features/online`.

    POST JSON -> token -> admission -> scope -> question -> facts as of each instant | Redis
    -> Arrow stream, one row for each row asked, in that order

As of each row's own instant, always: there is no way to ask for what became known later. What is
unknown, of another agency or of a client that the token does not show is NULL, and all three look
the same. A training set is noted in the audit trail: it is the way on which many values leave.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.bodies import BodyTooLargeError, read_body
from api.edge.admission import Admission, NotAdmittedError
from api.edge.refusals import refuse
from api.features.questions import Question, read_question
from api.identity.caller import Caller, Scope
from api.oauth.access_tokens import AccessTokens
from api.oauth.bearer import UnauthenticatedError, authenticate
from domain.errors import InvalidInputError, NotFoundError, PermissionDeniedError, UserError
from domain.ports import Clock, IdFactory
from feature_repo.compute import FeatureComputer
from feature_repo.read import AS_OF, FeatureReader
from tenancy import audit
from tenancy.session import Database

__all__ = ["ARROW_STREAM", "MOST_BYTES", "FeatureServices", "feature_routes"]

ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
MOST_BYTES: Final = 8_000_000

_JSON: Final = "application/json"

_Answer = Callable[[Caller, Question], Awaitable[pa.Table]]


class _UnreadableError(UserError):
    """The body cannot be taken as it comes."""

    def __init__(self, status: int, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class FeatureServices:
    """What the routes need, wired in `api/http.py`.

    Attributes:
        database: Control plane.
        tokens: Verifies access tokens.
        reader: Reads features online.
        computer: Computes them out of the facts.
        clock: Present instant.
        ids: For entries of the audit trail.
    """

    database: Database
    tokens: AccessTokens
    reader: FeatureReader
    computer: FeatureComputer
    clock: Clock
    ids: IdFactory

    async def historical(self, caller: Caller, question: Question) -> pa.Table:
        """A training set."""
        tables = {
            wanted.view.name: await self.computer.in_order(
                caller.scope,
                wanted,
                question.entity_ids[wanted.view.entity.join_key],
                question.instants,
            )
            for wanted in question.asked.needed
        }
        columns = _columns(question, tables)
        async with self.database.session(caller.tenant_id) as session:
            audit.record(
                session,
                clock=self.clock,
                ids=self.ids,
                actor=caller.actor,
                action="training_set.read",
                object_kind="features",
                object_id=", ".join(tables),
                details={"rows": question.rows, "features": list(columns)},
            )
        return pa.table(columns)

    async def online(self, caller: Caller, question: Question) -> pa.Table:
        """What is served now; `as_of` of each view says since when."""
        tables = {
            wanted.view.name: await self.reader.read_table(
                caller.scope, wanted.view.name, question.entity_ids[wanted.view.entity.join_key]
            )
            for wanted in question.asked.needed
        }
        since = {f"{name}__{AS_OF}": table.column(AS_OF) for name, table in tables.items()}
        return pa.table(since | _columns(question, tables))


def feature_routes(services: FeatureServices, admission: Admission) -> list[Route]:
    """The routes above."""

    def route(path: str, answer: _Answer, *, as_of: bool) -> Route:
        async def endpoint(request: Request) -> Response:
            return await _respond(services, admission, request, answer, as_of=as_of)

        return Route(path, endpoint, methods=["POST"])

    return [
        route("/features/historical", services.historical, as_of=True),
        route("/features/online", services.online, as_of=False),
    ]


async def _respond(
    services: FeatureServices,
    admission: Admission,
    request: Request,
    answer: _Answer,
    *,
    as_of: bool,
) -> Response:
    headers: dict[str, str] = {}
    try:
        caller = await authenticate(services.tokens, request.headers)
        headers = await admission.admit(caller, request.headers)
        caller.require(Scope.METRICS_READ)
        body = await _read_json(request)
        catalogue = await services.reader.catalogue(caller.tenant_id)
        question = await asyncio.to_thread(read_question, body, catalogue, as_of=as_of)
        caller.require_metrics(question.asked.names)
        table = await answer(caller, question)
    except UnauthenticatedError as refused:
        return _refusal(401, refused.error, refused.headers)
    except NotAdmittedError as refused:
        return refuse(refused.refusal, request.url.path)
    except UserError as error:
        return _refusal(_status(error), error, headers)
    content = await asyncio.to_thread(_as_stream, table)
    return Response(content, 200, _kept(headers), media_type=ARROW_STREAM)


def _columns(question: Question, tables: Mapping[str, pa.Table]) -> dict[str, pa.ChunkedArray]:
    """What is asked for, of tables with everything that is needed for it, by view."""
    columns: dict[str, pa.ChunkedArray] = {}
    for one in question.asked.stored:
        found = tables[one.view.name].select(list(one.features)).columns
        columns |= zip(question.shown(one.view.name, one.features), found, strict=True)
    for view, names in question.asked.on_demand:
        worked_out = view.compute(names, tables[view.view.name], question.requests)
        columns |= zip(question.shown(view.name, names), worked_out.values(), strict=True)
    return columns


async def _read_json(request: Request) -> Any:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != _JSON:
        raise _UnreadableError(415, f"the content type must be {_JSON}", hint="docs/features.md")
    try:
        return orjson.loads(await read_body(request, MOST_BYTES))
    except BodyTooLargeError as error:
        raise _UnreadableError(
            413, f"the body is larger than {MOST_BYTES:,} bytes", hint="ask for fewer rows at once"
        ) from error
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"the body is not JSON: {error.msg}") from error


def _status(error: UserError) -> int:
    if isinstance(error, _UnreadableError):
        return error.status
    if isinstance(error, PermissionDeniedError):
        return 403
    return 404 if isinstance(error, NotFoundError) else 400


def _refusal(status: int, error: UserError, headers: dict[str, str]) -> Response:
    extensions = {"code": error.code, "hint": error.hint}
    body = orjson.dumps({"errors": [{"message": error.message, "extensions": extensions}]})
    return Response(body, status, _kept(headers), media_type=_JSON)


def _kept(headers: dict[str, str]) -> dict[str, str]:
    return {"cache-control": "no-store", "vary": "authorization", **headers}


def _as_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content
