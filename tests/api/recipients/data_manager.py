"""Google's Data Manager API, as far as leaving an audience goes, written from its documentation.

A removal is checked and accepted under an id; it takes place when `finish` says so. A request that
is not as documented gets 400 and changes nothing.

Sources: see `api/recipients/google.py`, and the error model of Google APIs (AIP-193).
"""

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.ingestion.connector.scripted_server import Reply, Request

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class DataManager:
    """One account with audiences.

    Attributes:
        members: By audience, hashes.
        states: By id of a request, as `requestStatus:retrieve` tells it.
        failing: By path, what is answered instead.
    """

    account: str
    members: dict[str, set[str]]
    token: str = "ya29.x"
    failing: dict[str, Reply] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    removals: dict[str, tuple[str, set[str]]] = field(default_factory=dict)

    def answer(self, request: Request) -> Reply:
        if request.path in self.failing:
            return self.failing[request.path]
        if (request.method, request.path) == ("POST", "/token"):
            return Reply({"access_token": self.token, "expires_in": 3599})
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "UNAUTHENTICATED")
        if (request.method, request.path) == ("POST", "/v1/audienceMembers:remove"):
            return self._remove(request.json)
        state = self.states.get(request.query.get("requestId", ""))
        if state is None or (request.method, request.path) != ("GET", "/v1/requestStatus:retrieve"):
            return _error(404, "NOT_FOUND")
        return Reply({"requestStatusPerDestination": [state]})

    def finish(self, status: str = "SUCCESS", *reasons: str) -> None:
        """What is being worked on ends."""
        for request_id, (audience, hashes) in self.removals.items():
            self.states[request_id] |= {"requestStatus": status}
            if status == "SUCCESS":
                self.members[audience] -= hashes
            if reasons:
                counts = [{"recordCount": "1", "reason": reason} for reason in reasons]
                self.states[request_id]["errorInfo"] = {"errorCounts": counts}
        self.removals.clear()

    def _remove(self, told: Any) -> Reply:
        if told.keys() != {"destinations", "audienceMembers", "encoding"}:
            return _error(400, "INVALID_ARGUMENT")
        destinations, hashes = told["destinations"], _hashes(told["audienceMembers"])
        if told["encoding"] != "HEX" or len(destinations) != 1 or not hashes:
            return _error(400, "INVALID_ARGUMENT")
        (destination,) = destinations
        account = {"accountType": "GOOGLE_ADS", "accountId": self.account}
        if destination.get("operatingAccount") != account:
            return _error(403, "PERMISSION_DENIED")
        request_id = str(uuid.UUID(int=len(self.states) + 1))
        self.states[request_id] = {
            "destination": destination,
            "requestStatus": "PROCESSING",
            "audienceMembersRemovalStatus": {"userDataRemovalStatus": {}},
        }
        self.removals[request_id] = (destination["productDestinationId"], hashes)
        return Reply({"requestId": request_id})


def _hashes(members: list[Any]) -> set[str]:
    """Of 1 to 10,000 members with 1 to 10 identifiers each; empty when something is wrong."""
    given = [member["userData"]["userIdentifiers"] for member in members]
    items = [tuple(one.items()) for each in given for one in each]
    is_right = (
        len(members) <= 10_000
        and all(1 <= len(each) <= 10 for each in given)
        and all(len(item) == 1 for item in items)
        and all(name in {"emailAddress", "phoneNumber"} for ((name, _),) in items)
        and all(_HASH.fullmatch(value) for ((_, value),) in items)
    )
    return {value for ((_, value),) in items} if is_right else set()


def _error(status: int, name: str) -> Reply:
    return Reply({"error": {"code": status, "status": name}}, status)
