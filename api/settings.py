"""The settings, and the only place that reads the environment.

    environment variables -> load_settings -> Settings (frozen) -> the composition root

Every variable has a default that works on a laptop with nothing installed. `BOSCO_ENV=production`
turns the defaults that are good for a laptop only into errors. All mistakes are told at once, each
with the variable, what is wrong with its value, and an example.
"""

import difflib
import ipaddress
import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from domain.errors import InvalidInputError

__all__ = [
    "Settings",
    "WrongSettingsError",
    "load_master_key",
    "load_provider_apps",
    "load_settings",
]

CHECKOUT: Final = Path(__file__).resolve().parents[1]
MASTER_KEY_BYTES: Final = 32  # AES-256
HIGHEST_PORT: Final = 65_535
_MOST_BACKUP_DAYS: Final = 3_650

EXAMPLES: Final[Mapping[str, str]] = {
    "BOSCO_STATE_DIR": "/var/lib/bosco",
    "DATABASE_URL": "postgresql+psycopg://user:password@host/bosco",
    "REDIS_URL": "redis://host:6379/0",
    "WAREHOUSE_URL": "duckdb:///var/lib/bosco/warehouse.duckdb, "
    "or bigquery://my-project/bosco?location=EU",
    "BOSCO_LANDING_URL": "file:///var/lib/bosco/landing, or gs://my-bucket/landing",
    "BOSCO_MASTER_KEY_FILE": "/etc/bosco/master.key",
    "BOSCO_PROVIDER_APPS_FILE": "/etc/bosco/provider_apps.json",
    "BOSCO_HTTP_HOST": "127.0.0.1",
    "BOSCO_HTTP_PORT": "8080",
    "BOSCO_PUBLIC_URL": "https://bosco.example",
    "BOSCO_SOURCE_BASE_URLS": '{"shopify": "http://127.0.0.1:9001"}',
    "BOSCO_ENV": "production",
    "BOSCO_TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8",
    "BOSCO_BACKUP_DAYS": "30",
    "BOSCO_ANSWER_CACHE": "off",
    "BOSCO_LOG_LEVEL": "INFO",
}

# A laptop makes these up; in production each is somebody's decision.
REQUIRED_IN_PRODUCTION: Final = (
    "DATABASE_URL",
    "REDIS_URL",
    "WAREHOUSE_URL",
    "BOSCO_LANDING_URL",
    "BOSCO_MASTER_KEY_FILE",
    "BOSCO_PUBLIC_URL",
)

OF_THE_TESTS: Final = "BOSCO_TEST_"

HOLD_PASSWORDS: Final = frozenset({"DATABASE_URL", "REDIS_URL"})  # their values are never shown


class WrongSettingsError(InvalidInputError):
    """Environment variables, or the files they name, cannot be used; one line each."""

    code = "WRONG_SETTINGS"


def _check_path(path: Path) -> Path:
    try:
        expanded = path.expanduser()
    except RuntimeError:
        raise ValueError("its ~ is no user's home") from None
    if not expanded.is_absolute():
        raise ValueError("it is not an absolute path")
    return expanded.resolve()


def _check_database_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError("it is not a PostgreSQL URL")
    return f"postgresql+psycopg://{rest}"


def _check_redis_url(url: str) -> str:
    if urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("it is not a Redis URL (redis://, rediss:// or unix://)")
    return url


def _check_warehouse_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "duckdb":
        if parts.netloc or len(parts.path) < len("/x"):
            raise ValueError("after duckdb:// comes the absolute path of a file")
    elif parts.scheme == "bigquery":
        if not parts.netloc or not parts.path.strip("/") or "/" in parts.path.strip("/"):
            raise ValueError("after bigquery:// come a project and a prefix for its datasets")
        unknown = sorted(parse_qs(parts.query).keys() - {"location", "endpoint"})
        if unknown:
            raise ValueError(f"it knows location and endpoint, not {', '.join(unknown)}")
    else:
        raise ValueError("it is neither a duckdb:// nor a bigquery:// URL")
    return url


