"""How people call whom the audit names.

actors -> one query over `users` -> names
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import select

from tenancy.session import TenantSession
from tenancy.tables import User

__all__ = ["name_actors"]

_OURS: Final = {
    "person": "the person",
    "shopify": "Shopify",
    "meta": "Meta",
    "job": "Bosco",
    "cli": "command line:",
    "client": "an app:",
}


async def name_actors(session: TenantSession, actors: Iterable[str]) -> Mapping[str, str]:
    """Names of actors; whom nobody knows any more keeps the name of the audit."""
    rows = await session.execute(select(User.id, User.name))
    users = {f"user:{row.id}": row.name for row in rows}
    return {actor: users.get(actor) or _in_words(actor) for actor in actors}


def _in_words(actor: str) -> str:
    kind, _, name = actor.partition(":")
    if kind not in _OURS:
        return actor
    return f"{_OURS[kind]} {name}" if kind in {"cli", "client"} else _OURS[kind]
