"""Who is calling and what their token says they may do.

Owns the reading of tokens. Knows nothing of documents beyond their ids, nothing of sockets. A token
is an API key (COLLAB_API_KEYS), or a JWT signed with COLLAB_SECRET_KEY (HS256) or with the private
key to one in COLLAB_JWKS. A JWT has these claims, all optional:

- `sub`: the user, `name`: what other people see; printable, at most 200 characters. No user is
  called `*`, or `api:` and something, which the holders of API keys are;
- `docs`: an object from patterns, at most 1000, to "read", "write" or "admin", or to "none", false
  or null for a refusal. A pattern is a document id, or the beginning of ids followed by `*`
  (`notes:*`, `*`). `collab.rights` tells what they come to, with the stored grants;
- `exp`, `nbf`: when it holds; `iss`, `aud`: must be as configured, if that is configured.

Without any key (development mode, this machine only) everyone may write everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from time import time
from typing import Any, Final

import jwt

from collab.api_keys import holder_of, read_api_keys
from collab.errors import ConfigurationError, NotSignedIn
from collab.rights import ACCESS_BY_NAME, Principal
from collab.settings import Settings
from collab.tokens import (
    ALGORITHM,
    MAX_NAME_LENGTH,
    MAX_PATTERNS,
    MAX_TOKEN_LENGTH,
    is_name,
    secret_of,
)
from collab.web import keys
from collab.web.key_sources import KeySource, open_source
from collab.web.keys import CheckingKey
from collab.words import ANY, API_USERS, Access

EVERYONE: Final = Principal(None, None, (("*", Access.WRITE),))

_PROVEN_KEPT: Final = 1000
_PROVEN_LENGTH: Final = 2048


class _Proven:
    """Tokens that our own secret has signed, so that whoever comes back, or opens another document,
    is not proved again: as long as they hold the answer is the same. Keeps no token."""

    def __init__(self) -> None:
        self._principals: dict[bytes, Principal] = {}  # the newest last

    def find(self, token: str) -> Principal | None:
        """Whom it stands for; None if that is to be found out."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        principal = self._principals.get(digest)
        if principal is None or principal.expires is None or time() * 1000 < principal.expires:
            return principal
        del self._principals[digest]
        return None

    def keep(self, token: str, principal: Principal) -> None:
        """It has been proved; a long one is proved each time."""
        if len(token) > _PROVEN_LENGTH:
            return
        if len(self._principals) >= _PROVEN_KEPT:
            del self._principals[next(iter(self._principals))]
        self._principals[sha256(token.encode("utf-8", "surrogatepass")).digest()] = principal


class Authenticator:
    """Turns a token into a Principal, as the settings say. Raises ConfigurationError."""

    def __init__(self, settings: Settings) -> None:
        self._development_mode = settings.development_mode
        self._secret: tuple[CheckingKey, ...] = ()
        secret = secret_of(settings)
        if secret is not None:
            _check_secret(secret)
            self._secret = (CheckingKey(None, (ALGORITHM,), secret),)
        self._public: KeySource | None = None
        if settings.jwks is not None:
            self._public = open_source(settings.jwks)
        api_keys = settings.api_keys
        self._api_keys = () if api_keys is None else read_api_keys(api_keys.get_secret_value())
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._proven = _Proven()

    async def authenticate(self, token: str | None) -> Principal:
        """Who a token stands for.

        Raises NotSignedIn, which never repeats the token; Unavailable while there are no keys to
        check it with.
        """
        if self._development_mode:
            return EVERYONE
        if not token:
            raise NotSignedIn("a token is needed")
        if len(token) > MAX_TOKEN_LENGTH:
            raise NotSignedIn(f"the token has more than {MAX_TOKEN_LENGTH} characters")
        holder = holder_of(self._api_keys, token)
        if holder is not None:
            return Principal(f"{API_USERS}{holder}", holder, (("*", Access.ADMIN),))
        principal = self._proven.find(token)
        if principal is not None:
            return principal
        checking = await self._keys_for(token)
        for key in checking:
            claims = self._claims(token, key)
            if claims is not None:
                principal = _principal(claims)
                if checking is self._secret:  # the keys of others may be withdrawn
                    self._proven.keep(token, principal)
                return principal
        raise _no_token()

    async def _keys_for(self, token: str) -> Sequence[CheckingKey]:
        """The keys that may have signed it; its word is taken for which, never for how."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _no_token() from None
        algorithm = header.get("alg")
        if algorithm == ALGORITHM:
            return self._secret
        if self._public is None or not isinstance(algorithm, str):
            return ()
        if algorithm not in keys.ALGORITHMS:
            return ()
        return await self._public.find(header.get("kid"), algorithm)

    def _claims(self, token: str, key: CheckingKey) -> Mapping[str, Any] | None:
        """What the token says; None if this key has not signed it."""
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=key.algorithms,
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "verify_aud": self._audience is not None,
                    "verify_iat": False,
                    "verify_sub": False,  # looked at by `_text`
                    "verify_jti": False,
                },
            )
        except jwt.InvalidSignatureError:
            return None
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("the token has expired") from None
        except jwt.ImmatureSignatureError:
            raise NotSignedIn("the token is not valid yet") from None
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
            raise NotSignedIn("the token was made for another issuer or audience") from None
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
            raise _no_token() from None


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of an `Authorization: Bearer` header; None without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _no_token() -> NotSignedIn:
    return NotSignedIn("the token does not hold")


def _check_secret(secret: bytes) -> None:
    try:
        jwt.get_algorithm_by_name(ALGORITHM).prepare_key(secret)
    except jwt.InvalidKeyError:
        raise ConfigurationError(
            "COLLAB_SECRET_KEY is a public or private key pair's text, which everyone may know: "
            "set it to a long random text"
        ) from None


def _principal(claims: Mapping[str, Any]) -> Principal:
    user = _text(claims, "sub")
    if user == ANY:
        raise NotSignedIn(f"the token's `sub` is {ANY}, which stands for everybody")
    if user is not None and user.startswith(API_USERS):
        raise NotSignedIn(f"the token's `sub` begins with {API_USERS}, as API keys' do")
    return Principal(user, _text(claims, "name"), _rights(claims), _expires(claims))


def _text(claims: Mapping[str, Any], claim: str) -> str | None:
    text = claims.get(claim)
    if text is None or is_name(text):
        return text
    raise NotSignedIn(
        f"the token's `{claim}` is not a printable text of 1 to {MAX_NAME_LENGTH} characters"
    )


def _rights(claims: Mapping[str, Any]) -> tuple[tuple[str, Access], ...]:
    docs = claims.get("docs", {})
    if not isinstance(docs, dict) or len(docs) > MAX_PATTERNS:
        raise NotSignedIn(
            f"the token's `docs` is not an object with at most {MAX_PATTERNS} patterns"
        )
    return tuple((pattern, _right(right)) for pattern, right in docs.items())


def _right(told: object) -> Access:
    if told is None or told is False:
        return Access.NONE
    right = ACCESS_BY_NAME.get(told) if isinstance(told, str) else None
    if right is None:
        raise NotSignedIn(
            'a right in the token\'s `docs` is not "read", "write", "admin", "none", false or null'
        )
    return right


def _expires(claims: Mapping[str, Any]) -> int | None:
    """When the token ends, in milliseconds since 1970; PyJWT has made sure that it is a number."""
    expires = claims.get("exp")
    return None if expires is None else int(expires) * 1000
