import contextlib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.settings import (
    EXAMPLES,
    Settings,
    WrongSettingsError,
    load_master_key,
    load_settings,
)

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "BOSCO_ENV": "production",
    "DATABASE_URL": "postgresql://db/bosco",
    "REDIS_URL": "rediss://cache:6379/0",
    "WAREHOUSE_URL": "bigquery://project/bosco?location=EU&endpoint=http://localhost:9050",
    "BOSCO_LANDING_URL": "gs://bucket/landing/",
    "BOSCO_MASTER_KEY_FILE": "/etc/bosco/master.key",
    "BOSCO_PUBLIC_URL": "https://Bosco.example/",
}


def in_folder(folder: Path) -> Settings:
    return load_settings({"BOSCO_STATE_DIR": str(folder)})


def test_defaults_need_nothing() -> None:
    settings = load_settings({})
    assert settings.model_dump() == {
        "state_dir": CHECKOUT / ".bosco",
        "database_url": None,
        "redis_url": None,
        "warehouse_url": f"duckdb://{CHECKOUT}/.bosco/warehouse.duckdb",
        "landing_url": f"file://{CHECKOUT}/.bosco/landing",
        "master_key_file": CHECKOUT / ".bosco" / "keys" / "master.key",
        "provider_apps_file": None,
        "http_host": "127.0.0.1",
        "http_port": 8080,
        "public_url": None,
        "source_base_urls": {},
        "trusted_proxies": (),
        "env": "development",
        "backup_days": 30,
        "has_answer_cache": True,
        "log_level": "INFO",
    }
    assert settings.has_single_owner
    assert settings.issuer == "http://127.0.0.1:8080"


