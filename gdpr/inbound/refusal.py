"""What is not taken in, and why.

InboundRefusedError (status for the platform) <- signature | shape | time
"""

from domain.errors import UserError

__all__ = ["InboundRefusedError", "NotSignedError"]


class InboundRefusedError(UserError):
    """A message is not what the platform sends.

    Attributes:
        status: Of HTTP.
    """

    code = "MESSAGE_REFUSED"

    def __init__(self, message: str, *, status: int = 400, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class NotSignedError(InboundRefusedError):
    """A message does not carry the platform's signature, or carries it for something else."""

    code = "NOT_SIGNED"

    def __init__(self) -> None:
        super().__init__(
            "the message does not carry the platform's signature",
            status=401,
            hint="check the app's client secret in the file that BOSCO_PROVIDER_APPS_FILE names",
        )
