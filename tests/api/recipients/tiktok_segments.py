"""TikTok's segment mappings, written from its documentation: all answers are HTTP 200.

Sources: see `api/recipients/tiktok.py`.
"""

import re
from dataclasses import dataclass
from typing import Any

from tests.ingestion.connector.scripted_server import Reply, Request

_HASH = re.compile(r"[0-9a-f]{64}")
_TYPES = frozenset({"EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "AAID_SHA256"})


@dataclass(slots=True)
class Segments:
    """One advertiser with audiences.

    Attributes:
        members: By audience, pairs of a type and a hash.
        code: Answers the next calls, if it is not 0.
    """

    advertiser: str
    token: str
    members: dict[str, set[tuple[str, str]]]
    code: int = 0

    def answer(self, request: Request) -> Reply:
        if (request.method, request.path) != ("POST", "/open_api/v1.3/segment/mapping/"):
            return _said(40006)
        if self.code:
            return _said(self.code)
        if request.headers.get("access-token") != self.token:
            return _said(40105)
        if request.headers.get("content-type") != "application/json":
            return _said(40002)
        return _said(self._map(request.json))

    def _map(self, told: Any) -> int:
        if told.keys() != {"advertiser_ids", "action", "id_schema", "batch_data"}:
            return 40002
        if told["advertiser_ids"] != [self.advertiser]:
            return 40001
        schemas, rows = told["id_schema"], told["batch_data"]
        if told["action"] != "delete" or not _TYPES.issuperset(schemas) or not rows:
            return 40002
        if not all(self._is_right(row, len(schemas)) for row in rows):
            return 40002
        for row in rows:
            for schema, one in zip(schemas, row, strict=True):
                for audience in one["audience_ids"]:
                    self.members[audience].discard((schema, one["id"]))
        return 0

    def _is_right(self, row: list[Any], columns: int) -> bool:
        return len(row) == columns and all(
            one.keys() == {"id", "audience_ids"}
            and _HASH.fullmatch(one["id"])
            and self.members.keys() >= set(one["audience_ids"])
            for one in row
        )


def _said(code: int) -> Reply:
    message = "OK" if code == 0 else "ada@example.com is wrong"
    return Reply({"code": code, "message": message, "request_id": "20260301120000AB", "data": {}})
