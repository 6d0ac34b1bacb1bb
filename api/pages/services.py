"""What the pages for people need, made of what the composition root has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from api.edge.client_address import Network, client_address
from api.identity.links import Links
from api.identity.passwords import Passwords
from api.identity.people import People
from api.identity.provider_calls import ProviderCalls
from api.identity.provider_sign_in import ProviderSignIns
from api.identity.providers import ProviderDocuments, Providers
from api.identity.second_factors import SecondFactors
from api.identity.sessions import Sessions
from api.identity.sign_in import SignIns
from api.identity.throttle import Throttle
from api.oauth.app_registry import AppRegistry
from api.oauth.authorization import AuthorizationRequests
from api.oauth.endpoint import OAuthServices
from api.pages.visits import Visits
from api.privacy.endpoint import secrets_of
from api.privacy.forms import PrivacyForms
from domain.ports import Clock, IdFactory
from gdpr.desk.office import PrivacyOffice
from gdpr.inbound.inbox import Inbox
from tenancy.approvals import Approvals
from tenancy.rate_limits import RateLimits
from tenancy.session import Database
from tenancy.unscoped import Doors
from tenancy.vault import Vault

__all__ = ["PageServices", "open_pages"]


@dataclass(frozen=True, slots=True)
class PageServices:
    """What the pages need, wired in `api/http.py`.

    Attributes:
        visits: Tells who is signed in.
        authorization: What applications ask people for.
        privacy: The desk of data protection officers.
        clock: Present instant.
        trusted_proxies: Whose word about the client's address counts.
        privacy_forms: Take what people ask for who are in the data.
        meta_secrets: Of our app at Meta: tell codes that Meta's users were given.
    """

    database: Database
    visits: Visits
    authorization: AuthorizationRequests
    sign_ins: SignIns
    provider_sign_ins: ProviderSignIns
    people: People
    apps: AppRegistry
    approvals: Approvals
    privacy: PrivacyOffice
    clock: Clock
    ids: IdFactory
    trusted_proxies: Sequence[Network]
    privacy_forms: PrivacyForms
    meta_secrets: Sequence[str]

    @property
    def sessions(self) -> Sessions:
        """Of browsers."""
        return self.sign_ins.sessions

    @property
    def second_factors(self) -> SecondFactors:
        """Of people."""
        return self.sign_ins.second_factors

    @property
    def links(self) -> Links:
        """That are used once."""
        return self.sign_ins.links

    def address_of(self, request: Request) -> str:
        """The network address that a request comes from."""
        return client_address(request.scope, self.trusted_proxies)


def open_pages(
    oauth: OAuthServices,
    *,
    doors: Doors,
    vault: Vault,
    limits: RateLimits,
    privacy: PrivacyOffice,
    trusted_proxies: Sequence[Network] = (),
    is_production: bool = False,
    apps: Mapping[str, Mapping[str, str]] | None = None,
) -> PageServices:
    """Put the parts together; connects to nothing."""
    database, clock, ids, random_bytes = (
        oauth.database,
        oauth.clock,
        oauth.ids,
        oauth.random_bytes,
    )
    sessions = Sessions(database, clock, ids, random_bytes)
    links = Links(database, clock, ids, random_bytes)
    second_factors = SecondFactors(vault, clock, random_bytes)
    calls = ProviderCalls(public_only=is_production)
    return PageServices(
        database=database,
        visits=Visits(sessions, oauth.issuer),
        authorization=oauth.authorization_requests,
        sign_ins=SignIns(
            doors=doors,
            database=database,
            sessions=sessions,
            passwords=Passwords(random_bytes),
            second_factors=second_factors,
            links=links,
            throttle=Throttle(limits),
            clock=clock,
            ids=ids,
        ),
        provider_sign_ins=ProviderSignIns(
            doors=doors,
            database=database,
            sessions=sessions,
            providers=Providers(database, vault, clock, ids, is_production),
            documents=ProviderDocuments(calls, clock, is_production=is_production),
            calls=calls,
            vault=vault,
            issuer=oauth.issuer,
            clock=clock,
            ids=ids,
            random_bytes=random_bytes,
        ),
        people=People(database, sessions, links, second_factors, clock, ids),
        apps=AppRegistry(database, clock, ids, random_bytes),
        approvals=Approvals(clock, ids),
        privacy=privacy,
        clock=clock,
        ids=ids,
        trusted_proxies=trusted_proxies,
        privacy_forms=PrivacyForms(Inbox(database, doors, vault, clock, ids), limits, random_bytes),
        meta_secrets=secrets_of(apps or {}, "meta_ads"),
    )
