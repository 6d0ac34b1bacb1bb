"""The route `/graphql`.

    POST -> content type -> token -> admission -> body -> agency -> document -> execute -> orjson

One operation in one POST of JSON: no GET, no batches, no forms, so no page of another site can make
a browser send one. Everything needs a token, introspection too: a schema names an agency's metrics.

Source: GraphQL over HTTP, draft of 2025 (media types, status codes).
"""

import inspect
from dataclasses import dataclass
from typing import Any, Final

import orjson
from graphql import ExecutionResult
from graphql.execution import execute
from starlette.requests import Request
from starlette.responses import Response

from api.bodies import BodyTooLargeError, read_body
from api.edge.admission import Admission, NotAdmittedError
from api.edge.refusals import refuse
from api.graphql.context import Context
from api.graphql.documents import Document, DocumentStore, InvalidDocumentError
from api.graphql.errors import format_error, format_graphql_error, format_invalid_document
from api.graphql.execution import RowExecutor
from api.graphql.services import GraphQLServices
from api.graphql.tenants import SchemaStore, TenantStates
from api.identity.caller import Caller
from api.oauth.bearer import UnauthenticatedError, authenticate
from domain.errors import InvalidInputError, UserError

__all__ = ["MAXIMUM_BODY_BYTES", "GraphQLEndpoint"]

MAXIMUM_BODY_BYTES: Final = 1_000_000

_JSON: Final = "application/json"
_GRAPHQL_JSON: Final = "application/graphql-response+json"
_ONE_OBJECT: Final = 'send one JSON object: {"query": "...", "variables": {...}}'


class _RefusedError(Exception):
    """The request is no GraphQL request."""

    def __init__(self, status: int, error: UserError, headers: dict[str, str]) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = headers


@dataclass(frozen=True, slots=True)
class _Operation:
    query: str
    variables: dict[str, Any]
    name: str | None


class GraphQLEndpoint:
    """Answers GraphQL requests. Used from one event loop.

    Args:
        services: Wired once per process.
    """

    def __init__(self, services: GraphQLServices) -> None:
        self._services = services
        self._tenants = TenantStates(services.database, SchemaStore(), services.clock)
        self._documents = DocumentStore(services.limits)

    async def answer(self, request: Request, admission: Admission) -> Response:
        """Answer one POST.

        Args:
            request: From anybody.
            admission: What a request with a good token must pass.

        Returns:
            200 with data or errors; 4xx when the request itself is refused.
        """
        media_type = _accepted(request)
        try:
            _check_content_type(request)
            caller = await authenticate(self._services.tokens, request.headers)
            headers = await admission.admit(caller, request.headers)
            operation = _read_operation(await _read_json(request))
        except _RefusedError as refused:
            body = {"errors": [format_error(refused.error)]}
            return _respond(body, refused.status, media_type, refused.headers)
        except UnauthenticatedError as unknown:
            body = {"errors": [format_error(unknown.error)]}
            return _respond(body, 401, media_type, unknown.headers)
        except NotAdmittedError as error:
            return refuse(error.refusal, request.url.path)
        # A request that cannot be executed is 400, for clients that know the newer media type;
        # older ones take anything but 200 for a failure of the transport.
        status = 400 if media_type == _GRAPHQL_JSON else 200
        try:
            body, is_executed = await self._run(caller, operation)
        except UserError as error:
            body, is_executed = {"errors": [format_error(error)]}, False
        except InvalidDocumentError as error:
            body, is_executed = {"errors": format_invalid_document(error)}, False
        return _respond(body, 200 if is_executed else status, media_type, headers)

    async def execute(self, caller: Caller, query: str) -> dict[str, Any]:
        """Answer a document of somebody who is known already: the body as plain JSON values."""
        try:
            body, _ = await self._run(caller, _Operation(query, {}, None))
        except UserError as error:
            body = {"errors": [format_error(error)]}
        except InvalidDocumentError as error:
            body = {"errors": format_invalid_document(error)}
        plain: dict[str, Any] = orjson.loads(orjson.dumps(body))  # rows are ready-made JSON
        return plain

    async def _run(self, caller: Caller, operation: _Operation) -> tuple[dict[str, Any], bool]:
        tenant = await self._tenants.get(caller.tenant_id)
        schema = tenant.schema
        document = self._documents.get(schema.core, schema.content_hash, operation.query)
        _check_name(document, operation.name)
        context = Context(
            services=self._services,
            caller=caller,
            tenant=tenant,
            forget_tenant=lambda: self._tenants.forget(caller.tenant_id),
        )
        pending = execute(
            schema.core,
            document.node,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.name,
            executor_class=RowExecutor,
        )
        result = await pending if inspect.isawaitable(pending) else pending
        return self._format(result, is_executed=context.executor is not None)

    def _format(self, result: ExecutionResult, *, is_executed: bool) -> tuple[dict[str, Any], bool]:
        body: dict[str, Any] = {"data": result.data} if is_executed else {}
        if result.errors:
            trace_id = self._services.ids()
            body["errors"] = [format_graphql_error(error, trace_id) for error in result.errors]
        return body, is_executed


def _accepted(request: Request) -> str:
    return _GRAPHQL_JSON if _GRAPHQL_JSON in request.headers.get("accept", "") else _JSON


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != _JSON:
        error = InvalidInputError(f"the content type must be {_JSON}", hint=_ONE_OBJECT)
        raise _RefusedError(415, error, {})


async def _read_json(request: Request) -> Any:
    try:
        return orjson.loads(await read_body(request, MAXIMUM_BODY_BYTES))
    except BodyTooLargeError as error:
        limit = f"{MAXIMUM_BODY_BYTES:,}"
        too_large = InvalidInputError(
            f"the body is larger than {limit} bytes", hint="split it into several requests"
        )
        raise _RefusedError(413, too_large, {"connection": "close"}) from error
    except orjson.JSONDecodeError as error:
        raise _malformed(f"the body is not JSON: {error.msg}") from error


def _read_operation(body: Any) -> _Operation:
    if isinstance(body, list):
        raise _malformed("several operations in one request are not taken")
    if not isinstance(body, dict):
        raise _malformed("the body is not a JSON object")
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    if not isinstance(query, str) or not query:
        raise _malformed("query must be a text")
    if variables is not None and not isinstance(variables, dict):
        raise _malformed("variables must be an object")
    if name is not None and not isinstance(name, str):
        raise _malformed("operationName must be a text")
    return _Operation(query, variables or {}, name or None)


def _malformed(message: str) -> _RefusedError:
    return _RefusedError(400, InvalidInputError(message, hint=_ONE_OBJECT), {})


def _check_name(document: Document, name: str | None) -> None:
    if name is None and len(document.operations) > 1:
        raise InvalidInputError(
            "the document has several operations", hint="name one of them in operationName"
        )
    if name is not None and name not in document.operations:
        raise InvalidInputError(
            f"the document has no operation {name!r}", hint="operationName must be one of it"
        )


def _respond(
    body: dict[str, Any], status: int, media_type: str, headers: dict[str, str] | None = None
) -> Response:
    # Answers belong to one caller: no cache on the way may keep them.
    kept = {"cache-control": "no-store", "vary": "authorization, accept", **(headers or {})}
    return Response(orjson.dumps(body), status, kept, media_type=media_type)
