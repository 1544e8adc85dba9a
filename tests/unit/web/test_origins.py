"""Pages of our own and of listed origins may talk to us, other pages may not."""

from __future__ import annotations

import pytest

from collab.settings import load_settings
from collab.web.origins import origin_allowed


def allowed(origin: str | None, host: str | None, *listed: str, key: str | None = "k" * 32) -> bool:
    settings = load_settings(secret_key=key, allowed_origins=listed or None)
    sent = {"origin": origin, "host": host}
    return origin_allowed(
        {name: value for name, value in sent.items() if value is not None}, settings
    )


def test_what_is_no_browser_is_allowed() -> None:
    assert allowed(None, "docs.example")
    assert allowed(None, None, key=None)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://docs.example", "docs.example"),
        ("http://docs.example", "docs.example"),
        ("https://docs.example", "docs.example:443"),
        ("https://Docs.Example", "docs.example"),
        ("http://docs.example:8000", "docs.example:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_our_own_pages_are_allowed(origin: str, host: str) -> None:
    assert allowed(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "docs.example"),
        ("https://docs.example.evil.example", "docs.example"),
        ("https://docs.example:8000", "docs.example"),
        ("http://docs.example", "docs.example:8000"),
        ("https://docs.example", "docs.example:80"),
        ("null", "docs.example"),
        ("null", "null"),
        ("", ""),
        ("file://", ""),
        ("https://docs.example@evil.example", "evil.example"),
        ("https://docs.example https://evil.example", "docs.example"),
        ("https://docs.example/", "docs.example/x"),
        ("https://docs.example", None),
        ("https://[::1", "[::1"),
    ],
)
def test_other_pages_are_not(origin: str, host: str | None) -> None:
    assert not allowed(origin, host)


def test_listed_origins_are_allowed_besides_our_own() -> None:
    listed = ("https://app.example", "http://localhost:5173")
    assert allowed("https://app.example", "docs.example", *listed)
    assert allowed("https://app.example:443", "docs.example", *listed)
    assert allowed("http://localhost:5173", "docs.example", *listed)
    assert allowed("https://docs.example", "docs.example", *listed)
    assert not allowed("http://app.example", "docs.example", *listed)
    assert not allowed("null", "docs.example", *listed)


def test_in_development_mode_a_name_that_leads_to_this_machine_is_not_our_own_page() -> None:
    assert allowed("http://localhost:8000", "localhost:8000", key=None)
    assert allowed("http://127.0.0.1:8000", "127.0.0.1:8000", key=None)
    assert not allowed("http://evil.example:8000", "evil.example:8000", key=None)
    assert allowed("http://evil.example:8000", "x", "http://evil.example:8000", key=None)
