"""The mutation `chooseSubject`: whom a request is about.

id, pseudonym -> DecisionDesk -> the request goes on
"""

from functools import partial
from typing import Annotated

import strawberry

from api.graphql.access import RootField
from api.graphql.context import EdgeInfo
from api.graphql.privacy_decisions import decide
from api.graphql.privacy_types import SubjectRequest
from api.identity.caller import Scope
from domain.errors import UserError

__all__ = ["CHOOSE_SUBJECT"]


@strawberry.type(description="It is known whom the request is about.")
class SubjectChosen:
    """See the description."""

    request: SubjectRequest


@strawberry.type(description="Nothing changed.")
class ChooseSubjectError:
    """See the description."""

    code: str
    message: str
    hint: str


ChooseSubjectPayload = Annotated[
    SubjectChosen | ChooseSubjectError, strawberry.union("ChooseSubjectPayload")
]


async def _choose_subject(
    info: EdgeInfo,
    id: Annotated[strawberry.ID, strawberry.argument(description="Of the request.")],  # noqa: A002  # the argument's name in GraphQL
    pseudonym: Annotated[
        str,
        strawberry.argument(description="Any of the person, as the request shows them."),
    ],
) -> ChooseSubjectPayload:
    try:
        office, actor = info.context.services.privacy, info.context.caller.actor
        verb = partial(office.decisions.choose_subject, pseudonym=pseudonym, actor=actor)
        return SubjectChosen(request=await decide(info, id, verb))
    except UserError as error:
        return ChooseSubjectError(code=error.code, message=error.message, hint=error.hint)


CHOOSE_SUBJECT = RootField(
    "chooseSubject",
    Scope.PRIVACY_WRITE,
    "Say whom a request is about.",
    _choose_subject,
)
