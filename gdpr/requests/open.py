"""The desk as one thing: every part over the same services."""

from dataclasses import dataclass

from domain.ports import Messenger
from gdpr.requests.book import RequestBook
from gdpr.requests.decisions import DecisionDesk
from gdpr.requests.desk import RequestDesk
from gdpr.requests.holds import HoldDesk
from gdpr.requests.identity import IdentityDesk
from gdpr.requests.letters import Letters
from gdpr.requests.lifting import LiftingDesk
from gdpr.requests.rounds import RequestRounds
from gdpr.requests.rulings import RulingDesk
from gdpr.requests.run import Fulfillers, RequestJobs
from gdpr.requests.services import RequestServices
from tenancy.exclusive import Exclusive
from tenancy.jobs import JobEngine
from tenancy.unscoped import Doors

__all__ = ["Requests", "open_requests"]


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of people.

    Attributes:
        desk: Takes them in.
        book: Shows them.
        identity: Asks who they are.
        decisions: The officers' verbs.
        rulings: Of restriction, objection and review.
        lifting: How restrictions and objections end.
        holds: Legal holds.
        letters: To people.
        jobs: Carry them out.
        rounds: Keep them going.
    """

    desk: RequestDesk
    book: RequestBook
    identity: IdentityDesk
    decisions: DecisionDesk
    rulings: RulingDesk
    lifting: LiftingDesk
    holds: HoldDesk
    letters: Letters
    jobs: RequestJobs
    rounds: RequestRounds


def open_requests(
    services: RequestServices,
    *,
    engine: JobEngine,
    doors: Doors,
    exclusive: Exclusive,
    fulfillers: Fulfillers,
    messenger: Messenger | None = None,
) -> Requests:
    """Put the parts together; before the engine starts."""
    letters = Letters(services, messenger)
    runs = RequestJobs(services, engine, fulfillers)
    runs.register()
    return Requests(
        desk=RequestDesk(services),
        book=RequestBook(services),
        identity=IdentityDesk(services, messenger),
        decisions=DecisionDesk(services),
        rulings=RulingDesk(services, runs),
        lifting=LiftingDesk(services),
        holds=HoldDesk(services),
        letters=letters,
        jobs=runs,
        rounds=RequestRounds(services, engine, doors, exclusive, letters),
    )
