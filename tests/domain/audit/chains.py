"""Chains of entries, and everything that somebody may do to one afterwards."""

import datetime as dt
import random
import uuid
from collections.abc import Sequence
from typing import Any

from domain.audit.entry import FIRST_PREVIOUS, ChainedEntry, compute_hash, microseconds_of
from domain.audit.verify import Anchor, Link
from domain.ids import TenantId

__all__ = [
    "NOON",
    "TAMPERINGS",
    "TENANT",
    "Chain",
    "anchor_at",
    "drop",
    "edit",
    "fork",
    "insert",
    "make_chain",
    "rehash",
    "swap",
    "truncate",
]

TENANT = TenantId(uuid.UUID(int=7))
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

Chain = list[ChainedEntry]


def make_chain(length: int) -> Chain:
    """A chain that is as it should be; its instants do not rise steadily."""
    entries = [
        ChainedEntry(
            tenant=TENANT.bytes,
            sequence=number,
            id=uuid.UUID(int=number).bytes,
            at=microseconds_of(NOON) + (number ^ 1) * 1_000_000 + number,
            actor=f"user:{number % 5}",
            action="connection.paused" if number % 2 else "connection.resumed",
            object_kind="connection",
            object_id=f"con_{number % 11}",
            details=f'{{"source": "shopify", "tries": {number}}}',
            previous_hash=FIRST_PREVIOUS,
            hash=b"",
        )
        for number in range(1, length + 1)
    ]
    return rehash(entries, 0)


def rehash(chain: Sequence[ChainedEntry], start: int) -> Chain:
    """The same contents with right numbers and hashes from position `start` on."""
    done = list(chain[:start])
    for entry in chain[start:]:
        previous = done[-1].hash if done else FIRST_PREVIOUS
        linked = entry._replace(sequence=len(done) + 1, previous_hash=previous)
        done.append(linked._replace(hash=compute_hash(linked)))
    return done


def anchor_at(chain: Sequence[ChainedEntry], number: int) -> Anchor:
    """What a checkpoint or an export of the first `number` entries knows."""
    return Anchor(Link(number, chain[number - 1].hash), "the export")


def edit(chain: Chain, rng: random.Random) -> Chain:
    """Change one field of one entry; sometimes its own hash is made right again."""
    place = rng.randrange(len(chain))
    field = rng.choice(ChainedEntry._fields)
    new: Any = {field: _changed(getattr(chain[place], field), rng)}
    changed = chain[place]._replace(**new)
    if field != "hash" and rng.random() < 0.5:
        changed = changed._replace(hash=compute_hash(changed))
    chain[place] = changed
    return chain


def drop(chain: Chain, rng: random.Random) -> Chain:
    """Take one entry out."""
    del chain[rng.randrange(len(chain))]
    return chain


def swap(chain: Chain, rng: random.Random) -> Chain:
    """Exchange two entries; sometimes their numbers go with their old places."""
    one, other = rng.sample(range(len(chain)), 2)
    chain[one], chain[other] = chain[other], chain[one]
    if rng.random() < 0.5:
        numbers = chain[other].sequence, chain[one].sequence
        chain[one] = chain[one]._replace(sequence=numbers[0])
        chain[other] = chain[other]._replace(sequence=numbers[1])
    return chain


def truncate(chain: Chain, rng: random.Random) -> Chain:
    """Cut the end off, or everything."""
    return chain[: rng.randrange(len(chain))]


def fork(chain: Chain, rng: random.Random) -> Chain:
    """Write the end anew, whole in itself; as long as it was, shorter or longer."""
    start = rng.randrange(len(chain))
    suffix = [
        entry._replace(actor=f"{entry.actor} or so")
        for entry in chain[start : start + rng.randrange(1, len(chain))]
    ]
    suffix += suffix[: rng.choice((0, 0, 3))]
    return rehash([*chain[:start], *suffix], start)


def insert(chain: Chain, rng: random.Random) -> Chain:
    """Put an entry in: a copy of another one, or one of its own with a right hash."""
    place = rng.randrange(len(chain) + 1)
    new = rng.choice(chain)
    if rng.random() < 0.5:
        previous = chain[place - 1].hash if place else FIRST_PREVIOUS
        new = new._replace(sequence=place + 1, previous_hash=previous, actor="user:evil")
        new = new._replace(hash=compute_hash(new))
    if place == len(chain):  # what is added at the end, rightly, is no tampering
        place -= 1
    return [*chain[:place], new, *chain[place:]]


TAMPERINGS = (edit, drop, swap, truncate, fork, insert)


def _changed(value: object, rng: random.Random) -> object:
    match value:
        case int():
            return value + rng.choice((-2, -1, 1, 2))
        case str():
            place = rng.randrange(len(value) + 1)
            return value[:place] + rng.choice(" x0\N{GREEK SMALL LETTER ALPHA}") + value[place:]
        case bytes():
            place = rng.randrange(len(value))
            return (
                value[:place] + bytes([value[place] ^ 1 << rng.randrange(8)]) + value[place + 1 :]
            )
    raise TypeError(value)
