"""What a token says, and making one: a JWT signed with COLLAB_SECRET_KEY (HS256).

Owns the bounds of tokens and the spelling of their claims. Knows neither who asks for one nor
whether they may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

import jwt

from collab.errors import ConfigurationError, InvalidDocumentId, Malformed, TooLarge
from collab.settings import Settings
from collab.words import ANY, API_USERS, Access, check_document_id

ALGORITHM: Final = "HS256"
MAX_TOKEN_LENGTH: Final = 16 * 1024
MAX_NAME_LENGTH: Final = 200
MAX_PATTERNS: Final = 1000


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and when it ends in milliseconds since 1970; None: never."""

    token: str = field(repr=False)
    expires: int | None


def secret_of(settings: Settings) -> bytes | None:
    """The key that signs, as it is used; None without COLLAB_SECRET_KEY.

    HMAC pads short keys with zeros, so this is the same key, and PyJWT does not warn about its
    length on every token; `collab serve` does, once.
    """
    if settings.secret_key is None:
        return None
    return settings.secret_key.get_secret_value().encode().ljust(32, b"\0")


def signing_key(settings: Settings) -> bytes:
    """As `secret_of`; without one raises ConfigurationError, which says what to do."""
    secret = secret_of(settings)
    if secret is not None:
        return secret
    if settings.development_mode:
        raise ConfigurationError(
            "set COLLAB_SECRET_KEY to the server's key; without one it is in development mode, "
            "and no token is needed"
        )
    raise ConfigurationError(
        "set COLLAB_SECRET_KEY to sign tokens with: the other keys only tell who somebody is"
    )


def mint(
    settings: Settings,
    docs: Mapping[str, Access],
    *,
    user: str | None,
    name: str | None,
    now: int,
    expires: int | None,
) -> Minted:
    """A token for `user` with the rights `docs`, from patterns; times in ms since 1970.

    It ends at the last whole second up to `expires`. Raises ConfigurationError without a key,
    Malformed for a user, name or pattern that no token may have, TooLarge.
    """
    secret = signing_key(settings)
    for claim, text in (("user", user), ("name", name)):
        if text is not None and not is_name(text):
            raise Malformed(f"a {claim} is a printable text of 1 to {MAX_NAME_LENGTH} characters")
    if user == ANY:
        raise Malformed(f"no user is called {ANY}, which stands for everybody")
    if user is not None and user.startswith(API_USERS):
        raise Malformed(f"no user's name begins with {API_USERS}, as those of API keys do")
    if len(docs) > MAX_PATTERNS:
        raise TooLarge(f"a token has at most {MAX_PATTERNS} patterns")
    for pattern in docs:
        _check_pattern(pattern)
    claims: dict[str, Any] = {
        "docs": {pattern: right.name.lower() for pattern, right in docs.items()},
        "sub": user,
        "name": name,
        "iss": settings.issuer,
        "aud": settings.audience,
        "iat": now // 1000,
        "exp": None if expires is None else expires // 1000,
    }
    given = {claim: value for claim, value in claims.items() if value is not None}
    token = jwt.encode(given, secret, algorithm=ALGORITHM)
    if len(token) > MAX_TOKEN_LENGTH:
        raise TooLarge(
            f"the token would have {len(token)} characters, {MAX_TOKEN_LENGTH} are allowed: "
            "name fewer documents"
        )
    return Minted(token, None if expires is None else expires // 1000 * 1000)


def is_name(value: object) -> TypeGuard[str]:
    """Whether a claim can be shown and stored: no control characters, no lone surrogates."""
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH and value.isprintable()


def _check_pattern(pattern: str) -> None:
    start = pattern.removesuffix("*")
    if pattern == "*":
        return
    try:
        check_document_id(start)
    except InvalidDocumentId:
        raise Malformed("a pattern is a document's id, or the beginning of ids and a *") from None
