"""Errors as callers see them: what is wrong, where, what to do.

    UserError     -> message, path, extensions {code, hint}
    anything else -> "something went wrong on our side" + trace id; the rest goes to the log

A response never holds SQL, a traceback or another agency's ids.
"""

import uuid
from typing import Any, Final

import structlog
from graphql import GraphQLError

from api.graphql.documents import InvalidDocumentError
from domain.errors import BoscoError, InternalError, UserError

__all__ = ["format_error", "format_graphql_error", "format_invalid_document"]

_LOG: Final = structlog.get_logger(__name__)
_MASK: Final = "something went wrong on our side"


def format_error(error: UserError) -> dict[str, Any]:
    """An error that concerns the request as a whole."""
    return {"message": error.message, "extensions": {"code": error.code, "hint": error.hint}}


def format_invalid_document(error: InvalidDocumentError) -> list[dict[str, Any]]:
    """The broken rules of a document, each with its places."""
    return [
        _located(one, {"code": "GRAPHQL_VALIDATION_FAILED", "hint": ""}) for one in error.errors
    ]


def format_graphql_error(error: GraphQLError, trace_id: uuid.UUID) -> dict[str, Any]:
    """An error of execution; what is not the caller's to mend is masked and logged.

    Args:
        error: As graphql-core collected it.
        trace_id: Of the request, to find the log entry by.
    """
    original: Exception | None = error
    while isinstance(original, GraphQLError):
        original = original.original_error
    if original is None:  # a variable or argument that does not fit its type
        return _located(error, {"code": "INVALID_INPUT", "hint": ""})
    if isinstance(original, UserError):
        formatted = format_error(original)
        return {**formatted, "path": error.path}
    _LOG.error("request_failed", trace_id=str(trace_id), path=error.path, exc_info=original)
    code = original.code if isinstance(original, InternalError) else BoscoError.code
    return {
        "message": _MASK,
        "path": error.path,
        "extensions": {
            "code": code,
            "hint": "try again; if it stays, tell support the trace id",
            "traceId": str(trace_id),
        },
    }


def _located(error: GraphQLError, extensions: dict[str, Any]) -> dict[str, Any]:
    formatted: dict[str, Any] = {"message": error.message, "extensions": extensions}
    if error.locations:
        formatted["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    if error.path:
        formatted["path"] = error.path
    return formatted
