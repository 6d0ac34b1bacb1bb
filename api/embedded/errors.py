"""Why the embedded servers did not come up."""

from domain.errors import UserError

__all__ = ["EmbeddedServerError"]


class EmbeddedServerError(UserError):
    """An embedded server cannot be placed, started or reached on this machine."""

    code = "EMBEDDED_SERVER_FAILED"
