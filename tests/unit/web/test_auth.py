"""A token says who somebody is and what they may do, or nothing at all."""

from __future__ import annotations

import base64
import json
import time
import warnings
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab.errors import ConfigurationError, NotSignedIn
from collab.settings import load_settings
from collab.web.auth import Authenticator, bearer
from collab.words import Access

KEY = "a key that is long enough for HS256"


def authenticator(**settings: Any) -> Authenticator:
    return Authenticator(load_settings(secret_key=KEY, **settings))


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode(claims, key, algorithm)


def test_in_development_mode_everyone_may_write() -> None:
    for sent in (None, "", "anything", token(docs={})):
        principal = Authenticator(load_settings(secret_key=None)).authenticate(sent)
        assert (principal.user, principal.access("any")) == (None, Access.WRITE)


def test_a_token_says_who_and_what() -> None:
    sent = token(
        sub="ada", name="Ada L.", docs={"notes": "read", "team:*": "write", "own": "admin"}
    )
    ada = authenticator().authenticate(sent)
    assert (ada.user, ada.name) == ("ada", "Ada L.")
    assert ada.access("notes") == Access.READ
    assert ada.access("notes2") == Access.NONE
    assert ada.access("team:a") == Access.WRITE
    assert ada.access("team:") == Access.WRITE
    assert ada.access("team") == Access.NONE
    assert ada.access("own") == Access.ADMIN


def test_of_all_patterns_that_match_the_highest_right_counts() -> None:
    ada = authenticator().authenticate(token(docs={"*": "read", "a*": "admin", "ab": "write"}))
    assert [ada.access(id) for id in ("b", "a", "ab")] == [Access.READ, Access.ADMIN, Access.ADMIN]


def test_only_a_star_at_the_end_is_a_wildcard() -> None:
    ada = authenticator().authenticate(token(docs={"*a": "write", "?": "write", "[b]": "write"}))
    assert [ada.access(id) for id in ("a", "xa", "b")] == [Access.NONE] * 3


def test_without_a_claim_there_is_no_right() -> None:
    nobody = authenticator().authenticate(token())
    assert (nobody.user, nobody.name, nobody.access("a")) == (None, None, Access.NONE)


@pytest.mark.parametrize("sent", [None, ""])
def test_with_a_key_a_token_is_needed(sent: str | None) -> None:
    with pytest.raises(NotSignedIn, match="a token is needed"):
        authenticator().authenticate(sent)


def refused(sent: str, **settings: Any) -> str:
    with pytest.raises(NotSignedIn) as caught:
        authenticator(**settings).authenticate(sent)
    assert sent not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_token_holds_until_it_expires() -> None:
    now = int(time.time())
    assert authenticator().authenticate(token(sub="a", exp=now + 60)).user == "a"
    assert refused(token(exp=now - 1)) == "the token has expired"
    assert refused(token(nbf=now + 60)) == "the token is not valid yet"


def test_a_token_of_another_key_or_algorithm_does_not_hold() -> None:
    assert refused(token(key=KEY + "!")) == "the token does not hold"
    assert refused(token(key=KEY * 2, algorithm="HS512")) == "the token does not hold"


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 1, ["HS256"], {}])
def test_an_unsigned_token_does_not_hold(algorithm: Any) -> None:
    assert (
        refused(unsigned({"alg": algorithm}, {"docs": {"*": "admin"}})) == "the token does not hold"
    )


def test_a_token_nested_without_end_does_not_hold() -> None:
    header = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=")
    assert refused(f"{header}.e30.") == "the token does not hold"


@given(st.text(min_size=1) | st.text("eyJ.{}[]-_=", min_size=1))
def test_no_text_is_anything_but_refused(sent: str) -> None:
    with pytest.raises(NotSignedIn):
        authenticator().authenticate(sent)


def test_issuer_and_audience_are_checked_when_they_are_configured() -> None:
    configured = {"issuer": "https://id.example", "audience": "collab"}
    good = token(sub="a", iss="https://id.example", aud=["collab", "mail"])
    assert authenticator(**configured).authenticate(good).user == "a"
    assert authenticator().authenticate(good).user == "a"
    for bad in (
        token(iss="https://id.example"),
        token(aud="collab"),
        token(iss="https://other.example", aud="collab"),
        token(iss="https://id.example", aud="mail"),
    ):
        assert refused(bad, **configured) == "the token was made for another issuer or audience"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ""},
        {"sub": "x" * 201},
        {"sub": "a\nb"},
        {"sub": "a\ud800"},
        {"name": 7},
        {"name": "a\u0000"},
        {"docs": ["*"]},
        {"docs": {"*": "owner"}},
        {"docs": {"*": None}},
        {"docs": {"*": ["read"]}},
        {"docs": "*"},
        {"docs": None},
    ],
    ids=repr,
)
def test_claims_of_another_shape_are_refused_by_name(claims: dict[str, Any]) -> None:
    assert f"`{next(iter(claims))}`" in refused(token(**claims))


def test_a_short_key_works_without_a_warning_per_token() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sent = token(key="short", sub="a")
    assert Authenticator(load_settings(secret_key="short")).authenticate(sent).user == "a"


def test_a_public_key_cannot_be_the_secret_key() -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----"
    with pytest.raises(ConfigurationError, match="COLLAB_SECRET_KEY"):
        Authenticator(load_settings(secret_key=pem))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("", None),
    ],
)
def test_the_token_of_a_bearer_header(header: str, found: str | None) -> None:
    assert bearer({"authorization": header}) == found
    assert bearer({}) is None
