"""Errors: who can mend it, and whether trying again helps.

    BoscoError
    ├── UserError        message, code and hint reach the caller
    │   ├── NotFoundError         also for another tenant's object: never "forbidden"
    │   ├── InvalidInputError     the caller's words are off
    │   ├── PermissionDeniedError the caller's own token lacks a scope
    │   └── ConflictError         valid, but not now (exists already, in use)
    └── InternalError    the caller sees the code and a trace id only

`Transient` and `Terminal` are mixins: a retry loop tries a `Transient` error again and gives up on
everything else.
"""

from typing import ClassVar

__all__ = [
    "BoscoError",
    "ConflictError",
    "InternalError",
    "InvalidInputError",
    "NotFoundError",
    "PermissionDeniedError",
    "Terminal",
    "Transient",
    "UserError",
]


class BoscoError(Exception):
    """Root of all expected failures.

    Attributes:
        code: Stable machine-readable name, upper snake case.
        message: One sentence: what is wrong and where.
        hint: What to do about it; empty when there is nothing to add.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Transient:
    """Mixin: the same call may succeed later; `wait_seconds` is the provider's own word, if any."""

    wait_seconds: float | None = None


class Terminal:
    """Mixin: trying again cannot help."""


class UserError(BoscoError):
    """The caller can mend it; message, code and hint are shown to them."""

    code = "BAD_REQUEST"


class NotFoundError(UserError, Terminal):
    """No such object in this tenant."""

    code = "NOT_FOUND"


class InvalidInputError(UserError, Terminal):
    """A value is malformed, unknown or out of range."""

    code = "INVALID_INPUT"


class PermissionDeniedError(UserError, Terminal):
    """The caller's token is valid but lacks the scope for this."""

    code = "INSUFFICIENT_SCOPE"


class ConflictError(UserError):
    """Valid in itself, but in conflict with the present state."""

    code = "CONFLICT"


class InternalError(BoscoError):
    """A bug or a broken dependency; the caller sees the code and a trace id."""
