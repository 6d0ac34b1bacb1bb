"""The letter that tells a person the link to the copy of their data.

    request whose export is made -> may it be told by letter? -> link -> sealed letter -> COMMIT
        -> sent to an address that the data carries, or handed over -> the link leaves the letter

Nobody gets a letter whom a platform tells (the shop gives the copy to its customer), whose identity
rests on their word, or whose data is of special categories: a mailbox is not enough for those.
"""

import uuid
from dataclasses import dataclass

from domain.errors import ConflictError
from domain.ids import TenantId, public_id
from domain.privacy.rights import IdentityLevel
from gdpr.access.exports import Exports
from gdpr.requests.docket import Docket, open_docket
from gdpr.requests.letters import LETTER_PREFIX, write_letter
from gdpr.requests.services import RequestServices
from tenancy.tables import LetterKind

__all__ = ["LinkLetters"]


@dataclass(frozen=True, slots=True)
class LinkLetters:
    """Writes them.

    Attributes:
        issuer: Address of Bosco, as people reach it, without a slash at the end.
    """

    services: RequestServices
    exports: Exports
    issuer: str

    async def write(self, tenant_id: TenantId, request_id: uuid.UUID, *, actor: str) -> str:
        """Make a link and write the letter that tells it; earlier links and letters are over.

        Returns:
            The letter's public id.

        Raises:
            NotFoundError: The agency has no export for such a request, or it is over.
            ConflictError: It is not told by letter.
        """
        async with self.services.database.session(tenant_id) as session:
            docket = await open_docket(self.services, session, request_id)
            _check(docket)
            link = await self.exports.make_link(session, request_id, actor=actor)
            letter_id = await write_letter(
                docket,
                LetterKind.EXPORT_LINK,
                until=f"{link.expires_at:%Y-%m-%d %H:%M} UTC",
                link=f"{self.issuer}/privacy/export/{link.token}",
            )
            if letter_id is None:
                raise ConflictError(
                    "whoever sent this request tells the person themselves",
                    hint="make the link without a letter, and give it to them",
                )
        return public_id(LETTER_PREFIX, letter_id)


def _check(docket: Docket) -> None:
    if docket.row.identity is IdentityLevel.CLAIMED:
        raise ConflictError(
            "nothing but their own word says who asks", hint="ask for a code, or vouch for them"
        )
    if docket.row.scope.get("special_categories"):
        raise ConflictError(
            "data of special categories is not told of by letter",
            hint="make the link without a letter, and hand it to the person you have seen",
        )
