"""The REST operations, described for programs (OpenAPI 3.1).

    describe(issuer) -> docs/openapi.json, which a test holds to what the server does

Pages for people (`api/pages/site.py`) are not in it, nor what `DESCRIBED_ELSEWHERE` names. A route
that is new and neither of these nor described fails a test.

Sources: OpenAPI 3.1.1; RFC 6749 section 5, RFC 7009, RFC 7662, RFC 8414, RFC 9728 (bodies).
"""

from typing import Any, Final

from feature_repo.entities import ENTITIES
from feature_repo.on_demand import REQUEST_VALUES

__all__ = ["DESCRIBED_ELSEWHERE", "describe"]

DESCRIBED_ELSEWHERE: Final = frozenset(
    {
        "/graphql",  # docs/schema.graphql, docs/graphql.md
        "/",  # leads to the explorer, in development
        # What platforms send is described by them; docs/gdpr.md says where they are told to.
        "/privacy/shopify",
        "/privacy/meta/deletion",
        "/privacy/meta/deauthorise",
    }
)

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_TEXT: Final = {"type": "string", "maxLength": 512}
_URL: Final = {"type": "string", "format": "uri"}
_TEXTS: Final = {"type": "array", "items": {"type": "string"}}

_ERRORS: Final = {
    "400": "The request is malformed, or what it asks for is not granted.",
    "401": "The application is not who it says, or is suspended.",
    "403": "The application does not list the origin of the page that asks.",
    "405": "Only POST is taken.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is no form.",
    "429": "Too many requests of this address have failed.",
    "503": "The server is busy, or cannot look the application up.",
}

_SCHEMAS: Final[dict[str, Any]] = {
    "OAuthError": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "enum": [
                    "invalid_client",
                    "invalid_grant",
                    "invalid_request",
                    "invalid_scope",
                    "invalid_target",
                    "temporarily_unavailable",
                    "unauthorized_client",
                    "unsupported_grant_type",
                ]
            },
            "error_description": {"type": "string"},
        },
    },
    "Failure": {
        "type": "object",
        "required": ["errors"],
        "properties": {
            "errors": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["message", "extensions"],
                    "properties": {
                        "message": {"type": "string"},
                        "extensions": {
                            "type": "object",
                            "required": ["code", "hint"],
                            "properties": {
                                "code": {"type": "string"},
                                "hint": {"type": "string"},
                                "traceId": {"type": "string", "format": "uuid"},
                            },
                        },
                    },
                },
            }
        },
    },
    "Token": {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in", "scope"],
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"const": "Bearer"},
            "expires_in": {"const": 600, "description": "Seconds."},
            "refresh_token": {"type": "string"},
            "scope": {"type": "string"},
        },
    },
    "Introspection": {
        "type": "object",
        "required": ["active"],
        "properties": {
            "active": {"type": "boolean"},
            "client_id": {"type": "string"},
            "sub": {"type": "string"},
            "scope": {"type": "string"},
            "exp": {"type": "integer"},
        },
    },
    "KeySet": {
        "type": "object",
        "required": ["keys"],
        "properties": {
            "keys": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["kty", "kid", "use", "alg", "crv", "x", "y"],
                    "properties": {"kty": {"const": "EC"}, "d": False},
                },
            }
        },
    },
    "ServerMetadata": {
        "type": "object",
        "required": ["issuer", "token_endpoint", "jwks_uri", "response_types_supported"],
        "properties": {
            "issuer": _URL,
            "authorization_endpoint": _URL,
            "token_endpoint": _URL,
            "revocation_endpoint": _URL,
            "introspection_endpoint": _URL,
            "jwks_uri": _URL,
            "grant_types_supported": _TEXTS,
            "response_types_supported": {"const": ["code"]},
            "code_challenge_methods_supported": {"const": ["S256"]},
            "scopes_supported": _TEXTS,
        },
    },
    "ResourceMetadata": {
        "type": "object",
        "required": ["resource", "authorization_servers"],
        "properties": {
            "resource": _URL,
            "authorization_servers": {"type": "array", "items": _URL, "minItems": 1},
            "bearer_methods_supported": {"const": ["header"]},
            "scopes_supported": _TEXTS,
        },
    },
    "Alive": {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"const": "alive"}},
    },
    "Readiness": {
        "type": "object",
        "required": ["status", "parts"],
        "properties": {
            "status": {"enum": ["ready", "not ready"]},
            "parts": {
                "type": "object",
                "additionalProperties": {"enum": ["ready", "fails", "does not answer"]},
            },
        },
    },
}

