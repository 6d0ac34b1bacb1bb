"""The account page: one's password, authenticator and browsers.

/account -> password | authenticator (begin, confirm, remove) | end sessions
"""

import uuid
from collections.abc import Sequence
from typing import Final

import segno
from starlette.responses import Response
from starlette.routing import Route

from api.identity.sign_in import WrongCodeError
from api.pages.doorway import Visit, browser_name, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from api.pages.visits import HOME, see_other
from domain.errors import NotFoundError, UserError
from domain.ids import parse_id, public_id
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.tables import Password

__all__ = ["AccountPages"]

_DONE: Final = {
    "password": "Your password is changed. Every other browser was signed out.",
    "removed": "Your authenticator is removed.",
    "ended": "That browser is signed out.",
    "ended-all": "Every other browser is signed out.",
}


class AccountPages:
    """For whoever is signed in."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits = self._services.visits
        handlers = {
            "/account/password": self._change_password,
            "/account/authenticator": self._begin_factor,
            "/account/authenticator/confirm": self._confirm_factor,
            "/account/authenticator/remove": self._remove_factor,
            "/account/sessions/end": self._end_session,
            "/account/sessions/end-others": self._end_others,
        }
        return [
            Route(HOME, for_people(visits, self._show), methods=["GET"]),
            *(
                Route(path, for_people(visits, handler), methods=["POST"])
                for path, handler in handlers.items()
            ),
        ]

    async def _show(
        self, visit: Visit, *, problem: UserError | None = None, place: str = ""
    ) -> Response:
        """The page; `place` names the part that `problem` belongs to."""
        visitor, services = visit.visitor, self._services
        async with services.database.session(visitor.tenant_id) as session:
            sessions = await services.sessions.list(session, visitor.user_id)
            has_factor = await services.second_factors.is_on(session, visitor.user_id)
            enrolment = await services.second_factors.pending(
                session, visitor.user_id, visitor.email
            )
            has_password = await session.get(Password, (visitor.tenant_id, visitor.user_id))
        return render(
            "account.html",
            status=400 if problem else 200,
            visitor=visitor,
            page="account",
            has_password=has_password is not None,
            has_factor=has_factor,
            enrolment=enrolment,
            qr=None if enrolment is None else _qr(enrolment.address),
            sessions=[(public_id("ses", one.session_id), one) for one in sessions],
            current=public_id("ses", visitor.session_id),
            done=_DONE.get(visit.request.query_params.get("done", "")),
            problem=problem,
            place=place,
        )

    async def _change_password(self, visit: Visit) -> Response:
        try:
            cookie = await self._services.sign_ins.change_password(
                visit.visitor,
                visit.fields.get("old", ""),
                visit.fields.get("password", ""),
                visit.fields.get("again", ""),
                browser=browser_name(visit.request),
            )
        except UserError as error:
            return await self._show(visit, problem=error, place="password")
        response = see_other(f"{HOME}?done=password")
        self._services.visits.set_cookie(response, cookie)
        return response

    async def _begin_factor(self, visit: Visit) -> Response:
        visitor, services = visit.visitor, self._services
        try:
            async with services.database.session(visitor.tenant_id) as session:
                await services.second_factors.begin(session, visitor.user_id, visitor.email)
        except UserError as error:
            return await self._show(visit, problem=error, place="authenticator")
        return see_other(f"{HOME}#authenticator")

    async def _confirm_factor(self, visit: Visit) -> Response:
        visitor, services = visit.visitor, self._services
        try:
            await services.sign_ins.throttle.spend_code(visitor.tenant_id, visitor.user_id)
            async with services.database.session(visitor.tenant_id) as session:
                codes = await services.second_factors.confirm(
                    session, visitor.user_id, visit.field("code")
                )
                cookie = await self._renew(visit, session, ("pwd", "otp"))
                self._audit(visit, session, "second_factor.added")
        except UserError as error:
            return await self._show(visit, problem=error, place="authenticator")
        await services.sign_ins.throttle.forget_code(visitor.tenant_id, visitor.user_id)
        renewed = await services.sessions.find(cookie)
        response = render(
            "recovery_codes.html", visitor=renewed or visitor, page="account", codes=codes
        )
        services.visits.set_cookie(response, cookie)
        return response

    async def _remove_factor(self, visit: Visit) -> Response:
        """Ask for a code first: a browser left alone must not lower the guard."""
        visitor, services = visit.visitor, self._services
        try:
            await services.sign_ins.throttle.spend_code(visitor.tenant_id, visitor.user_id)
            async with services.database.session(visitor.tenant_id) as session:
                code = visit.field("code")
                if not await services.second_factors.spend(session, visitor.user_id, code):
                    raise WrongCodeError(
                        "this code is not right",
                        hint="type the code that your authenticator shows now, or a recovery code",
                    )
                await services.second_factors.remove(session, visitor.user_id)
                cookie = await self._renew(visit, session, ("pwd",))
                self._audit(visit, session, "second_factor.removed")
        except UserError as error:
            return await self._show(visit, problem=error, place="authenticator")
        await services.sign_ins.throttle.forget_code(visitor.tenant_id, visitor.user_id)
        response = see_other(f"{HOME}?done=removed")
        services.visits.set_cookie(response, cookie)
        return response

    async def _end_session(self, visit: Visit) -> Response:
        visitor, services = visit.visitor, self._services
        session_id = _session_id(visit.field("session"))
        async with services.database.session(visitor.tenant_id) as session:
            if not await services.sessions.end(session, visitor.user_id, session_id):
                raise NotFoundError("you have no such session")
            self._audit(visit, session, "session.ended")
        return see_other(f"{HOME}?done=ended")

    async def _end_others(self, visit: Visit) -> Response:
        visitor, services = visit.visitor, self._services
        async with services.database.session(visitor.tenant_id) as session:
            await services.sessions.end_all(session, visitor.user_id, kept=visitor.session_id)
            self._audit(visit, session, "session.ended")
        return see_other(f"{HOME}?done=ended-all")

    async def _renew(self, visit: Visit, session: TenantSession, methods: Sequence[str]) -> str:
        """Another token for this browser, and none for the others: the guard has changed."""
        sessions, user_id = self._services.sessions, visit.visitor.user_id
        await sessions.end_all(session, user_id)
        return await sessions.start(
            session, user_id, methods=methods, browser=browser_name(visit.request)
        )

    def _audit(self, visit: Visit, session: TenantSession, action: str) -> None:
        audit.record(
            session,
            clock=self._services.clock,
            ids=self._services.ids,
            actor=visit.visitor.actor,
            action=action,
            object_kind="user",
            object_id=str(visit.visitor.user_id),
            details={},
        )


def _session_id(text: str) -> uuid.UUID:
    try:
        return parse_id("ses", text)
    except UserError as error:
        raise NotFoundError("you have no such session") from error


def _qr(address: str) -> str:
    return segno.make(address, error="m").svg_data_uri(scale=4, border=2, dark="#000")