def _check_public_url(url: str) -> str:
    parts = urlsplit(url)
    is_bare = url.rstrip("/") == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_bare:
        raise ValueError("it is not http:// or https:// with a host, and nothing behind it")
    return url.rstrip("/").lower()


def _check_landing_url(url: str) -> str:
    parts = urlsplit(url)
    is_folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    is_bucket = parts.scheme == "gs" and bool(parts.netloc)
    if not (is_folder or is_bucket):
        raise ValueError("it is neither file:// with an absolute path nor gs:// with a bucket")
    return url.rstrip("/")


def _read_base_urls(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object from source to URL")  # noqa: TRY004  # pydantic's
    for source, url in found.items():
        if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError(f"the value of {source} is not an http:// or https:// URL")
    return found


def _read_networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in value.split(","))
    except ValueError as error:
        raise ValueError(f"it is not a list of networks: {error}") from None


def _read_switch(value: object) -> object:
    if isinstance(value, bool):
        return value
    try:
        return {"on": True, "off": False}[str(value)]
    except KeyError:
        raise ValueError("it is neither on nor off") from None


def _read_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        raise ValueError("it is not a whole number") from None


def _check_days(days: int) -> int:
    if not 0 <= days <= _MOST_BACKUP_DAYS:
        raise ValueError(f"it is not between 0 (there are no backups) and {_MOST_BACKUP_DAYS}")
    return days


def _check_port(port: int) -> int:
    if not 0 <= port <= HIGHEST_PORT:
        raise ValueError(f"it is not between 0 (any free port) and {HIGHEST_PORT}")
    return port


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
AbsolutePath = Annotated[Path, AfterValidator(_check_path)]


def _state_file(name: str) -> Callable[[dict[str, Any]], Path]:
    return lambda fields: fields.get("state_dir", CHECKOUT / ".bosco") / name


