"""Access tokens: whose they are, and until when.

    request -> its token -> ad accounts | MetaRefusalError

Sources: developers.facebook.com/docs/facebook-login/guides/access-tokens and .../graph-api/guides/
error-handling (2026-11). A token stands in the query, in a form or in the header.
"""

from collections.abc import Mapping
from datetime import timedelta

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.consents import secret
from ingestion.simulator.meta_ads.config import UserToken
from ingestion.simulator.meta_ads.failures import MetaRefusalError, expired_token

__all__ = ["AccessTokens"]


class AccessTokens:
    """The tokens that the platform has issued."""

    def __init__(self, tokens: tuple[UserToken, ...], clock: SimulatedClock) -> None:
        self._given = {each.token: each for each in tokens}
        self._tokens = dict(self._given)
        self._clock = clock
        self._ended: set[str] = set()

    def accounts_of(self, values: Mapping[str, str], authorization: str) -> tuple[str, ...]:
        """The accounts that a request's token reaches.

        Args:
            values: Parameters of the request.
            authorization: Its header of that name.

        Raises:
            MetaRefusalError: No token, an unknown one or one that has run out.
        """
        scheme, _, bearer = authorization.partition(" ")
        text = values.get("access_token") or (bearer if scheme.lower() == "bearer" else "")
        if not text:
            raise MetaRefusalError(104, "An access token is required to request this resource.")
        token = self._tokens.get(text)
        if token is None:
            raise MetaRefusalError(190, "Invalid OAuth access token - Cannot parse access token")
        ends = token.expires_at
        if text in self._ended or (ends is not None and self._clock.now() >= ends):
            raise expired_token()
        return token.account_ids

    def issue(self, account_ids: tuple[str, ...], lifetime: timedelta) -> str:
        """A new token of a person."""
        text = f"EAA{secret('meta', len(self._tokens), *account_ids)}"
        self._tokens[text] = UserToken(text, account_ids, self._clock.now() + lifetime)
        return text

    def expire_all(self) -> int:
        """End the tokens that run out at all, and tell how many there were."""
        ending = {text for text, token in self._tokens.items() if token.expires_at is not None}
        count = len(ending - self._ended)
        self._ended |= ending
        return count

    def reset(self) -> None:
        """Forget issued tokens, and that tokens were ended before their time."""
        self._ended.clear()
        self._tokens = dict(self._given)
