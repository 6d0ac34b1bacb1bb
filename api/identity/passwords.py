"""Passwords: which ones are taken, how they are stored, and whether one is right.

    new password -> NFKC -> long enough, not common, not about its owner -> argon2id -> stored
    password -> verify (a decoy when there is nothing stored: the work is the same) -> right or not

There are no rules on kinds of letters: length and a list of what people choose do more. Hashing
takes memory and time on purpose, so few threads do it, beside the event loop.

Sources: NIST SP 800-63B sections 5.1.1.2 and 5.2.2; OWASP "Password Storage" (argon2id).
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import InvalidInputError

__all__ = ["HASHER", "LONGEST", "SHORTEST", "Passwords", "check_new_password"]

SHORTEST: Final = 12
LONGEST: Final = 128

# memory_cost in KiB. A stored hash names its own: after a change, each is made anew at a sign-in.
HASHER: Final = PasswordHasher(
    time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16
)

_THREADS: Final = 2
_DECOY: Final = "nobody has this password, and it is too short to matter"
_COMMON: Final = frozenset(
    Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split()
)
_ROW_OF_KEYS: Final = "abcdefghijklmnopqrstuvwxyz 01234567890123456789 qwertyuiopasdfghjklzxcvbnm"

Result = TypeVar("Result")

# Shorter words are in too many good passwords.
_SHORTEST_WORD: Final = 4


def check_new_password(password: str, *, owner: Iterable[str]) -> None:
    """Refuse a password that somebody would guess.

    Args:
        password: As it was typed.
        owner: What is known of its owner: agency, e-mail, name.

    Raises:
        InvalidInputError: Says what is wrong (the person can choose another).
    """
    text = _normalised(password)
    if len(text) < SHORTEST:
        raise _refused(f"it is shorter than {SHORTEST} characters", "three or four words do well")
    if len(text) > LONGEST:
        raise _refused(f"it is longer than {LONGEST} characters", "shorten it")
    plain = re.sub(r"\W|_", "", text.casefold())
    if _is_common(text.casefold()) or _is_common(plain):
        raise _refused("it is one that many people use", "three or four unrelated words do well")
    for word in _words(owner):
        if word in text.casefold():
            raise _refused(f"it holds {word!r}", "leave out your agency, e-mail and name")


class Passwords:
    """Makes and checks hashes beside the event loop.

    Args:
        random_bytes: Cryptographic randomness.
        hasher: How hashes are made.
    """

    def __init__(
        self, random_bytes: Callable[[int], bytes], *, hasher: PasswordHasher = HASHER
    ) -> None:
        self._random_bytes = random_bytes
        self._hasher = hasher
        self._threads = anyio.CapacityLimiter(_THREADS)

    async def hash(self, password: str) -> str:
        """What is stored of a password."""
        return await self._run(lambda: self._make(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether a password is the stored one; nothing stored takes as long, and is never right.

        Args:
            password: As it was typed.
            stored: By `hash`; None: there is none.
        """
        is_right = await self._run(lambda: self._compare(password, stored))
        return is_right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters."""
        return self._hasher.check_needs_rehash(stored)

    @functools.cached_property
    def _decoy(self) -> str:
        return self._make(_DECOY)

    def _make(self, password: str) -> str:
        salt = self._random_bytes(self._hasher.salt_len)
        return self._hasher.hash(_normalised(password), salt=salt)

    def _compare(self, password: str, stored: str | None) -> bool:
        decoy = self._decoy  # made by whoever comes first, known or not
        try:
            return self._hasher.verify(decoy if stored is None else stored, _normalised(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await anyio.to_thread.run_sync(work, limiter=self._threads)


def _normalised(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _is_common(text: str) -> bool:
    if text in _COMMON or len(set(text)) <= 2:  # noqa: PLR2004  # abababababab
        return True
    halves = text[: len(text) // 2] * 2 == text and text[: len(text) // 2] in _COMMON
    rows = (_ROW_OF_KEYS, _ROW_OF_KEYS[::-1])
    return halves or any(text in row.replace(" ", "") or text in row for row in rows)


def _words(owner: Iterable[str]) -> Iterable[str]:
    for text in owner:
        for word in re.split(r"[\s@.,&/+_-]+", _normalised(text).casefold()):
            if len(word) >= _SHORTEST_WORD:
                yield word


def _refused(reason: str, hint: str) -> InvalidInputError:
    return InvalidInputError(f"this password is not taken: {reason}", hint=hint)
