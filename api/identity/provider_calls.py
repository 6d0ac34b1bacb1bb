"""Calls to an agency's own identity provider: guarded, small, and given up in time.

    url -> line (public addresses only, pinned) -> JSON of a bounded size | ProviderFailedError

The agency names the address, so a call may not reach what only this machine can. Redirects are not
followed. Reasons hold neither codes nor secrets.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
import anyio.to_thread

from api.outbound.patience import Patience
from domain.errors import Transient, UserError

__all__ = ["ProviderCalls", "ProviderFailedError"]

_MAXIMUM_BYTES: Final = 262_144
_PATIENCE: Final = Patience(connect=5.0, answer=5.0, total=10.0)
_AT_ONCE: Final = 8


class ProviderFailedError(UserError, Transient):
    """The agency's provider does not answer, or not as the specification says."""

    code = "PROVIDER_FAILED"


@dataclass(frozen=True, slots=True)
class ProviderCalls:
    """Asks providers.

    Attributes:
        public_only: Refuse private and local addresses.
    """

    public_only: bool

    async def get(self, url: str) -> dict[str, Any]:
        """A JSON object.

        Raises:
            ProviderFailedError: Says why there is none.
        """
        return await self._call("GET", url, None, None)

    async def post(
        self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None
    ) -> dict[str, Any]:
        """A JSON object, for a form.

        Args:
            url: Of the endpoint.
            form: Its fields.
            basic: Id and secret, form-encoded already, for HTTP Basic.

        Raises:
            ProviderFailedError: Says why there is none.
        """
        return await self._call("POST", url, form, basic)

    async def _call(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None,
        basic: tuple[str, str] | None,
    ) -> dict[str, Any]:
        from api.outbound.line import Line  # noqa: PLC0415  # loads Apprise, half a second

        line = Line(_PATIENCE, public_only=self.public_only)
        work = functools.partial(_exchange, line, method, url, form, basic)
        try:
            with anyio.fail_after(_PATIENCE.total):
                status, body = await anyio.to_thread.run_sync(
                    work, limiter=_limiter(), abandon_on_cancel=True
                )
        except TimeoutError as error:
            raise ProviderFailedError(
                "your agency's provider does not answer", hint="try again in a while"
            ) from error
        finally:
            line.hang_up()
        return _read(status, body)


@functools.cache
def _limiter() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(_AT_ONCE)


def _exchange(
    line: Any,
    method: str,
    url: str,
    form: Mapping[str, str] | None,
    basic: tuple[str, str] | None,
) -> tuple[int, bytes]:
    """Ask once; blocks its thread."""
    import requests  # noqa: PLC0415  # see above
    from apprise.utils.http import HTTPPolicySession  # noqa: PLC0415

    try:
        with (
            HTTPPolicySession(line) as http,
            http.request(
                method,
                url,
                data=None if form is None else dict(form),
                auth=basic,
                headers={"accept": "application/json"},
                timeout=(line.patience.connect, line.patience.answer),
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            return answer.status_code, answer.raw.read(_MAXIMUM_BYTES + 1, decode_content=True)
    except (requests.RequestException, OSError, ValueError) as error:
        raise ProviderFailedError(
            "your agency's provider cannot be reached", hint="try again in a while"
        ) from error


def _read(status: int, body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if len(body) <= _MAXIMUM_BYTES else None
    except ValueError:
        found = None
    if status != 200 or not isinstance(found, dict):  # noqa: PLR2004  # OK
        raise ProviderFailedError(
            f"your agency's provider answered {status}, and not as it should",
            hint="sign in again; if it stays, tell whoever looks after the provider",
        )
    return found