def test_every_variable_is_read() -> None:
    settings = load_settings(
        PRODUCTION
        | {
            "BOSCO_STATE_DIR": "/var/lib/bosco",
            "BOSCO_HTTP_HOST": "::1",
            "BOSCO_HTTP_PORT": "0",
            "BOSCO_SOURCE_BASE_URLS": '{"shopify": "http://127.0.0.1:9001"}',
            "BOSCO_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1",
            "BOSCO_BACKUP_DAYS": "0",
            "BOSCO_ANSWER_CACHE": "off",
            "BOSCO_LOG_LEVEL": "DEBUG",
            "BOSCO_PROVIDER_APPS_FILE": "/etc/bosco/provider_apps.json",
            "PATH": "/bin",
        }
    )
    assert settings.model_dump() == {
        "state_dir": Path("/var/lib/bosco"),
        "database_url": "postgresql+psycopg://db/bosco",
        "redis_url": "rediss://cache:6379/0",
        "warehouse_url": PRODUCTION["WAREHOUSE_URL"],
        "landing_url": "gs://bucket/landing",
        "master_key_file": Path("/etc/bosco/master.key"),
        "provider_apps_file": Path("/etc/bosco/provider_apps.json"),
        "http_host": "::1",
        "http_port": 0,
        "public_url": "https://bosco.example",
        "source_base_urls": {"shopify": "http://127.0.0.1:9001"},
        "trusted_proxies": (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128")),
        "env": "production",
        "backup_days": 0,
        "has_answer_cache": False,
        "log_level": "DEBUG",
    }
    assert not settings.has_single_owner
    assert settings.issuer == "https://bosco.example"


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_an_embedded_server_has_a_single_owner(missing: str) -> None:
    given_urls = {n: v for n, v in PRODUCTION.items() if n not in {missing, "BOSCO_ENV"}}
    assert load_settings(given_urls).has_single_owner


def test_a_duckdb_file_has_a_single_owner() -> None:
    given_urls = PRODUCTION | {"WAREHOUSE_URL": "duckdb:///data/w.duckdb"}
    assert load_settings(given_urls).has_single_owner


def test_empty_values_count_as_unset() -> None:
    assert load_settings(dict.fromkeys(EXAMPLES, "")) == load_settings({})


def test_variables_of_others_and_of_the_tests_are_passed_over() -> None:
    assert load_settings({"BOSCO_TEST_DATASETS": "/data", "PORT": "x"}) == load_settings({})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings({}).http_port = 1


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("BOSCO_STATE_DIR", "state", "it is not an absolute path"),
        ("BOSCO_STATE_DIR", "~nobody-of-this-name/x", "its ~ is no user's home"),
        ("WAREHOUSE_URL", "sqlite:///x", "it is neither a duckdb:// nor a bigquery:// URL"),
        ("WAREHOUSE_URL", "duckdb://x", "after duckdb:// comes the absolute path of a file"),
        ("WAREHOUSE_URL", "duckdb:///", "after duckdb:// comes the absolute path of a file"),
        (
            "WAREHOUSE_URL",
            "bigquery://project",
            "after bigquery:// come a project and a prefix for its datasets",
        ),
        (
            "WAREHOUSE_URL",
            "bigquery://project/a/b",
            "after bigquery:// come a project and a prefix for its datasets",
        ),
        (
            "WAREHOUSE_URL",
            "bigquery://project/a?region=EU",
            "it knows location and endpoint, not region",
        ),
        (
            "BOSCO_LANDING_URL",
            "s3://bucket",
            "it is neither file:// with an absolute path nor gs:// with a bucket",
        ),
        (
            "BOSCO_LANDING_URL",
            "file://landing",
            "it is neither file:// with an absolute path nor gs:// with a bucket",
        ),
        ("BOSCO_MASTER_KEY_FILE", "key", "it is not an absolute path"),
        ("BOSCO_HTTP_PORT", "80a", "it is not a whole number"),
        ("BOSCO_HTTP_PORT", "80.5", "it is not a whole number"),
        ("BOSCO_HTTP_PORT", "65536", "it is not between 0 (any free port) and 65535"),
        ("BOSCO_SOURCE_BASE_URLS", "{", "it is not JSON: "),
        ("BOSCO_SOURCE_BASE_URLS", "[]", "it is not a JSON object from source to URL"),
        (
            "BOSCO_SOURCE_BASE_URLS",
            '{"shopify": "localhost"}',
            "the value of shopify is not an http:// or https:// URL",
        ),
        ("BOSCO_TRUSTED_PROXIES", "proxy", "it is not a list of networks: 'proxy' does not appear"),
        (
            "BOSCO_TRUSTED_PROXIES",
            "10.0.0.1/8",
            "it is not a list of networks: 10.0.0.1/8 has host",
        ),
        (
            "BOSCO_TRUSTED_PROXIES",
            "10.0.0.0/8,",
            "it is not a list of networks: '' does not appear",
        ),
        *(
            ("BOSCO_PUBLIC_URL", url, "it is not http:// or https:// with a host, and nothing")
            for url in ("bosco.example", "https://", "https://bosco.example/x", "https://a@b.c")
        ),
        ("BOSCO_ENV", "staging", "Input should be 'development' or 'production'"),
        ("BOSCO_BACKUP_DAYS", "a month", "it is not a whole number"),
        ("BOSCO_BACKUP_DAYS", "-1", "it is not between 0 (there are no backups) and 3650"),
        ("BOSCO_BACKUP_DAYS", "3651", "it is not between 0 (there are no backups) and 3650"),
        ("BOSCO_ANSWER_CACHE", "yes", "it is neither on nor off"),
        ("BOSCO_LOG_LEVEL", "loud", "Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ],
)
def test_wrong_value_names_variable_problem_and_example(
    name: str, value: str, problem: str
) -> None:
    with pytest.raises(WrongSettingsError) as refusal:
        load_settings({name: value})
    message = refusal.value.message
    assert message.startswith(f"{name} is {value!r}: {problem}")
    assert message.endswith(f"; for example {EXAMPLES[name]}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DATABASE_URL", "mysql://ann:s3cret@db/bosco", "it is not a PostgreSQL URL"),
        (
            "REDIS_URL",
            "http://:s3cret@cache",
            "it is not a Redis URL (redis://, rediss:// or unix://)",
        ),
    ],
)
def test_passwords_are_not_shown(name: str, value: str, problem: str) -> None:
    with pytest.raises(WrongSettingsError) as refusal:
        load_settings({name: value})
    assert refusal.value.message == f"{name} is set: {problem}; for example {EXAMPLES[name]}"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_database_urls_are_written_for_psycopg(scheme: str) -> None:
    url = load_settings({"DATABASE_URL": f"{scheme}://a:b@db/bosco?x=y"}).database_url
    assert url == "postgresql+psycopg://a:b@db/bosco?x=y"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_are_right(name: str) -> None:
    for example in EXAMPLES[name].split(", or "):
        env = PRODUCTION if name == "BOSCO_ENV" else {}
        load_settings({**env, name: example})


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(WrongSettingsError) as refusal:
        load_settings({"BOSCO_HTTP_PROT": "1", "BOSCO_HTTP_PORT": "-1", "BOSCO_ANSWER_CACHE": "?"})
    assert refusal.value.message.splitlines() == [
        "BOSCO_HTTP_PROT is not a setting; did you mean BOSCO_HTTP_PORT?",
        "BOSCO_HTTP_PORT is '-1': it is not between 0 (any free port) and 65535; for example 8080",
        "BOSCO_ANSWER_CACHE is '?': it is neither on nor off; for example off",
    ]