_ROWS: Final = {"type": "array", "maxItems": 50_000, "items": {"type": "string"}}
_NUMBERS: Final = {"type": "array", "items": {"type": ["number", "null"]}}
_QUESTION: Final = {
    "type": "object",
    "required": ["features", "entities"],
    "properties": {
        "features": {
            **_TEXTS,
            "minItems": 1,
            "description": "`view:feature`, or names of views or services.",
        },
        "entities": {
            "type": "object",
            "description": "Columns of one length: keys, and `event_timestamp` for the past.",
            "properties": dict.fromkeys(
                [*(entity.join_key for entity in ENTITIES), "event_timestamp"], _ROWS
            ),
        },
        "request": {
            "type": "object",
            "description": "Numbers that features on demand are worked out with, one for each row.",
            "properties": dict.fromkeys(REQUEST_VALUES, _NUMBERS),
        },
        "full_feature_names": {"type": "boolean"},
    },
}
_FEATURE_ERRORS: Final = {
    "400": "The question is malformed.",
    "401": "There is no token, or none that is good.",
    "403": "The token may not see these features, or the page is not the application's.",
    "404": "The agency has no such features.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "429": "The application has used up its calls.",
    "503": "The server is busy, or a part of it does not answer.",
}
_CREDENTIALS: Final = {"client_id": _TEXT, "client_secret": _TEXT}
_TOKEN_FORM: Final = {
    "grant_type": {"enum": ["authorization_code", "client_credentials", "refresh_token"]},
    "code": _TEXT,
    "code_verifier": {"type": "string", "minLength": 43, "maxLength": 128},
    "redirect_uri": _TEXT,
    "refresh_token": _TEXT,
    "scope": _TEXT,
    "resource": _TEXT,
    **_CREDENTIALS,
}
_TOKEN_OF_FORM: Final = {"token": {"type": "string", "maxLength": 9_000}, "token_type_hint": _TEXT}


def describe(issuer: str) -> dict[str, Any]:
    """The description.

    Args:
        issuer: Our address, without a slash at the end.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bosco",
            "version": "1",
            "description": "Tokens for apps, features for notebooks, and what is public about the "
            "server. Everything else is asked for at /graphql.",
        },
        "servers": [{"url": issuer}],
        "paths": {
            "/healthz": {"get": _document("isAlive", "Whether the process runs.", "Alive")},
            "/readyz": {"get": _readiness()},
            "/oauth/token": {"post": _token()},
            "/oauth/revoke": {"post": _revocation()},
            "/oauth/introspect": {"post": _introspection()},
            "/features/historical": {
                "post": _features("getHistoricalFeatures", "Features, each row as of its instant.")
            },
            "/features/online": {
                "post": _features("getOnlineFeatures", "Features as they are served now.")
            },
            "/oauth/jwks.json": {
                "get": _document("getKeys", "The keys that verify access tokens.", "KeySet")
            },
            "/.well-known/oauth-authorization-server": {
                "get": _document("getServerMetadata", "What apps can ask for.", "ServerMetadata")
            },
            "/.well-known/oauth-protected-resource": {
                "get": _document("getResource", "Who issues tokens.", "ResourceMetadata")
            },
            "/.well-known/oauth-protected-resource/graphql": {
                "get": _document("getGraphQLResource", "Who issues tokens.", "ResourceMetadata")
            },
        },
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {
                "app": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _document(operation: str, summary: str, schema: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {
            "200": _answer("The document.", schema),
            "503": _answer("The server is busy, or has no database.", "Failure"),
        },
    }


def _readiness() -> dict[str, Any]:
    return {
        "operationId": "isReady",
        "summary": "Whether requests can be answered now.",
        "responses": {
            "200": _answer("All parts answer.", "Readiness"),
            "503": _answer("Some part does not.", "Readiness"),
        },
    }


def _token() -> dict[str, Any]:
    return _operation("getToken", "Get an access token (RFC 6749).", "grant_type", _TOKEN_FORM) | {
        "responses": {"200": _answer("A token.", "Token"), **_refusals()}
    }


def _revocation() -> dict[str, Any]:
    form = _TOKEN_OF_FORM | _CREDENTIALS
    return _operation("revokeToken", "Cut a token off (RFC 7009).", "token", form) | {
        "responses": {"200": {"description": "The token opens nothing any more."}, **_refusals()}
    }


def _introspection() -> dict[str, Any]:
    form = _TOKEN_OF_FORM | _CREDENTIALS
    return _operation("introspectToken", "What a token stands for (RFC 7662).", "token", form) | {
        "responses": {"200": _answer("What it says.", "Introspection"), **_refusals()}
    }


def _features(operation: str, summary: str) -> dict[str, Any]:
    columns = {"schema": {"type": "string", "format": "binary"}}
    answer = {
        "description": "An Arrow stream: one row for each that was asked, in that order.",
        "content": {"application/vnd.apache.arrow.stream": columns},
    }
    refusals = {status: _answer(text, "Failure") for status, text in _FEATURE_ERRORS.items()}
    return {
        "operationId": operation,
        "summary": summary,
        "security": [{"token": []}],
        "requestBody": {"required": True, "content": {_JSON: {"schema": _QUESTION}}},
        "responses": {"200": answer, **refusals},
    }


def _operation(
    operation: str, summary: str, required: str, fields: dict[str, Any]
) -> dict[str, Any]:
    schema = {"type": "object", "required": [required], "properties": fields}
    return {
        "operationId": operation,
        "summary": summary,
        "security": [{"app": []}, {}],  # or client_id and client_secret in the form
        "requestBody": {"required": True, "content": {_FORM: {"schema": schema}}},
    }


def _refusals() -> dict[str, Any]:
    return {status: _answer(text, "OAuthError") for status, text in _ERRORS.items()}


def _answer(description: str, schema: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": description, "content": {_JSON: {"schema": reference}}}
