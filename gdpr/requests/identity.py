"""Proof of who asks: a code sent to an address that the data carries, or an officer's word.

    ask -> 8 digits -> mail to the data's own address, keyed hash to identity_codes; clock stands
    prove -> one UPDATE counts the attempt -> compare in constant time -> next gate
    vouch -> officer names what they saw -> next gate

The address that the requester gave gets nothing: it may be anybody's. An attempt is counted before
it is looked at, so many at once are no more than allowed. Merging spares nobody the proof.

Source: OWASP Authentication Cheat Sheet (few attempts, short life, no telling answers).
"""

import datetime as dt
import enum
import hmac
import uuid
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import func, select, update

from domain.errors import ConflictError, UserError
from domain.ids import TenantId
from domain.ports import Messenger
from domain.privacy.request_machine import Move
from domain.privacy.rights import IdentityLevel, RequestState
from gdpr.requests.docket import Docket, open_docket
from gdpr.requests.letter_texts import CODE_TEXTS, RIGHTS
from gdpr.requests.letters import addresses_of, controller_of, language_of
from gdpr.requests.services import RequestServices
from tenancy.privacy.pseudonyms import open_own_key
from tenancy.session import TenantSession
from tenancy.tables import IdentityCode, SubjectRequest

__all__ = [
    "CODE_LIFETIME",
    "MOST_ATTEMPTS",
    "IdentityAsked",
    "IdentityDesk",
    "Proof",
    "TooManyCodesError",
    "WrongCodeError",
]

CODE_LIFETIME: Final = dt.timedelta(minutes=10)
MOST_ATTEMPTS: Final = 5
_MOST_CODES: Final = 3  # within
_CODES_WITHIN: Final = dt.timedelta(hours=1)
_DIGITS: Final = 8
_HASH: Final = b"bosco codes of identity"


class WrongCodeError(UserError):
    """The code opens nothing: wrong, too old, tried too often, or of no request."""

    code = "WRONG_CODE"

    def __init__(self) -> None:
        super().__init__("this code does not fit", hint="ask for a new one")


class TooManyCodesError(ConflictError):
    """Enough codes were sent for now (waiting helps)."""

    code = "TOO_MANY_CODES"


class Proof(enum.Enum):
    """What an officer has seen."""

    ACCOUNT = "account"  # signed in to the shop
    CALL_BACK = "call_back"  # reached at a number that the data carries
    DOCUMENT = "document"
    IN_PERSON = "in_person"


