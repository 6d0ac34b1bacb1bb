"""Pages for people whom data is about: ask for a right, and see how a request stands.

    GET  /privacy/request/{form}   the form of a client
    POST /privacy/request/{form}   -> kept -> the address of its status
    GET  /privacy/status/{code}    how it stands, and why it was refused

Nobody signs in. A page holds no name, no address and no id of anybody; a code that was given for a
message about nobody whom we know says so to whoever has it, and to nobody else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.identity.throttle import TooManyTriesError
from api.pages.doorway import for_anybody, show_message
from api.pages.rendering import render
from api.pages.visits import Visits
from api.privacy.forms import RIGHTS, PrivacyForms
from domain.errors import InvalidInputError, NotFoundError, UserError
from domain.ids import TenantId
from domain.privacy.rights import RequestOutcome, RequestState
from gdpr.inbound.meta import is_confirmation_code
from tenancy.tables import PrivacyMessage, PrivacyMessageState, SubjectRequest

__all__ = ["PrivacyPages", "Standing"]

_STATES: Final[Mapping[RequestState, str]] = {
    RequestState.RECEIVED: "Your request has arrived.",
    RequestState.IDENTIFYING: "We have to be sure that it is you: look for our message.",
    RequestState.MATCHING: "We are looking for the data that your request is about.",
    RequestState.APPROVING: "Your request waits for a second person to agree.",
    RequestState.HELD: "A legal duty keeps the data for now; it is dealt with when that ends.",
    RequestState.READY: "Your request is about to be carried out.",
    RequestState.RUNNING: "Your request is being carried out.",
    RequestState.WAITING: "Your request was carried out here; others have to confirm it.",
    RequestState.COUNTERSIGNING: "Your request was carried out; the result is being checked.",
    RequestState.REFUSED: "Your request was refused.",
    RequestState.WITHDRAWN: "Your request was taken back.",
    RequestState.MERGED: "Your request goes on together with an earlier one of yours.",
}
_OUTCOMES: Final[Mapping[RequestOutcome | None, str]] = {
    None: "Your request is done.",
    RequestOutcome.DONE: "Your request is done.",
    RequestOutcome.PARTLY: "Your request is done, except for a part that has to be kept.",
    RequestOutcome.NOTHING_FOUND: "We looked, and found no data about you.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request stands, for people.

    Attributes:
        reason: Of a refusal or a remainder; may be empty.
        due: Day by which it has to be answered; empty: it has ended, or is not dated yet.
    """

    text: str
    reason: str = ""
    due: str = ""


class PrivacyPages:
    """Anybody may see these.

    Args:
        visits: Tell where forms come from.
        forms: Take requests.
        secrets: Of our app at Meta, with which codes were made.
        address_of: Network address that a request comes from.
    """

    def __init__(
        self,
        visits: Visits,
        forms: PrivacyForms,
        secrets: Sequence[str],
        address_of: Callable[[Request], str],
    ) -> None:
        self._visits = visits
        self._forms = forms
        self._secrets = secrets
        self._address_of = address_of

    def routes(self) -> list[Route]:
        """See the module."""
        ask = for_anybody(self._visits, self._ask)
        return [
            Route("/privacy/request/{form}", ask, methods=["GET", "POST"]),
            Route("/privacy/status/{code}", self._status, methods=["GET"]),
        ]

    async def _ask(self, request: Request, fields: Mapping[str, str]) -> Response:
        try:
            form = await self._forms.find(request.path_params["form"])
        except NotFoundError as error:
            return _not_found(error)
        problem: UserError | None = None
        if request.method == "POST":
            try:
                code = await self._forms.take(form, fields, self._address_of(request))
            except (InvalidInputError, TooManyTriesError) as error:
                problem = error
            else:
                path = f"/privacy/status/{code}"
                return render("privacy_sent.html", path=path, home=self._visits.issuer)
        is_busy = isinstance(problem, TooManyTriesError)
        return render(
            "privacy_request.html",
            status=429 if is_busy else 400 if problem else 200,
            client=form.client,
            rights=RIGHTS,
            given=fields,
            problem=problem,
        )

    async def _status(self, request: Request) -> Response:
        code = request.path_params["code"]
        standings = [
            standing
            for tenant_id, message in await self._forms.inbox.stand_of(code)
            for standing in await self._of_message(tenant_id, message)
        ]
        if not standings and is_confirmation_code(code, self._secrets):
            standings = [Standing("Your request is done. We hold nothing that it is about.")]
        if not standings:
            return _not_found(NotFoundError("there is no such request", hint="check the address"))
        return render("privacy_status.html", standings=list(dict.fromkeys(standings)))

    async def _of_message(self, tenant_id: TenantId, message: PrivacyMessage) -> list[Standing]:
        if message.state is not PrivacyMessageState.FILED:
            return [Standing(_STATES[RequestState.RECEIVED])]
        async with self._forms.inbox.database.session(tenant_id) as session:
            query = select(SubjectRequest).where(SubjectRequest.id.in_(message.request_ids))
            rows = await session.scalars(query.order_by(SubjectRequest.id))
            return [_standing(row) for row in rows] or [Standing(_OUTCOMES[None])]


def _standing(request: SubjectRequest) -> Standing:
    if request.state is RequestState.COMPLETED:
        return Standing(_OUTCOMES[request.outcome], request.reason or "")
    due = "" if request.state.is_final else f"{request.due_at:%Y-%m-%d}"
    return Standing(_STATES[request.state], request.reason or "", due)


def _not_found(error: NotFoundError) -> Response:
    return show_message("Not found", error.message, hint=error.hint, status=404)
