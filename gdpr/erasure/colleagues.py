"""Erasure of one of the agency's own people: their account, in PostgreSQL alone.

    request -> account -> is another owner left? is the address elsewhere? -> rows that open
    anything go, the account's row names nobody -> search -> journal, audit: one transaction

What is left of somebody is the random id of their account, in the words of who did what: nothing
leads from it to a person any more. Sign-in ends at once, tokens within seconds (ADR-0016), since
both look at these rows.

Sources: GDPR articles 5(2), 6(1)(f), 17(1), 17(3)(b) and 17(3)(e).
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Text, cast, delete, func, select, update

from domain.errors import ConflictError
from domain.privacy import identifiers
from domain.privacy.evidence import RescanMoment, Treatment, TreatmentAction
from gdpr.erasure.journal import Journal
from gdpr.erasure.needles import KnownWords
from gdpr.erasure.plan import Plan, Step, StepKind
from gdpr.erasure.search import Findings, search_postgres
from gdpr.erasure.work import Stores
from gdpr.requests.colleagues import check_can_go
from tenancy import audit
from tenancy.session import TenantSession
from tenancy.staff import hold_people
from tenancy.tables import (
    AlertChannel,
    AlertMessage,
    AppGrant,
    AuthorizationCode,
    BrowserSession,
    ErasureCause,
    ErasureRescan,
    ErasureRun,
    ErasureRunRequest,
    ErasureStep,
    ExternalIdentity,
    Membership,
    MembershipClient,
    OneTimeLink,
    Password,
    Recipient,
    RecoveryCode,
    RefreshToken,
    RevocationCause,
    SecondFactor,
    StepState,
    TokenFamily,
    User,
)
from tenancy.tables.base import TenantOwned

__all__ = ["COLLEAGUE_PLAN", "StillNamedError", "erase_colleague"]

_ACTOR: Final = "job:erasure"
_WORD: Final = (
    "who did it is said by the random id of an account, which leads to nobody any more; it proves"
    " what was done (GDPR 5(2), 6(1)(f), 17(3)(e))"
)
_NOTE: Final = (
    "words of somebody in the record of what was decided, and who answers for it (GDPR 5(2),"
    " 17(3)(e)); they go with that record"
)
_ENDED: Final = "revoked; holds the random id of the account and scopes, and opens nothing any more"
_ELSEWHERE: Final = (
    "the person's address is in none that is in use, else nothing is erased; those that were"
    " removed are emptied"
)
_KEPT: Final[Mapping[str, str]] = {
    "alert_channels": _ELSEWHERE,
    "alert_messages": _ELSEWHERE,
    "app_grants": _ENDED,
    "approvals": _WORD,
    "audit_entries": _WORD,
    "connections": "the id that a platform gave to whoever consented: it ends with the connection",
    "incident_events": f"{_WORD}; {_NOTE}",
    "legal_holds": f"{_WORD}; {_NOTE}",
    "pending_connections": _WORD,
    "privacy_forms": _WORD,
    "quarantined_rows": f"{_WORD}; {_NOTE}",
    "recipient_notices": _WORD,
    "recipients": _ELSEWHERE,
    "request_events": _WORD,
    "subject_requests": _WORD,
    "sync_runs": _WORD,
    "token_families": _ENDED,
}
# In this order: what refers to another row goes first.
_GOES: Final = (
    "recovery_codes",
    "second_factors",
    "passwords",
    "external_identities",
    "membership_clients",
    "memberships",
    "one_time_links",
    "browser_sessions",
    "authorization_codes",
    "refresh_tokens",
)
_USERS: Final = Treatment(
    "postgres",
    "users",
    TreatmentAction.ANONYMISE,
    "address and name are emptied; the random id stays, for the audit trail rests on it",
)


def _plan() -> Plan:
    steps = [
        Step(table, StepKind.ACCOUNT, (Treatment("postgres", table, TreatmentAction.DELETE),))
        for table in _GOES
    ]
    names = tuple(step.name for step in steps)
    kept = tuple(
        Treatment("postgres", table, TreatmentAction.KEEP, reason)
        for table, reason in _KEPT.items()
    )
    return Plan(
        (
            *steps,
            Step("users", StepKind.ACCOUNT, (_USERS,), names),
            Step("records", StepKind.RECORDS, kept, ("users",)),
            Step("rescan", StepKind.RESCAN, (), ("records",)),
        )
    )


COLLEAGUE_PLAN: Final = _plan()


class StillNamedError(ConflictError):
    """The person's address is in use elsewhere (whoever looks after that can change it)."""

    code = "ERASURE_STILL_NAMED"


