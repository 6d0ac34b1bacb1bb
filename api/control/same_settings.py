"""A command is handed over only to an owner that keeps its data where the caller thinks it is.

    Settings -> digests_of -> Invocation.settings -> owner: check_same_settings -> run | refuse

The owner runs commands on what it opened when it started. Digests travel in place of the values,
which hold passwords.
"""

import hashlib
import os
from collections.abc import Mapping

from api.settings import Settings
from domain.errors import ConflictError

__all__ = ["OtherSettingsError", "check_same_settings", "digests_of"]


class OtherSettingsError(ConflictError):
    """The owner of the runtime runs with other settings than the command was given."""

    code = "OTHER_SETTINGS"


def digests_of(settings: Settings) -> dict[str, str]:
    """Tell where the data lies without telling it.

    Returns:
        By variable, the first 16 hexadecimal digits of the SHA-256 of its value; an embedded
        server counts as an empty value.
    """
    values = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "WAREHOUSE_URL": settings.warehouse_url,
        "BOSCO_LANDING_URL": settings.landing_url,
        "BOSCO_MASTER_KEY_FILE": str(settings.master_key_file),
    }
    return {
        name: hashlib.sha256((value or "").encode()).hexdigest()[:16]
        for name, value in values.items()
    }


def check_same_settings(own: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Compare the owner's digests with those that a caller sent.

    Args:
        own: Of the owner.
        given: Of the caller; what it does not name is not compared.

    Raises:
        OtherSettingsError: Some differ; names them.
    """
    differing = [name for name, digest in given.items() if own.get(name) != digest]
    if differing:
        names = ", ".join(differing)
        raise OtherSettingsError(
            f"the owner of the runtime (process {os.getpid()}) has another value of {names}",
            hint=f"stop that process, or give this command the owner's {names}: unset what it "
            "does not set",
        )
