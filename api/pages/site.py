"""Every page by its address, composed once.

PageServices -> routes of each page -> `api/app.py`
"""

from dataclasses import dataclass

from starlette.routing import Route

from api.oauth.authorization import AuthorizationRequests
from api.pages.consent import ConsentPages, consent_routes
from api.pages.rendering import page_routes
from api.pages.visits import Visits
from tenancy.session import Database

__all__ = ["PageServices", "site_routes"]


@dataclass(frozen=True, slots=True)
class PageServices:
    """What the pages need, wired in `api/http.py`.

    Attributes:
        visits: Tells who is signed in.
        authorization: What applications ask people for.
    """

    database: Database
    visits: Visits
    authorization: AuthorizationRequests


def site_routes(services: PageServices) -> list[Route]:
    """The pages and what they load."""
    consent = ConsentPages(services.visits, services.authorization, services.database)
    return [*page_routes(), *consent_routes(consent)]