async def erase_colleague(
    session: TenantSession,
    stores: Stores,
    journal: Journal,
    request_id: uuid.UUID,
    user_id: uuid.UUID,
) -> None:
    """Erase an account, all in the session's transaction; done before, it does nothing.

    Args:
        session: Of the agency.
        stores: Clock and ids.
        journal: Gets a run.
        request_id: By which the account is erased.
        user_id: The account.

    Raises:
        NoOwnerLeftError: It is the agency's only owner.
        StillNamedError: A channel or a recipient in use has the person's address.
    """
    await hold_people(session)
    done = select(ErasureRunRequest.id).where(ErasureRunRequest.request_id == request_id)
    if await session.scalar(done.limit(1)) is not None:
        return
    await check_can_go(session, user_id)
    user = await session.get_one(User, (session.tenant_id, user_id), with_for_update=True)
    address, now = user.email, stores.clock()
    run_id = stores.ids()
    await journal.open_run(session, run_id, COLLEAGUE_PLAN, ErasureCause.REQUESTS)
    counts = await _erase(session, user_id, now)
    await _empty_removed(session, address)
    user.email, user.name = f"deleted account {user_id}", ""
    user.deactivated_at = user.deactivated_at or now
    await session.flush()
    findings = await _search(session, address)
    await _write_down(session, stores, run_id, request_id, {**counts, "users": 1}, findings)


async def _erase(session: TenantSession, user_id: uuid.UUID, now: dt.datetime) -> Counter[str]:
    mine = select(Membership.id).where(Membership.user_id == user_id)
    grants = select(AppGrant.id).where(AppGrant.user_id == user_id)
    families = select(TokenFamily.id).where(TokenFamily.grant_id.in_(grants))
    goes: Sequence[tuple[type[TenantOwned], ColumnElement[bool]]] = (
        (RecoveryCode, RecoveryCode.user_id == user_id),
        (SecondFactor, SecondFactor.user_id == user_id),
        (Password, Password.user_id == user_id),
        (ExternalIdentity, ExternalIdentity.user_id == user_id),
        (MembershipClient, MembershipClient.membership_id.in_(mine)),
        (Membership, Membership.user_id == user_id),
        (OneTimeLink, OneTimeLink.user_id == user_id),
        (BrowserSession, BrowserSession.user_id == user_id),
        (AuthorizationCode, AuthorizationCode.family_id.in_(families)),
        (RefreshToken, RefreshToken.family_id.in_(families)),
    )
    counts: Counter[str] = Counter()
    for name, (table, theirs) in zip(_GOES, goes, strict=True):
        gone = delete(table).where(theirs).returning(table.tenant_id)
        found = await session.execute(gone.execution_options(synchronize_session=False))
        counts[name] = len(found.all())
    await session.execute(
        update(TokenFamily)
        .where(TokenFamily.grant_id.in_(grants), TokenFamily.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=RevocationCause.CONSENT_WITHDRAWN)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(AppGrant)
        .where(AppGrant.user_id == user_id, AppGrant.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
    return counts


async def _empty_removed(session: TenantSession, address: str) -> None:
    """What was removed keeps its settings for a while: without the person."""
    for table in (AlertChannel, Recipient):
        named = func.strpos(func.lower(cast(table.settings, Text)), address.casefold()) > 0
        removed = update(table).where(table.removed_at.is_not(None), named).values(settings={})
        await session.execute(removed.execution_options(synchronize_session=False))
    named = func.strpos(func.lower(AlertMessage.failure), address.casefold()) > 0
    told = update(AlertMessage).where(named).values(failure=None)
    await session.execute(told.execution_options(synchronize_session=False))


async def _search(session: TenantSession, address: str) -> Findings:
    """Where else the address is: places that keep words of somebody may name anybody.

    Raises:
        StillNamedError: Somewhere that is in use.
    """
    findings: Findings = Counter()
    words = KnownWords.of([identifiers.email(address)], [])
    await search_postgres(session, words, findings)
    kept = {f"postgres {table}" for table, reason in _KEPT.items() if _NOTE in reason}
    still = sorted(findings.keys() - kept)
    if still:
        where = ", ".join(one.removeprefix("postgres ") for one in still)
        raise StillNamedError(
            f"the person's address is in use: {where}",
            hint="take it out of alert channels and recipients, then: bosco gdpr requests retry",
        )
    return findings


async def _write_down(  # a run, and all that it did
    session: TenantSession,
    stores: Stores,
    run_id: uuid.UUID,
    request_id: uuid.UUID,
    counts: Mapping[str, int],
    findings: Findings,
) -> None:
    now, request = stores.clock(), str(request_id)
    for number, step in enumerate(COLLEAGUE_PLAN.steps):
        await session.execute(
            update(ErasureStep)
            .where(ErasureStep.run_id == run_id, ErasureStep.number == number)
            .values(
                state=StepState.DONE,
                counts={request: counts[step.name]} if counts.get(step.name) else {},
                attempts=1,
                started_at=now,
                finished_at=now,
            )
        )
    session.add(
        ErasureRunRequest(
            id=stores.ids(),
            run_id=run_id,
            request_id=request_id,
            client_id=None,
            subject_id=None,
            finished_at=now,
        )
    )
    session.add(
        ErasureRescan(
            id=stores.ids(),
            run_id=run_id,
            moment=RescanMoment.ERASURE,
            client_id=None,
            due_at=now,
            done_at=now,
            found=findings.total(),
            findings=dict(findings),
        )
    )
    await session.execute(
        update(ErasureRun).where(ErasureRun.id == run_id).values(finished_at=now, residuals={})
    )
    audit.record(
        session,
        clock=stores.clock,
        ids=stores.ids,
        actor=_ACTOR,
        action="subject.erased",
        object_kind="subject_request",
        object_id=request,
        details={"run": str(run_id), "plan": COLLEAGUE_PLAN.hash},
    )