@dataclass(frozen=True, slots=True)
class IdentityAsked:
    """What came of asking.

    Attributes:
        is_code_sent: False: the data carries no address, or mail does not go; an officer vouches.
        stands_since: UTC instant since which the clock stands still; None: it was asked too late.
    """

    is_code_sent: bool
    stands_since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class IdentityDesk:
    """Asks for identity, and weighs the answers.

    Attributes:
        messenger: None: nothing can be sent; officers vouch.
    """

    services: RequestServices
    messenger: Messenger | None = None

    async def ask(self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str) -> IdentityAsked:
        """Ask the requester who they are; where the person is known, by a code.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: Identity is not in question.
            TooManyCodesError: Three within the hour.
        """
        code = self._new_code()
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            case = docket.machine.ask_identity(docket.case, at=self.services.clock())
            mail = await self._prepare(docket, code)
            code_id = await self._issue(session, docket.row, code) if mail else None
            await docket.record(case, "identity_asked", actor, details={"by_code": bool(mail)})
        is_sent = False
        if mail is not None and self.messenger is not None:
            is_sent = await self.messenger.send_mail(tenant_id, *mail)
        if code_id is not None and not is_sent:
            await self._end(tenant_id, code_id)
        return IdentityAsked(is_sent, case.paused_at)

    async def prove(self, tenant_id: TenantId, request_id: uuid.UUID, code: str) -> RequestState:
        """Weigh a code; each one is counted, also when it is wrong.

        Raises:
            WrongCodeError: It does not fit; nothing else is told.
        """
        async with self.services.database.session(tenant_id) as session:
            code_id = await self._fits(session, request_id, code)
        # The attempt is counted by now, whatever becomes of the rest.
        if code_id is None:
            raise WrongCodeError
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            if not await self._spend(session, code_id):
                raise WrongCodeError
            docket.machine.check(docket.case, Move.PROVE)
            return await self._raise(docket, IdentityLevel.REACHED, Move.PROVE, "person", {})

    async def vouch(
        self, tenant_id: TenantId, request_id: uuid.UUID, proof: Proof, *, actor: str
    ) -> RequestState:
        """An officer has seen who it is.

        Raises:
            NotFoundError: The agency has no such request.
            NotPossibleError: Identity is not in question.
        """
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            docket.machine.check(docket.case, Move.VOUCH)
            seen = {"proof": proof.value}
            return await self._raise(docket, IdentityLevel.VOUCHED, Move.VOUCH, actor, seen)

    async def _raise(
        self,
        docket: Docket,
        level: IdentityLevel,
        move: Move,
        actor: str,
        details: dict[str, str],
    ) -> RequestState:
        surer = replace(docket.case, identity=level)
        now = self.services.clock()
        case = docket.machine.pass_gates(surer, move, actor=actor, at=now)
        kind = "identity_proved" if move is Move.PROVE else "vouched"
        await docket.record(case, kind, actor, details=details)
        return case.state

    async def _prepare(self, docket: Docket, code: str) -> tuple[str, str, str] | None:
        """Address, subject and text of the mail; None: there is no address, or no mail."""
        if self.messenger is None or docket.row.state is not RequestState.IDENTIFYING:
            return None
        addresses = await addresses_of(self.services, docket.session, docket.row)
        if not addresses:
            return None
        language = language_of(docket.row)
        words = {
            "controller": await controller_of(docket.session, docket.row),
            "right": RIGHTS[language][docket.row.right],
            "code": code,
            "minutes": int(CODE_LIFETIME.total_seconds() // 60),
        }
        text = CODE_TEXTS[language]
        return addresses[0], text.subject.format_map(words), text.body.format_map(words)

    async def _issue(self, session: TenantSession, request: SubjectRequest, code: str) -> uuid.UUID:
        """Keep a new code; those before it fit no more. The request is locked."""
        now = self.services.clock()
        mine = IdentityCode.request_id == request.id
        recent = select(func.count()).where(mine, IdentityCode.sent_at > now - _CODES_WITHIN)
        if (await session.scalar(recent) or 0) >= _MOST_CODES:
            raise TooManyCodesError(
                f"{_MOST_CODES} codes were sent within the hour", hint="wait, or vouch for them"
            )
        await session.execute(
            update(IdentityCode).where(mine, IdentityCode.ended_at.is_(None)).values(ended_at=now)
        )
        code_id = self.services.ids()
        session.add(
            IdentityCode(
                id=code_id,
                request_id=request.id,
                code_hash=await self._hash(session, request.id, code),
                attempts=0,
                sent_at=now,
                expires_at=now + CODE_LIFETIME,
                ended_at=None,
            )
        )
        return code_id

    async def _fits(
        self, session: TenantSession, request_id: uuid.UUID, code: str
    ) -> uuid.UUID | None:
        """Count an attempt, then look: the code that fits, or None."""
        counted = await session.execute(
            update(IdentityCode)
            .where(
                IdentityCode.request_id == request_id,
                IdentityCode.ended_at.is_(None),
                IdentityCode.expires_at > self.services.clock(),
                IdentityCode.attempts < MOST_ATTEMPTS,
            )
            .values(attempts=IdentityCode.attempts + 1)
            .returning(IdentityCode.id, IdentityCode.code_hash)
        )
        row = counted.one_or_none()
        given = await self._hash(session, request_id, code)
        if row is None or not hmac.compare_digest(row.code_hash, given):
            return None
        found: uuid.UUID = row.id
        return found

    async def _spend(self, session: TenantSession, code_id: uuid.UUID) -> bool:
        spent = await session.scalar(
            update(IdentityCode)
            .where(IdentityCode.id == code_id, IdentityCode.ended_at.is_(None))
            .values(ended_at=self.services.clock())
            .returning(IdentityCode.id)
        )
        return spent is not None

    async def _end(self, tenant_id: TenantId, code_id: uuid.UUID) -> None:
        async with self.services.database.session(tenant_id) as session:
            await self._spend(session, code_id)

    async def _hash(self, session: TenantSession, request_id: uuid.UUID, code: str) -> bytes:
        key = (await open_own_key(session, self.services.vault)).derive(_HASH)
        digits = "".join(code.split())
        return hmac.digest(key, request_id.bytes + digits.encode(), "sha256")

    def _new_code(self) -> str:
        number = int.from_bytes(self.services.random_bytes(16)) % 10**_DIGITS
        return f"{number:0{_DIGITS}d}"