class Settings(BaseModel):
    """How this process runs. Made by `load_settings`.

    Attributes:
        state_dir: Absolute; everything that a laptop keeps lies here.
        database_url: PostgreSQL with psycopg; None: embedded.
        redis_url: None: embedded.
        warehouse_url: `duckdb:///path`, or `bigquery://project/dataset_prefix?location=&endpoint=`.
        landing_url: Landed objects, `file:///...` or `gs://...`, without a closing slash.
        master_key_file: The key that encrypts the vault's keys; see `load_master_key`.
        provider_apps_file: JSON of our own apps at the platforms; see `load_provider_apps`.
        http_host: Where to listen.
        http_port: Where to listen; 0: any free port.
        public_url: Our address as browsers and apps know it, the issuer of tokens; None: where we
            listen.
        source_base_urls: Source name -> base URL in place of the platform's own (a simulator).
        trusted_proxies: Networks whose X-Forwarded-For tells the client's address.
        env: Production refuses the defaults that are good for a laptop only.
        has_answer_cache: Whether answers are cached.
        log_level: Of Python's logging.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_dir: Annotated[AbsolutePath, Field(alias="BOSCO_STATE_DIR")] = CHECKOUT / ".bosco"
    database_url: Annotated[
        str | None, Field(alias="DATABASE_URL"), AfterValidator(_check_database_url)
    ] = None
    redis_url: Annotated[str | None, Field(alias="REDIS_URL"), AfterValidator(_check_redis_url)] = (
        None
    )
    warehouse_url: Annotated[
        str, Field(alias="WAREHOUSE_URL"), AfterValidator(_check_warehouse_url)
    ] = Field(default_factory=lambda fields: f"duckdb://{fields['state_dir']}/warehouse.duckdb")
    landing_url: Annotated[
        str, Field(alias="BOSCO_LANDING_URL"), AfterValidator(_check_landing_url)
    ] = Field(default_factory=lambda fields: f"file://{fields['state_dir']}/landing")
    master_key_file: Annotated[AbsolutePath, Field(alias="BOSCO_MASTER_KEY_FILE")] = Field(
        default_factory=_state_file("keys/master.key")
    )
    provider_apps_file: Annotated[AbsolutePath | None, Field(alias="BOSCO_PROVIDER_APPS_FILE")] = (
        None
    )
    http_host: Annotated[str, Field(alias="BOSCO_HTTP_HOST")] = "127.0.0.1"
    http_port: Annotated[
        int,
        Field(alias="BOSCO_HTTP_PORT"),
        BeforeValidator(_read_number),
        AfterValidator(_check_port),
    ] = 8080
    public_url: Annotated[
        str | None, Field(alias="BOSCO_PUBLIC_URL"), AfterValidator(_check_public_url)
    ] = None
    source_base_urls: Annotated[
        Mapping[str, str], Field(alias="BOSCO_SOURCE_BASE_URLS"), BeforeValidator(_read_base_urls)
    ] = Field(default_factory=dict)
    trusted_proxies: Annotated[
        tuple[Network, ...], Field(alias="BOSCO_TRUSTED_PROXIES"), BeforeValidator(_read_networks)
    ] = ()
    env: Annotated[Literal["development", "production"], Field(alias="BOSCO_ENV")] = "development"
    backup_days: Annotated[
        int,
        Field(alias="BOSCO_BACKUP_DAYS"),
        BeforeValidator(_read_number),
        AfterValidator(_check_days),
    ] = 30
    has_answer_cache: Annotated[
        bool, Field(alias="BOSCO_ANSWER_CACHE"), BeforeValidator(_read_switch)
    ] = True
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(alias="BOSCO_LOG_LEVEL")
    ] = "INFO"

    @property
    def issuer(self) -> str:
        """Our address as tokens name it, without a slash at the end."""
        host = f"[{self.http_host}]" if ":" in self.http_host else self.http_host
        return self.public_url or f"http://{host}:{self.http_port}"

    @property
    def has_single_owner(self) -> bool:
        """Whether only one process at a time can run: it owns the DuckDB file or the servers."""
        is_embedded = self.database_url is None or self.redis_url is None
        return is_embedded or self.warehouse_url.startswith("duckdb:")


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Args:
        environment: Variables; empty values count as unset, foreign ones are ignored.

    Raises:
        WrongSettingsError: One line for each wrong, unknown or, in production, missing variable.
    """
    given = {
        name: value
        for name, value in environment.items()
        if value and (name in EXAMPLES or name.startswith("BOSCO_"))
        if not name.startswith(OF_THE_TESTS)
    }
    problems = [_explain_unknown(name) for name in sorted(given.keys() - EXAMPLES.keys())]
    if given.get("BOSCO_ENV") == "production":
        problems += [_explain_missing(name) for name in REQUIRED_IN_PRODUCTION if name not in given]
        problems += _explain_unencrypted(given)
    try:
        settings = Settings.model_validate({n: v for n, v in given.items() if n in EXAMPLES})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        # A default that is made from a wrong value is wrong too, and nobody's mistake.
        problems += [
            _explain(given, detail)
            for detail in details
            if detail["type"] != "default_factory_not_called"
        ]
        raise WrongSettingsError("\n".join(problems)) from None
    if problems:
        raise WrongSettingsError("\n".join(problems))
    return settings


def load_master_key(
    settings: Settings, random_bytes: Callable[[int], bytes], *, has_agencies: bool
) -> bytes:
    """Read the master key; outside production a missing one is made for a fresh database.

    Args:
        settings: Name the file.
        random_bytes: Cryptographic randomness, `secrets.token_bytes`.
        has_agencies: Whether the database holds keys already that only the old key opens.

    Returns:
        32 bytes.

    Raises:
        WrongSettingsError: The file is missing in production or for a database that has agencies,
            can be read by other users, does not hold 32 bytes, or cannot be made or read.
    """
    path = settings.master_key_file
    try:
        return _read_or_make_master_key(settings, path, random_bytes, has_agencies=has_agencies)
    except OSError as error:
        raise WrongSettingsError(
            f"BOSCO_MASTER_KEY_FILE is {str(path)!r}: it cannot be used: {error.strerror}",
            hint="name a file that this user may read, in a folder that this user may write",
        ) from error


