"""Every page by its address, composed once.

PageServices -> routes of each page -> `api/app.py`
"""

from starlette.routing import Route

from api.pages.account import AccountPages
from api.pages.allowed_apps import AllowedAppsPages
from api.pages.approvals import ApprovalPages
from api.pages.apps import AppPages
from api.pages.consent import ConsentPages, consent_routes
from api.pages.desk_holds import DeskHoldsPages
from api.pages.desk_new import DeskNewPages
from api.pages.desk_queue import DeskQueuePages
from api.pages.desk_record import DeskRecordPages
from api.pages.desk_request import DeskRequestPages
from api.pages.desk_statistics import DeskStatisticsPages
from api.pages.people import PeoplePages
from api.pages.privacy import PrivacyPages
from api.pages.rendering import page_routes
from api.pages.services import PageServices
from api.pages.sign_in import SignInPages

__all__ = ["site_routes"]


def site_routes(services: PageServices) -> list[Route]:
    """The pages and what they load."""
    consent = ConsentPages(services.visits, services.authorization, services.database)
    privacy = PrivacyPages(
        services.visits, services.privacy_forms, services.meta_secrets, services.address_of
    )
    return [
        *page_routes(),
        *consent_routes(consent),
        *SignInPages(services).routes(),
        *AccountPages(services).routes(),
        *AllowedAppsPages(services).routes(),
        *PeoplePages(services).routes(),
        *AppPages(services).routes(),
        *ApprovalPages(services).routes(),
        *privacy.routes(),
        *DeskQueuePages(services).routes(),
        *DeskNewPages(services).routes(),  # before the pages of single requests
        *DeskRequestPages(services).routes(),
        *DeskHoldsPages(services).routes(),
        *DeskStatisticsPages(services).routes(),
        *DeskRecordPages(services).routes(),
    ]
