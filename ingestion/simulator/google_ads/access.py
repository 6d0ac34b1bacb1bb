"""Who may ask: OAuth tokens, developer tokens, account access and the operation budget.

    code -> refresh token -> access token -> grant
    developer token -> access level -> budget of the day

Sources: developers.google.com/identity/protocols/oauth2/web-server (refreshing), and
developers.google.com/google-ads/api/docs/{concepts/call-structure,best-practices/quotas}.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from hashlib import blake2b
from typing import Final

from starlette.responses import JSONResponse, Response

from ingestion.simulator.clock import SimulatedClock
from ingestion.simulator.google_ads.config import (
    AccessGrant,
    AdsAccount,
    DeveloperToken,
    GoogleAdsConfig,
    managers_above,
)
from ingestion.simulator.google_ads.failures import GoogleAdsRefusalError
from ingestion.simulator.google_identity import GoogleIdentity, oauth_error

__all__ = ["Access", "OperationBudget", "TokenStore", "quota_refusal"]

_SCOPE: Final = "https://www.googleapis.com/auth/adwords"


@dataclass(slots=True)
class _Issued:
    grant: AccessGrant
    expires_at: datetime


class TokenStore:
    """Issues access tokens and knows until when each is good."""

    def __init__(self, config: GoogleAdsConfig, clock: SimulatedClock) -> None:
        self._config = config
        self._clock = clock
        self._issued: dict[str, _Issued] = {}
        self._count = 0
        self.identity = GoogleIdentity(
            config.seed, config.apps, _SCOPE, clock, testing_days=config.testing_days
        )
        self._grants = list(config.grants)

    def exchange(self, form: Mapping[str, str]) -> Response:
        """Answer the token endpoint for the fields of `form`."""
        if form.get("grant_type") == "authorization_code":
            return self._redeem(form)
        if form.get("grant_type") != "refresh_token":
            return oauth_error(
                400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}"
            )
        for name in ("client_id", "refresh_token"):
            if not form.get(name):
                return oauth_error(400, "invalid_request", f"Missing required parameter: {name}")
        return self._refresh(form)

    def _redeem(self, form: Mapping[str, str]) -> Response:
        found = self.identity.redeem(form)
        if isinstance(found, Response):
            return found
        app, answer = found
        own = [each for each in self._config.grants if each.client_id == app.client_id]
        reached = {customer for each in own for customer in each.customer_ids}
        has_scope = _SCOPE in str(answer["scope"]).split()
        grant = AccessGrant(
            app.client_id,
            app.client_secret,
            str(answer.get("refresh_token", "")),
            tuple(sorted(reached)) if has_scope else (),
        )
        if grant.refresh_token:
            self._grants.append(grant)
        access = {
            "access_token": self._issue(grant),
            "expires_in": self._config.token_lifetime_seconds,
        }
        return JSONResponse({**access, **answer})

    def revoke(self, refresh_token: str) -> None:
        """The person withdraws the consent."""
        self._grants = [
            replace(each, is_revoked=True) if each.refresh_token == refresh_token else each
            for each in self._grants
        ]

    def reset(self) -> None:
        """Forget codes and the consents that were given since the start."""
        self._issued.clear()
        self._grants = list(self._config.grants)
        self.identity.reset()

    def _refresh(self, form: Mapping[str, str]) -> Response:
        clients = [each for each in self._grants if each.client_id == form["client_id"]]
        if not clients:
            return oauth_error(401, "invalid_client", "The OAuth client was not found.")
        if all(each.client_secret != form.get("client_secret") for each in clients):
            return oauth_error(401, "invalid_client", "Unauthorized")
        grants = [each for each in clients if each.refresh_token == form["refresh_token"]]
        if not grants:
            return oauth_error(400, "invalid_grant", "Bad Request")
        if grants[0].is_revoked:
            return oauth_error(400, "invalid_grant", "Token has been expired or revoked.")
        return JSONResponse(
            {
                "access_token": self._issue(grants[0]),
                "expires_in": self._config.token_lifetime_seconds,
                "scope": _SCOPE,
                "token_type": "Bearer",
            }
        )

    def find_grant(self, access_token: str) -> AccessGrant | None:
        """Return the grant of a token that is still good."""
        issued = self._issued.get(access_token)
        if issued is None or issued.expires_at <= self._clock.now():
            return None
        return issued.grant

    def expire_all(self) -> int:
        """Expire every token; returns how many were still good."""
        now = self._clock.now()
        good = sum(issued.expires_at > now for issued in self._issued.values())
        self._issued.clear()
        return good

    def _issue(self, grant: AccessGrant) -> str:
        self._count += 1
        name = f"{self._config.seed}/{grant.refresh_token}/{self._count}"
        token = "ya29.a0" + blake2b(name.encode(), digest_size=32).hexdigest()
        lifetime = timedelta(seconds=self._config.token_lifetime_seconds)
        self._issued[token] = _Issued(grant, self._clock.now() + lifetime)
        return token


class OperationBudget:
    """Operations of each developer token on the current UTC day."""

    def __init__(self, config: GoogleAdsConfig, clock: SimulatedClock) -> None:
        self._limit = config.operations_per_day
        self._clock = clock
        self._spent: Counter[tuple[str, str]] = Counter()

    def spend(self, developer_token: DeveloperToken) -> None:
        """Count one operation.

        Raises:
            GoogleAdsRefusalError: The budget of the day is used up.
        """
        if developer_token.access_level == "standard":
            return
        now = self._clock.now()
        key = (developer_token.token, now.date().isoformat())
        if self._spent[key] >= self._limit:
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
            raise quota_refusal(
                "RESOURCE_EXHAUSTED",
                "Number of operations for basic access",
                int((midnight - now).total_seconds()) + 1,
            )
        self._spent[key] += 1

    def reset(self) -> None:
        """Start the day anew."""
        self._spent.clear()


class Access:
    """Checks the headers of a call against the configured accounts."""

    def __init__(self, config: GoogleAdsConfig) -> None:
        self._accounts = {account.customer_id: account for account in config.accounts}
        self._developer_tokens = {each.token: each for each in config.developer_tokens}

    def developer_token(self, text: str | None) -> DeveloperToken:
        """Return the developer token named in the header.

        Raises:
            GoogleAdsRefusalError: Missing, unknown, or approved for test accounts only.
        """
        if not text:
            raise GoogleAdsRefusalError(
                "requestError",
                "DEVELOPER_TOKEN_PARAMETER_MISSING",
                "Developer token is required.",
            )
        token = self._developer_tokens.get(text)
        if token is None:
            raise GoogleAdsRefusalError(
                "authenticationError",
                "DEVELOPER_TOKEN_INVALID",
                "The developer token is not valid.",
                status=401,
            )
        if token.access_level == "test":
            raise GoogleAdsRefusalError(
                "authorizationError",
                "DEVELOPER_TOKEN_NOT_APPROVED",
                "The developer token is only approved for use with test accounts. To access "
                "non-test accounts, apply for Basic or Standard access.",
                status=403,
            )
        return token

    def account(self, customer_id: str, grant: AccessGrant, login_id: str | None) -> AdsAccount:
        """Return the account that `grant` may query by way of `login-customer-id`.

        Raises:
            GoogleAdsRefusalError: Malformed id, no permission, or a disabled account.
        """
        if not customer_id.isdigit():
            raise GoogleAdsRefusalError(
                "requestError", "INVALID_CUSTOMER_ID", f"Invalid customer ID '{customer_id}'."
            )
        account = self._accounts.get(customer_id)
        root = login_id or customer_id
        if (
            account is None
            or root not in grant.customer_ids
            or root not in {customer_id, *managers_above(account, self._accounts)}
        ):
            raise GoogleAdsRefusalError(
                "authorizationError",
                "USER_PERMISSION_DENIED",
                "User doesn't have permission to access customer. Note: If you're accessing a "
                "client customer, the manager's customer id must be set in the "
                "'login-customer-id' header. See https://developers.google.com/google-ads/api/"
                "docs/concepts/call-structure#cid",
                status=403,
            )
        if not account.is_enabled:
            raise GoogleAdsRefusalError(
                "authorizationError",
                "CUSTOMER_NOT_ENABLED",
                "The customer account can't be accessed because it is not yet enabled or has "
                "been deactivated.",
                status=403,
            )
        return account


def quota_refusal(code: str, rate_name: str, seconds: int) -> GoogleAdsRefusalError:
    """Build a `quotaError` that asks to wait `seconds`."""
    return GoogleAdsRefusalError(
        "quotaError",
        code,
        f"Too many requests. Retry in {seconds} seconds.",
        status=429,
        details={
            "quotaErrorDetails": {
                "rateScope": "DEVELOPER",
                "rateName": rate_name,
                "retryDelay": f"{seconds}s",
            }
        },
    )
