"""What the operator writes is what the server has, or a sentence about it."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from collab.errors import ConfigurationError
from collab.settings import Settings, is_loopback, load_settings, normal_origin, variables

ONE_WORKER = (
    "must be 1, as several workers need PostgreSQL: set it to 1, or DATABASE_URL to postgresql://…"
)


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {variable.name for variable in variables()}
    for name in names & os.environ.keys():
        monkeypatch.delenv(name)


def problems(**overrides: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**overrides)
    return str(caught.value).splitlines()


def test_every_field_is_read_from_its_own_variable_and_described() -> None:
    names = [variable.name for variable in variables()]
    assert len(names) == len(set(names)) == len(Settings.model_fields)
    assert all(name.isupper() for name in names)
    assert all(variable.description for variable in variables())


def test_without_an_environment_the_defaults_hold() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == "sqlite:///collab.db"
    assert settings.allowed_origins is None
    assert settings.history_days is None
    assert settings.development_mode


def test_an_empty_value_means_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in variables():
        monkeypatch.setenv(variable.name, "")
    assert load_settings() == Settings()


def test_what_is_given_by_name_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("COLLAB_IDLE_SECONDS", "2.5")
    settings = load_settings(port=9001, host=None)
    assert (settings.port, settings.host, settings.idle_seconds) == (9001, "127.0.0.1", 2.5)


def test_a_body_may_be_twice_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(max_document_bytes=1000).max_body_bytes == 2000
    monkeypatch.setenv("COLLAB_MAX_BODY_BYTES", "5")
    assert load_settings(max_document_bytes=1000).max_body_bytes == 5


def test_all_problems_are_told_at_once_by_the_names_of_the_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "http")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    monkeypatch.setenv("COLLAB_MAX_DOCUMENT_BYTES", "0")
    monkeypatch.setenv("COLLAB_STALL_SECONDS", "-1")
    monkeypatch.setenv("COLLAB_LOG_FORMAT", "xml")
    assert problems() == [
        "PORT must be a whole number",
        f"WEB_CONCURRENCY {ONE_WORKER}",
        "COLLAB_MAX_DOCUMENT_BYTES must be at least 1",
        "COLLAB_STALL_SECONDS must be more than 0",
        "COLLAB_LOG_FORMAT must be 'console' or 'json'",
    ]


@pytest.mark.parametrize("database", ["sqlite:///collab.db", "memory://"])
def test_several_workers_need_postgresql(database: str) -> None:
    assert problems(workers=2, database_url=database) == [
        f"WEB_CONCURRENCY (--workers) {ONE_WORKER}"
    ]
    assert load_settings(workers=1, database_url=database).workers == 1
    assert load_settings(workers=2, database_url="postgres://host/database").workers == 2
    assert problems(workers=2, database_url="mysql://host") == [
        "DATABASE_URL must start with postgresql://, postgres://, sqlite:/// or memory://"
    ]


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e300", "soon"])
def test_seconds_are_a_number_that_a_timer_can_have(
    monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    monkeypatch.setenv("COLLAB_IDLE_SECONDS", seconds)
    assert problems()[0].startswith("COLLAB_IDLE_SECONDS must be ")


def test_no_problem_and_no_repr_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hidden@host/db")
    said = "DATABASE_URL must start with postgresql://, postgres://, sqlite:/// or memory://"
    assert problems() == [said]
    assert problems(database_url="user:hidden@host/db") == [said]
    settings = load_settings(database_url="sqlite:///hidden.db", secret_key="hidden")
    assert "hidden" not in repr(settings)
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == "hidden"


def test_a_problem_names_the_option_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "-1")
    assert problems(workers=2, host="") == [
        "HOST (--host) must not be blank",
        "PORT must be at least 0",
        f"WEB_CONCURRENCY (--workers) {ONE_WORKER}",
    ]
    monkeypatch.delenv("PORT")
    settings = load_settings(host="0.0.0.0", port=1, idle_seconds=1.0)
    with pytest.raises(ConfigurationError, match=r"^HOST \(--host\) is reachable"):
        settings.check_exposure()
    names = [settings.name_of(name) for name in ("port", "workers", "idle_seconds")]
    assert names == ["PORT (--port)", "WEB_CONCURRENCY", "COLLAB_IDLE_SECONDS"]
    assert problems(port=99999) == ["PORT (--port) must be at most 65535"]


def test_a_blank_key_is_a_mistake_and_not_development_mode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLLAB_SECRET_KEY", "  ")
    assert problems() == ["COLLAB_SECRET_KEY must not be blank"]


def test_an_unknown_name_is_a_problem() -> None:
    assert problems(prot=1) == ["prot is not a setting"]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1


def test_origins_are_listed_in_one_spelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLAB_ALLOWED_ORIGINS", " https://A.example:443/ ,http://b:3000,")
    assert load_settings().allowed_origins == ("https://a.example", "http://b:3000")


def test_proxies_are_addresses_networks_or_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().trusted_proxies == ()
    monkeypatch.setenv("COLLAB_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,::1")
    assert load_settings().trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32", "::1/128")
    monkeypatch.setenv("COLLAB_TRUSTED_PROXIES", "*")
    assert load_settings().trusted_proxies == ("*",)


@pytest.mark.parametrize("proxies", ["proxy.example", "10.0.0.1/8", "*,10.0.0.1", "10.0.0", "1/40"])
def test_what_is_no_proxy_is_refused(monkeypatch: pytest.MonkeyPatch, proxies: str) -> None:
    monkeypatch.setenv("COLLAB_TRUSTED_PROXIES", proxies)
    assert problems() == [
        "COLLAB_TRUSTED_PROXIES must be addresses or networks separated by commas, "
        "such as 10.0.0.0/8, or * alone"
    ]


@pytest.mark.parametrize(
    "origin", ["*", "null", "example.org", "https://a/b", "https://a:x", "ws://a"]
)
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    with pytest.raises(ValueError):
        normal_origin(origin)
    monkeypatch.setenv("COLLAB_ALLOWED_ORIGINS", origin)
    assert problems() == [
        "COLLAB_ALLOWED_ORIGINS must be origins separated by commas, such as https://example.org"
    ]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost"]
)
def test_without_a_key_this_machine_may_be_served(host: str) -> None:
    assert is_loopback(host)
    load_settings(host=host).check_exposure()


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "127.0.0.1.example.org"]
)
def test_without_a_key_nobody_else_is_served(host: str) -> None:
    with pytest.raises(ConfigurationError, match="set COLLAB_SECRET_KEY"):
        load_settings(host=host).check_exposure()
    load_settings(host=host, secret_key="x" * 32).check_exposure()


def test_a_key_that_may_be_guessed_is_for_this_machine_only() -> None:
    short = load_settings(host="0.0.0.0", secret_key="x" * 31)
    assert short.weak_key
    with pytest.raises(ConfigurationError, match="32 bytes: make one with: openssl rand -hex 32"):
        short.check_exposure()
    load_settings(host="127.0.0.1", secret_key="x" * 31).check_exposure()
    assert not load_settings(secret_key="ä" * 16).weak_key
    assert not load_settings().weak_key


def test_redis_is_named_by_a_scheme_that_its_driver_knows_and_never_shown() -> None:
    assert problems(redis_url="http://h") == [
        "REDIS_URL must start with redis://, rediss:// or unix://"
    ]
    for url in ("redis://:hush@h:1/2", "rediss://:hush@h?ssl_cert_reqs=none", "unix://hush"):
        settings = load_settings(redis_url=url)
        assert settings.redis_url is not None
        assert settings.redis_url.get_secret_value() == url
        assert "hush" not in repr(settings)