def _read_or_make_master_key(
    settings: Settings, path: Path, random_bytes: Callable[[int], bytes], *, has_agencies: bool
) -> bytes:
    if not path.exists():
        if has_agencies:
            raise WrongSettingsError(
                f"BOSCO_MASTER_KEY_FILE is {str(path)!r}: there is no such file, and the database "
                "has agencies whose keys only that file opens",
                hint="restore the file from its backup, or correct BOSCO_MASTER_KEY_FILE",
            )
        if settings.env == "production":
            raise WrongSettingsError(
                f"BOSCO_MASTER_KEY_FILE is {str(path)!r}: there is no such file",
                hint=f"head -c {MASTER_KEY_BYTES} /dev/urandom > FILE, mode 0600, and back it up",
            )
        _make_master_key(path, random_bytes(MASTER_KEY_BYTES))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise WrongSettingsError(
            f"BOSCO_MASTER_KEY_FILE is {str(path)!r}: other users may open it (mode {mode:04o})",
            hint=f"chmod 600 {path}",
        )
    key = path.read_bytes()
    if len(key) != MASTER_KEY_BYTES:
        raise WrongSettingsError(
            f"BOSCO_MASTER_KEY_FILE is {str(path)!r}: it holds {len(key)} bytes, "
            f"not {MASTER_KEY_BYTES}",
            hint="restore it from its backup: a new key cannot read what the old one encrypted",
        )
    return key


def load_provider_apps(settings: Settings) -> dict[str, dict[str, str]]:
    """Read the credentials of our own apps at the platforms.

    The file holds one JSON object: source -> name -> value, for example
    `{"google_ads": {"client_id": "...", "client_secret": "...", "developer_token": "..."}}`.

    Returns:
        For each source, its app's credentials; empty without a file.

    Raises:
        WrongSettingsError: It cannot be read, other users can read it, or it has another form.
    """
    path = settings.provider_apps_file
    if path is None:
        return {}
    subject = f"BOSCO_PROVIDER_APPS_FILE is {str(path)!r}"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        apps = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WrongSettingsError(f"{subject}: it cannot be read as JSON ({error})") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise WrongSettingsError(
            f"{subject}: other users may open it (mode {mode:04o})", hint=f"chmod 600 {path}"
        )
    if not isinstance(apps, dict) or not all(
        isinstance(app, dict) and all(isinstance(value, str) for value in app.values())
        for app in apps.values()
    ):
        raise WrongSettingsError(
            f"{subject}: it is not an object from source to names and texts",
            hint='write {"google_ads": {"client_id": "...", "client_secret": "..."}}',
        )
    return apps


def _make_master_key(path: Path, key: bytes) -> None:
    """Write the file whole or not at all; a file that appeared meanwhile wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()


def _explain(given: Mapping[str, str], detail: ErrorDetails) -> str:
    name = str(detail["loc"][0])
    shown = "set" if name in HOLD_PASSWORDS else repr(given[name])
    problem = detail["msg"].removeprefix("Value error, ")
    return f"{name} is {shown}: {problem}; for example {EXAMPLES[name]}"


def _explain_unencrypted(given: Mapping[str, str]) -> list[str]:
    url = given.get("BOSCO_PUBLIC_URL", "")
    if not url.lower().startswith("http://"):
        return []
    return [f"BOSCO_PUBLIC_URL is {url!r}: in production it begins with https://"]


def _explain_unknown(name: str) -> str:
    similar = difflib.get_close_matches(name, EXAMPLES, n=1)
    advice = f"did you mean {similar[0]}?" if similar else f"there are {', '.join(EXAMPLES)}"
    return f"{name} is not a setting; {advice}"


def _explain_missing(name: str) -> str:
    return f"{name} is not set, and production has no default; for example {EXAMPLES[name]}"
