"""Who is calling and what they may do.

Owns the reading of tokens. Knows nothing of documents beyond their ids, nothing of sockets. A token
is a JWT signed with COLLAB_SECRET_KEY (HS256), with these claims, all optional:

- `sub`: the user, `name`: what other people see; printable, at most 200 characters;
- `docs`: an object from a pattern to "read", "write" or "admin". A pattern is a document id, or the
  beginning of ids followed by `*` (`notes:*`, `*`). Of all patterns that match an id, the highest
  right counts; without one there is no right;
- `exp`, `nbf`: when it holds; `iss`, `aud`: must be as configured, if that is configured.

Without a key (development mode, this machine only) everyone may write everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jwt

from collab.errors import ConfigurationError, NotSignedIn
from collab.rights import Principal
from collab.settings import Settings
from collab.words import Access

ALGORITHM: Final = "HS256"
MAX_NAME_LENGTH: Final = 200
_RIGHTS: Final = {"read": Access.READ, "write": Access.WRITE, "admin": Access.ADMIN}


EVERYONE: Final = Principal(None, None, (("*", Access.WRITE),))


class Authenticator:
    """Turns a token into a Principal, as the settings say."""

    def __init__(self, settings: Settings) -> None:
        self._key: bytes | None = None
        if settings.secret_key is not None:
            # HMAC pads short keys with zeros, so this is the same key, and PyJWT does not warn
            # about its length on every token; `collab serve` does, once.
            self._key = settings.secret_key.get_secret_value().encode().ljust(32, b"\0")
            _check_key(self._key)
        self._issuer = settings.issuer
        self._audience = settings.audience

    async def authenticate(self, token: str | None) -> Principal:
        """Who a token stands for; raises NotSignedIn, which never repeats the token."""
        if self._key is None:
            return EVERYONE
        if not token:
            raise NotSignedIn("a token is needed")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                options={"verify_aud": self._audience is not None, "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("the token has expired") from None
        except jwt.ImmatureSignatureError:
            raise NotSignedIn("the token is not valid yet") from None
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
            raise NotSignedIn("the token was made for another issuer or audience") from None
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
            raise NotSignedIn("the token does not hold") from None
        user, name = _text(claims, "sub"), _text(claims, "name")
        return Principal(user, name, _rights(claims), _expires(claims))


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an `Authorization: Bearer` header; None without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _check_key(key: bytes) -> None:
    try:
        jwt.get_algorithm_by_name(ALGORITHM).prepare_key(key)
    except jwt.InvalidKeyError:
        raise ConfigurationError(
            "COLLAB_SECRET_KEY is a public or private key pair's text, which everyone may know: "
            "set it to a long random text"
        ) from None


def _text(claims: Mapping[str, Any], claim: str) -> str | None:
    """A claim that is shown and stored: no control characters, no lone surrogates."""
    text = claims.get(claim)
    if text is None:
        return None
    if not isinstance(text, str) or not 0 < len(text) <= MAX_NAME_LENGTH or not text.isprintable():
        raise NotSignedIn(
            f"the token's `{claim}` is not a printable text of 1 to {MAX_NAME_LENGTH} characters"
        )
    return text


def _rights(claims: Mapping[str, Any]) -> tuple[tuple[str, Access], ...]:
    docs = claims.get("docs", {})
    if not isinstance(docs, dict) or not all(
        isinstance(right, str) and right in _RIGHTS for right in docs.values()
    ):
        raise NotSignedIn('the token\'s `docs` is not an object with "read", "write" or "admin"')
    return tuple((pattern, _RIGHTS[right]) for pattern, right in docs.items())


def _expires(claims: Mapping[str, Any]) -> int | None:
    """When the token ends, in milliseconds since 1970; PyJWT has made sure that it is a number."""
    expires = claims.get("exp")
    return None if expires is None else int(expires) * 1000
