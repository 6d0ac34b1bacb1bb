"""The page of figures that a regulator asks for, and the same as CSV.

/desk/privacy/statistics?from=&to= -> compute_statistics -> table | CSV
"""

import datetime as dt

from starlette.responses import Response
from starlette.routing import Route

from api.pages import desk_words as words
from api.pages.choices import day_of
from api.pages.desk_queue import OFFICERS
from api.pages.doorway import Visit, for_people
from api.pages.rendering import render
from api.pages.services import PageServices
from domain.errors import UserError
from gdpr.desk.statistics import PrivacyStatistics, compute_statistics, write_csv

__all__ = ["DeskStatisticsPages"]


class DeskStatisticsPages:
    """For data protection officers, owners and admins."""

    def __init__(self, services: PageServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """See the module."""
        visits = self._services.visits
        return [
            Route(path, for_people(visits, handler, *OFFICERS, is_hidden=True), methods=["GET"])
            for path, handler in (
                ("/desk/privacy/statistics", self._show),
                ("/desk/privacy/statistics.csv", self._download),
            )
        ]

    async def _show(self, visit: Visit) -> Response:
        problem: UserError | None = None
        try:
            first, last = self._period(visit)
            figures = await self._compute(visit, first, last)
        except UserError as error:
            first, last = self._usual()
            figures, problem = await self._compute(visit, first, last), error
        return render(
            "desk_statistics.html",
            status=400 if problem else 200,
            visitor=visit.visitor,
            page="desk/privacy",
            part="statistics",
            figures=figures,
            rights=words.RIGHTS,
            channels=words.CHANNELS,
            problem=problem,
        )

    async def _download(self, visit: Visit) -> Response:
        try:
            figures = await self._compute(visit, *self._period(visit))
        except UserError:
            return await self._show(visit)
        headers = {
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "content-disposition": (
                f'attachment; filename="privacy_{visit.visitor.agency_slug}'
                f'_{figures.first}_{figures.last}.csv"'
            ),
        }
        return Response(write_csv(figures), 200, headers, media_type="text/csv")

    async def _compute(self, visit: Visit, first: dt.date, last: dt.date) -> PrivacyStatistics:
        async with self._services.database.session(visit.visitor.tenant_id) as session:
            return await compute_statistics(session, first, last, now=self._services.clock())

    def _period(self, visit: Visit) -> tuple[dt.date, dt.date]:
        """What was asked for.

        Raises:
            InvalidInputError: A day cannot be read.
        """
        given, usual = visit.request.query_params, self._usual()
        first, last = day_of(given.get("from", "")), day_of(given.get("to", ""))
        return first or usual[0], last or usual[1]

    def _usual(self) -> tuple[dt.date, dt.date]:
        """This year, up to today."""
        today = self._services.clock().date()
        return today.replace(month=1, day=1), today
