"""What a `postgres://` URL may say."""

from __future__ import annotations

import pytest

from collab.errors import ConfigurationError
from collab.storage.connect import migrate_store, open_store
from collab.storage.postgres_url import parse_target

PLACE = "postgresql://user:hid%3Aden@host:5432/base"


@pytest.mark.parametrize(
    "url",
    [
        PLACE,
        "postgres://host/base",
        "postgres:///base?host=/run/postgresql&user=me",
        "postgres://u:p@one:1,two:2,[::1]:3/base",
        f"{PLACE}?sslmode=verify-full&application_name=collab",
    ],
)
def test_what_libpq_takes_is_left_as_it_is(url: str) -> None:
    given, taken = (set(each.partition("?")[2].split("&")) for each in (url, parse_target(url).url))
    assert parse_target(url).url.partition("?")[0] == url.partition("?")[0]
    assert {each.replace("%2F", "/") for each in taken} == given


def test_what_only_other_drivers_know_is_left_out() -> None:
    url = f"{PLACE}?connect_timeout=9&sslmode=require&target_session_attrs=any&keepalives=1"
    assert parse_target(url).url == f"{PLACE}?sslmode=require"


def test_the_certificates_of_the_system_can_be_trusted() -> None:
    target = parse_target(f"{PLACE}?sslmode=verify-full&sslrootcert=system")
    assert target.trusts_system
    assert target.url == f"{PLACE}?sslmode=verify-full"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgres://user:hidden@host:port/base", "port"),
        ("postgres://user:hidden@host:0/base", "port"),
        ("postgres://user:hidden@host:65536/base", "port"),
        ("postgres://user:hid@den@host/base", "percent-encoded"),
        ("postgres://user:hid#den@host/base", "percent-encoded"),
        ("postgres://[user:hidden@host/base", "percent-encoded"),
        (f"{PLACE}?sslmode", "percent-encoded"),
        (f"{PLACE}?sslmode=hidden", "sslmode"),
        (f"{PLACE}?pgbouncer=hidden", "not known: pgbouncer"),
        (f"{PLACE}?options=-csearch_path%3Dhidden", "not known: options"),
        (f"{PLACE}?channel_binding=require", "channel_binding"),
        (f"{PLACE}?sslmode=require&sslrootcert=system", "sslrootcert"),
        (f"{PLACE}?sslcert=/hidden/there", "sslcert"),
    ],
)
def test_a_mistake_is_told_without_the_url(url: str, told: str) -> None:
    for judge in (open_store, migrate_store):
        with pytest.raises(ConfigurationError, match=told) as caught:
            judge(url)
        assert "hid" not in str(caught.value)


def test_a_target_does_not_show_its_password() -> None:
    assert "hid" not in repr(parse_target(PLACE))
