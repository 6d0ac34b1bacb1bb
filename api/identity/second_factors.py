"""The second step of a sign-in: codes of an authenticator, and ten that stand in for it once each.

    begin -> secret (QR code) -> confirm with a code -> recovery codes, shown once
    code -> its time step, newer than the last one used, by one UPDATE -> right
         -> or a recovery code, spent by one UPDATE -> right

A code is right one step early and one late, for clocks that differ. Each step is taken once: of
two requests that bring the same code at the same time, one is refused.

Sources: RFC 6238 sections 4 and 5.2; RFC 4226 section 7; NIST SP 800-63B section 5.1.2 (recovery
codes: 80 random bits, so their plain SHA-256 cannot be guessed from).
"""

import base64
import datetime as dt
import hashlib
import hmac
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pyotp
from sqlalchemy import delete, or_, select, update

from domain.errors import ConflictError, InvalidInputError
from domain.ports import Clock
from tenancy.session import TenantSession
from tenancy.tables import RecoveryCode, SecondFactor, Tenant
from tenancy.vault import Purpose, TenantKey, Vault

__all__ = ["Enrolment", "SecondFactors"]

_STEP_SECONDS: Final = 30
_SKEW_STEPS: Final = 1
_SECRET_BYTES: Final = 20  # of HMAC-SHA-1, RFC 4226 section 4
_RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10
_TOTP: Final = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator is set up with.

    Attributes:
        secret: Base 32, to type in.
        address: `otpauth://...`, to scan.
    """

    secret: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """Sets second factors up, and checks codes. Each call is part of the session's transaction.

    Attributes:
        random_bytes: Cryptographic randomness.
    """

    vault: Vault
    clock: Clock
    random_bytes: Callable[[int], bytes]

    async def is_on(self, session: TenantSession, user_id: uuid.UUID) -> bool:
        """Whether a person is asked for a code."""
        query = select(SecondFactor.user_id).where(
            SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None)
        )
        return await session.scalar(query) is not None

    async def begin(self, session: TenantSession, user_id: uuid.UUID, email: str) -> Enrolment:
        """Give a person a new secret; nothing is asked for until it is confirmed.

        Raises:
            ConflictError: There is a second factor already (the person removes it first).
        """
        if await self.is_on(session, user_id):
            raise ConflictError(
                "you have an authenticator already", hint="remove it before you add another one"
            )
        await session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))
        secret = base64.b32encode(self.random_bytes(_SECRET_BYTES)).decode()
        tenant = await session.get_one(Tenant, session.tenant_id)
        sealed = self.vault.seal_for(
            await self._key(tenant),
            {"secret": secret},
            tenant_id=session.tenant_id,
            purpose=Purpose.SECOND_FACTOR,
            object_id=user_id,
        )
        session.add(
            SecondFactor(
                user_id=user_id,
                sealed_secret=sealed,
                created_at=self.clock(),
                confirmed_at=None,
                last_step=None,
            )
        )
        await session.flush()
        address = pyotp.TOTP(secret).provisioning_uri(
            name=email, issuer_name=f"Bosco {tenant.name}"
        )
        return Enrolment(secret, address)

    async def pending(
        self, session: TenantSession, user_id: uuid.UUID, email: str
    ) -> Enrolment | None:
        """What was begun and is not confirmed; None: nothing."""
        factor = await session.get(SecondFactor, (session.tenant_id, user_id))
        if factor is None or factor.confirmed_at is not None:
            return None
        tenant = await session.get_one(Tenant, session.tenant_id)
        secret = await self._open(tenant, factor)
        address = pyotp.TOTP(secret).provisioning_uri(
            name=email, issuer_name=f"Bosco {tenant.name}"
        )
        return Enrolment(secret, address)

    async def confirm(
        self, session: TenantSession, user_id: uuid.UUID, code: str
    ) -> tuple[str, ...]:
        """Begin to ask for codes, once the person has shown one.

        Returns:
            The recovery codes; they are stored as hashes and not shown again.

        Raises:
            InvalidInputError: The code is wrong, or nothing was begun (the person tries again).
        """
        step = await self._matching_step(session, user_id, _plain(code))
        confirmed = step is not None and await session.scalar(
            update(SecondFactor)
            .where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_(None))
            .values(confirmed_at=self.clock(), last_step=step)
            .returning(SecondFactor.user_id)
        )
        if not confirmed:
            raise InvalidInputError(
                "this code is not right", hint="type the code that the authenticator shows now"
            )
        codes = [self.random_bytes(_RECOVERY_BYTES) for _ in range(_RECOVERY_CODES)]
        shown = [base64.b32encode(code).decode().lower() for code in codes]
        session.add_all(
            RecoveryCode(user_id=user_id, code_hash=_recovery_hash(user_id, code), used_at=None)
            for code in shown
        )
        await session.flush()
        return tuple("-".join(re.findall("....", code)) for code in shown)

    async def remove(self, session: TenantSession, user_id: uuid.UUID) -> bool:
        """Ask for no codes any more; False: none were asked for."""
        was_on = await self.is_on(session, user_id)
        await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        await session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))
        return was_on

    async def spend(self, session: TenantSession, user_id: uuid.UUID, code: str) -> bool:
        """Whether a code is right; it is right once."""
        text = _plain(code)
        if not _TOTP.fullmatch(text):
            return await self._spend_recovery_code(session, user_id, text)
        step = await self._matching_step(session, user_id, text)
        if step is None:
            return False
        spent = await session.scalar(
            update(SecondFactor)
            .where(
                SecondFactor.user_id == user_id,
                SecondFactor.confirmed_at.is_not(None),
                or_(SecondFactor.last_step.is_(None), SecondFactor.last_step < step),
            )
            .values(last_step=step)
            .returning(SecondFactor.user_id)
        )
        return spent is not None

    async def _spend_recovery_code(
        self, session: TenantSession, user_id: uuid.UUID, text: str
    ) -> bool:
        spent = await session.scalar(
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == user_id,
                RecoveryCode.code_hash == _recovery_hash(user_id, text),
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=self.clock())
            .returning(RecoveryCode.user_id)
        )
        return spent is not None

    async def _matching_step(
        self, session: TenantSession, user_id: uuid.UUID, text: str
    ) -> int | None:
        factor = await session.get(SecondFactor, (session.tenant_id, user_id))
        if factor is None or not _TOTP.fullmatch(text):
            return None
        tenant = await session.get_one(Tenant, session.tenant_id)
        totp = pyotp.TOTP(await self._open(tenant, factor), interval=_STEP_SECONDS)
        now = int(self.clock().timestamp()) // _STEP_SECONDS
        steps = range(now - _SKEW_STEPS, now + _SKEW_STEPS + 1)
        found = [step for step in steps if _is_code(totp, step, text)]
        return max(found, default=None)

    async def _open(self, tenant: Tenant, factor: SecondFactor) -> str:
        opened = self.vault.open_for(
            await self._key(tenant),
            factor.sealed_secret,
            tenant_id=tenant.id,
            purpose=Purpose.SECOND_FACTOR,
            object_id=factor.user_id,
        )
        return opened["secret"].reveal()

    async def _key(self, tenant: Tenant) -> TenantKey:
        return await self.vault.open_tenant_key(tenant.id, tenant.wrapped_data_key)


def _enrolment(secret: str, email: str, tenant: Tenant) -> Enrolment:
    totp = pyotp.TOTP(secret, interval=_STEP_SECONDS)
    return Enrolment(secret, totp.provisioning_uri(name=email, issuer_name=f"Bosco {tenant.name}"))


def _is_code(totp: pyotp.TOTP, step: int, text: str) -> bool:
    at = dt.datetime.fromtimestamp(step * _STEP_SECONDS, dt.UTC)
    return hmac.compare_digest(totp.at(at), text)


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower()


def _recovery_hash(user_id: uuid.UUID, text: str) -> bytes:
    return hashlib.sha256(user_id.bytes + text.encode()).digest()