def test_wrong_state_folder_is_told_once() -> None:
    with pytest.raises(WrongSettingsError) as refusal:
        load_settings({"BOSCO_STATE_DIR": "state"})
    assert len(refusal.value.message.splitlines()) == 1


def test_production_has_no_laptop_defaults() -> None:
    with pytest.raises(WrongSettingsError) as refusal:
        load_settings({"BOSCO_ENV": "production", "REDIS_URL": "redis://cache"})
    assert [line.partition(",")[0] for line in refusal.value.message.splitlines()] == [
        "DATABASE_URL is not set",
        "WAREHOUSE_URL is not set",
        "BOSCO_LANDING_URL is not set",
        "BOSCO_MASTER_KEY_FILE is not set",
        "BOSCO_PUBLIC_URL is not set",
    ]


def test_production_is_reached_encrypted() -> None:
    with pytest.raises(WrongSettingsError) as refusal:
        load_settings(PRODUCTION | {"BOSCO_PUBLIC_URL": "http://bosco.example"})
    assert refusal.value.message == (
        "BOSCO_PUBLIC_URL is 'http://bosco.example': in production it begins with https://"
    )


environments = st.dictionaries(st.sampled_from(sorted(EXAMPLES)), st.text(max_size=40))


@given(environments)
def test_any_value_is_read_or_explained(environment: Mapping[str, str]) -> None:
    # Any other error fails the test.
    with contextlib.suppress(WrongSettingsError):
        load_settings(environment)


def test_master_key_is_made_once(tmp_path: Path) -> None:
    settings = in_folder(tmp_path)
    key = load_master_key(settings, lambda size: b"k" * size, has_agencies=False)
    assert key == b"k" * 32
    assert load_master_key(settings, lambda size: b"x" * size, has_agencies=False) == key
    assert settings.master_key_file.stat().st_mode & 0o777 == 0o600
    assert settings.master_key_file.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in settings.master_key_file.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610])
def test_master_key_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    settings = in_folder(tmp_path)
    load_master_key(settings, lambda size: b"k" * size, has_agencies=False)
    path = settings.master_key_file
    path.chmod(mode)
    with pytest.raises(WrongSettingsError) as refusal:
        load_master_key(settings, lambda size: b"k" * size, has_agencies=False)
    assert refusal.value.message == (
        f"BOSCO_MASTER_KEY_FILE is '{path}': other users may open it (mode 0{mode:o})"
    )
    assert refusal.value.hint == f"chmod 600 {path}"


def test_master_key_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    settings = in_folder(tmp_path)
    settings.master_key_file.parent.mkdir()
    settings.master_key_file.write_bytes(b"k" * 31)
    settings.master_key_file.chmod(0o600)
    with pytest.raises(WrongSettingsError, match="it holds 31 bytes, not 32"):
        load_master_key(settings, lambda size: b"k" * size, has_agencies=False)


def test_production_makes_no_master_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    settings = load_settings(PRODUCTION | {"BOSCO_MASTER_KEY_FILE": str(path)})
    with pytest.raises(WrongSettingsError, match="there is no such file"):
        load_master_key(settings, lambda size: b"k" * size, has_agencies=False)
    assert not path.exists()


@pytest.mark.parametrize("env", ["development", "production"])
def test_no_master_key_is_made_beside_agencies(tmp_path: Path, env: str) -> None:
    path = tmp_path / "mistyped.key"
    settings = load_settings(PRODUCTION | {"BOSCO_ENV": env, "BOSCO_MASTER_KEY_FILE": str(path)})
    with pytest.raises(WrongSettingsError) as refusal:
        load_master_key(settings, lambda size: b"k" * size, has_agencies=True)
    assert refusal.value.message == (
        f"BOSCO_MASTER_KEY_FILE is '{path}': there is no such file, and the database has agencies "
        "whose keys only that file opens"
    )
    assert refusal.value.hint == (
        "restore the file from its backup, or correct BOSCO_MASTER_KEY_FILE"
    )
    assert not path.exists()


def test_the_master_key_beside_agencies_is_read(tmp_path: Path) -> None:
    settings = in_folder(tmp_path)
    key = load_master_key(settings, lambda size: b"k" * size, has_agencies=False)
    assert load_master_key(settings, lambda size: b"x" * size, has_agencies=True) == key


def test_a_master_key_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    for path, reason in ((tmp_path / "file/key", "File exists"), (folder, "Is a directory")):
        settings = load_settings({"BOSCO_MASTER_KEY_FILE": str(path)})
        with pytest.raises(WrongSettingsError) as refusal:
            load_master_key(settings, lambda size: b"k" * size, has_agencies=False)
        assert refusal.value.message == (
            f"BOSCO_MASTER_KEY_FILE is '{path}': it cannot be used: {reason}"
        )
