"""A token says what was asked for, within what the reader of tokens takes."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import ConfigurationError, Malformed, TooLarge
from collab.settings import Settings, load_settings
from collab.tokens import MAX_PATTERNS, MAX_TOKEN_LENGTH, Minted, mint
from collab.web.auth import Authenticator
from collab.words import Access

pytestmark = pytest.mark.anyio

KEY = "a key that is long enough for HS256"
NOW = 1_700_000_000_123
LATER = 4_000_000_000_999


def made(settings: Settings | None = None, docs: Any = None, **more: Any) -> Minted:
    given: dict[str, Any] = {"user": None, "name": None, "now": NOW, "expires": LATER, **more}
    return mint(settings or load_settings(secret_key=KEY), docs or {}, **given)


@pytest.mark.parametrize(
    "configured", [{}, {"issuer": "me", "audience": "us"}, {"secret_key": "short"}], ids=repr
)
async def test_what_is_made_holds(configured: dict[str, str]) -> None:
    settings = load_settings(**{"secret_key": KEY, **configured})
    docs = {"a": Access.READ, "team:*": Access.WRITE, "*": Access.NONE, "b": Access.ADMIN}
    token = made(settings, docs, user="ada", name="Ada L.")
    ada = await Authenticator(settings).authenticate(token.token)
    assert (ada.user, ada.name, dict(ada.rights)) == ("ada", "Ada L.", docs)
    assert ada.expires == token.expires == 4_000_000_000_000


async def test_a_token_may_say_next_to_nothing() -> None:
    token = made(expires=None)
    nobody = await Authenticator(load_settings(secret_key=KEY)).authenticate(token.token)
    assert (nobody.user, nobody.name, nobody.rights, nobody.expires) == (None, None, (), None)
    assert token.token not in repr(token)


@pytest.mark.parametrize(
    "asked",
    [
        {"user": ""},
        {"user": "*"},
        {"user": "x" * 201},
        {"user": "a\n"},
        {"name": "\ud800"},
        {"docs": {"": Access.READ}},
        {"docs": {"**": Access.READ}},
        {"docs": {"a*b": Access.READ}},
        {"docs": {"*a": Access.READ}},
        {"docs": {"a b": Access.READ}},
        {"docs": {"a/*": Access.READ}},
        {"docs": {"x" * 201: Access.READ}},
    ],
    ids=repr,
)
def test_what_no_token_may_say_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        made(**asked)


def test_a_token_is_never_longer_than_is_read() -> None:
    with pytest.raises(TooLarge, match=f"{MAX_TOKEN_LENGTH} are allowed"):
        made(docs={f"{number:0200}": Access.READ for number in range(100)})
    with pytest.raises(TooLarge, match=f"{MAX_PATTERNS} patterns"):
        made(docs={str(number): Access.READ for number in range(MAX_PATTERNS + 1)})


def test_without_a_key_there_is_nothing_to_sign_with() -> None:
    with pytest.raises(ConfigurationError, match="no token is needed"):
        made(load_settings())
    with pytest.raises(ConfigurationError, match="set COLLAB_SECRET_KEY to sign"):
        made(load_settings(api_keys=f"ci={'k' * 32}"))
