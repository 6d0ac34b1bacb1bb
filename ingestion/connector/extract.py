"""The extractor: reads one stream of one account over one window, page by page.

    job + checkpoint -> slice -> (report job) -> page -> typed rows -> Page with the next checkpoint

Nothing is lost and nothing comes twice: a page is handed out only when its answer arrived whole,
and its checkpoint points behind it. A body that keeps breaking, or is too large, is asked for
again in smaller pages or over fewer days; memory is bounded by one answer, or by one slice where
pages are counted. Checks are asked by people who wait: they give up within seconds.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from domain.ports import CallBudget, Clock
from ingestion.connector.accounts import check_account, clean_account_id, discover_accounts
from ingestion.connector.auth import (
    AccessTokens,
    GivenToken,
    OwnTokens,
    TokenSource,
    token_key,
)
from ingestion.connector.budget import Budgets, Waiter, app_scope
from ingestion.connector.checkpoint import first_checkpoint, load_checkpoint
from ingestion.connector.failures import ThrottledError
from ingestion.connector.job import (
    Access,
    Account,
    DiscoveredAccount,
    ExtractionJob,
    ExtractProgress,
    Page,
)
from ingestion.connector.run import ExtractionRun
from ingestion.connector.spec import RequestSpec, SourceSpec
from ingestion.connector.template import fill
from ingestion.connector.transport import (
    CHECK_POLICY,
    Meter,
    RetryPolicy,
    Transport,
    quiet_request_logs,
)

__all__ = ["Extractor"]

Rotated = Callable[[Access, Mapping[str, str]], Awaitable[None]]
OnProgress = Callable[[ExtractProgress], None]


async def _keep_nothing(_access: Access, _credentials: Mapping[str, str]) -> None:
    """For sources whose refresh tokens do not change."""


class Extractor:
    """Extracts from every source; one per process, safe for concurrent jobs."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        budget: CallBudget,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        base_urls: Mapping[str, str],
        *,
        jitter: Callable[[], float],
        policy: RetryPolicy | None = None,
        rotated: Rotated = _keep_nothing,
    ) -> None:
        """Wire the extractor.

        Args:
            http: Shared client; does not follow redirects.
            budget: Quotas shared by all workers.
            clock: The present instant.
            sleep: Awaits so many seconds.
            base_urls: `<source>` -> base URL instead of the source file's (may use `{account}` and
                `{version}`), `<source>.token` -> token URL instead of the source file's, and
                `<source>.<name>` -> one of its other URLs.
            jitter: Uniform random numbers in [0, 1).
            policy: When to try again, in `extract`.
            rotated: Called when the provider replaced the refresh token; keeps the new one
                (single-use tokens are lost otherwise).
        """
        self._http = http
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._base_urls = base_urls
        self._jitter = jitter
        self._policy = policy or RetryPolicy()
        self._rotated = rotated
        self._tokens = AccessTokens(clock)
        quiet_request_logs()

    async def extract(
        self,
        job: ExtractionJob,
        checkpoint: Mapping[str, Any] | None,
        on_progress: OnProgress,
    ) -> AsyncIterator[Page]:
        """Read the job's window.

        Args:
            job: What to read.
            checkpoint: Of the last page that was kept, to go on after it; None: from the start.
            on_progress: Called after each page and before each wait.

        Yields:
            Pages in order; the last one has `last` set. A page may be empty.

        Raises:
            ProviderError: A refusal that trying again cannot mend.
            IncompleteAnswerError: The provider counts more records than it sent.
            ProviderUnavailableError: Still failing after all attempts.
            ThrottledError: The wait is too long for a worker; go on from the last checkpoint later.
            InvalidInputError: The window or the checkpoint does not fit the stream.
        """
        state = (
            load_checkpoint(job.stream, checkpoint)
            if checkpoint
            else first_checkpoint(job.stream, job.window)
        )
        run = ExtractionRun(job, state, self._clock, on_progress)
        transport = self._transport(job.access, run.tell_wait, run.meter, self._policy)
        async for page in run.pages(transport):
            yield page

    async def check(
        self,
        source: SourceSpec,
        account: Account,
        credentials: Mapping[str, str],
        app_credentials: Mapping[str, str],
        tokens: TokenSource | None = None,
    ) -> DiscoveredAccount:
        """Prove that credentials reach an account, and learn its currency and time zone.

        Args:
            source: Where.
            account: `account_id` and `settings` count; currency and time zone may be empty.
            credentials: Of the connection.
            app_credentials: Of the agency's app.
            tokens: Gives access tokens in place of the credentials.

        Raises:
            ProviderError: They do not; the error says why.
            ProviderUnavailableError: The provider did not answer within seconds.
            ThrottledError: The provider grants no calls for now.
        """
        access = Access(source, account, credentials, app_credentials, tokens)
        with _told_to_a_person():
            return await check_account(self._check_transport(access), access)

    async def discover(
        self,
        source: SourceSpec,
        account: Account,
        credentials: Mapping[str, str],
        app_credentials: Mapping[str, str],
        tokens: TokenSource | None = None,
    ) -> list[DiscoveredAccount]:
        """List the accounts that credentials see; arguments and errors as `check`.

        `account.account_id` may be empty where the source can list accounts by itself.
        """
        access = Access(source, account, credentials, app_credentials, tokens)
        with _told_to_a_person():
            return await discover_accounts(self._check_transport(access), access)

    async def ask(self, access: Access, request: RequestSpec, places: Mapping[str, str]) -> Any:
        """Send one request for a person who waits, and give back the decoded body.

        Args:
            access: For the source's rules, and for the secrets that stand in no message.
            request: Anonymous; templates.
            places: For them.

        Raises:
            ProviderError: The provider refuses.
            ProviderUnavailableError: The provider did not answer within seconds.
            ThrottledError: The provider grants no calls for now.
        """
        with _told_to_a_person():
            return await self._check_transport(access).document(request, places)

    def url(self, access: Access, name: str, template: str) -> str:
        """A URL of the source for an account, or that of the server that stands in for it.

        Args:
            access: Names source and account.
            name: Of the URL among the base URLs, for example `token`.
            template: The source's own.
        """
        source = access.source
        account_id = access.account.account_id
        if account_id:
            account_id = clean_account_id(source, account_id)
        places = {"account": account_id, "version": source.api.version}
        return str(fill(self._base_urls.get(f"{source.name}.{name}", template), places, {}))

    def _token_source(self, access: Access, references: Mapping[str, str]) -> TokenSource | None:
        if access.source.auth.kind != "oauth2_refresh":
            return None
        if access.tokens is not None:
            return access.tokens
        given = access.credentials.get("access_token")
        if given and not access.credentials.get("refresh_token"):
            return GivenToken(given)

        async def rotated(credentials: Mapping[str, str]) -> None:
            await self._rotated(access, credentials)

        token_url = self.url(access, "token", access.source.auth.token_url)
        return OwnTokens(self._tokens, access.source, references, token_url, rotated)

    def _check_transport(self, access: Access) -> Transport:
        return self._transport(access, _tell_nobody, Meter(), CHECK_POLICY)

    def _transport(
        self,
        access: Access,
        tell: Callable[[float, str], None],
        meter: Meter,
        policy: RetryPolicy,
    ) -> Transport:
        source = access.source
        references = _references(access)
        account_id = access.account.account_id
        if account_id:
            account_id = clean_account_id(source, account_id)
        places = {"account": account_id, "version": source.api.version}
        scopes = {
            "app": app_scope(access.app_credentials),
            "account": account_id,
            "credentials": access.name or token_key(references),
        }
        return Transport(
            http=self._http,
            source=source,
            base_url=str(fill(self._base_urls.get(source.name, source.api.base_url), places, {})),
            other_urls={
                name: str(fill(self._base_urls.get(f"{source.name}.{name}", url), places, {}))
                for name, url in source.api.other_urls.items()
            },
            references=references,
            tokens=self._token_source(access, references),
            budgets=Budgets(source, scopes, self._budget, self._clock),
            waiter=Waiter(self._sleep, tell, policy.longest_wait_seconds, source.label),
            policy=policy,
            jitter=self._jitter,
            clock=self._clock,
            meter=meter,
        )


def _tell_nobody(_seconds: float, _reason: str) -> None:
    """Checks are too short to report waits."""


@contextmanager
def _told_to_a_person() -> Iterator[None]:
    """Nothing goes on by itself after a check."""
    try:
        yield
    except ThrottledError as error:
        error.hint = "try again after that time"
        raise


def _references(access: Access) -> dict[str, str]:
    groups = {
        "app": access.app_credentials,
        "credential": access.credentials,
        "setting": access.account.settings,
    }
    return {
        f"{group}.{name}": value
        for group, values in groups.items()
        for name, value in values.items()
    }
