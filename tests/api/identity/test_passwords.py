"""Passwords: which ones are taken, how they are stored and compared."""

import itertools

import pytest
from argon2 import PasswordHasher, extract_parameters

from api.identity.passwords import HASHER, Passwords, check_new_password
from domain.errors import InvalidInputError

pytestmark = pytest.mark.anyio

OWNER = ("Northwind & Co", "northwind", "Ada Lovelace", "ada@nw-example.com")
GOOD = "crisp otter violin"


@pytest.fixture
def passwords() -> Passwords:
    numbers = itertools.count(1)
    return Passwords(lambda count: next(numbers).to_bytes(count))


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "a" * 6 + "bcdefg",
        "\u00e4\u00f6\u00fc\u00df" * 3 + "x",
        "ada likes boats",  # three letters are in too many words
        "x" * 100 + "y" * 20 + "z" * 8,
    ],
)
def test_takes_what_is_long_and_not_common(password: str) -> None:
    check_new_password(password, owner=OWNER)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("elevenchars", "it is shorter than 12 characters"),
        ("", "it is shorter than 12 characters"),
        ("\ufb01" * 5, "it is shorter than 12 characters"),  # a ligature is two letters
        ("xyz" * 43, "it is longer than 128 characters"),
        ("password1234", "it is one that many people use"),
        ("PassWord-1234!", "it is one that many people use"),
        ("\uff50assword1234", "it is one that many people use"),  # a full-width p
        ("aaaaaaaaaaaaaaa", "it is one that many people use"),
        ("ababababababab", "it is one that many people use"),
        ("qwertyuiopasdf", "it is one that many people use"),
        ("abcdefghijklmn", "it is one that many people use"),
        ("nmlkjihgfedcba", "it is one that many people use"),
        ("12345678901234", "it is one that many people use"),
        ("NORTHwind boats", "it holds 'northwind'"),
        ("my lovelace boat", "it holds 'lovelace'"),
        ("the example boat", "it holds 'example'"),
    ],
)
def test_refuses_what_somebody_would_guess(password: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_new_password(password, owner=OWNER)
    assert caught.value.message == f"this password is not taken: {reason}"


async def test_stores_argon2id_with_a_salt_of_its_own(passwords: Passwords) -> None:
    first, second = await passwords.hash(GOOD), await passwords.hash(GOOD)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert extract_parameters(first).hash_len == 32
    assert await passwords.verify(GOOD, first)
    assert await passwords.verify(GOOD, second)
    assert not await passwords.verify(f"{GOOD} ", first)


async def test_letters_that_look_the_same_are_the_same(passwords: Passwords) -> None:
    stored = await passwords.hash("caf\u00e9 otter violin")
    assert await passwords.verify("cafe\u0301 otter violin", stored)
    assert not await passwords.verify("cafe otter violin", stored)


@pytest.mark.parametrize("stored", [None, "", "nonsense", "$argon2id$v=19$m=1,t=1,p=1$x$y"])
async def test_what_is_not_stored_is_never_right(passwords: Passwords, stored: str | None) -> None:
    assert not await passwords.verify(GOOD, stored)
    decoy = "nobody has this password, and it is too short to matter"
    assert not await passwords.verify(decoy, stored)


async def test_knows_a_hash_of_other_parameters(passwords: Passwords) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    old = weak.hash(GOOD)
    assert passwords.is_outdated(old)
    assert await passwords.verify(GOOD, old)
    assert not passwords.is_outdated(HASHER.hash(GOOD))
