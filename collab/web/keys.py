"""Public keys that check tokens, as a JSON Web Key Set (RFC 7517) tells them.

Owns which keys are taken and which algorithms each may check: the key decides, the token only
chooses among them. Knows nothing of where a set comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_KEY_SET_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
MAX_TRIED: Final = 8
"""So many keys are tried for a token that names none."""

_SHORTEST_RSA_BITS: Final = 2048
_ALGORITHMS: Final = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
ALGORITHMS: Final = frozenset(each for group in _ALGORITHMS.values() for each in group)
_MEMBERS: Final = ("kty", "crv", "n", "e", "x", "y")
_OTHER_NAMES: Final = {"EdDSA": "Ed25519"}  # RFC 9864


class UnusableKeySet(Exception):
    """What was read is no key set, or has no key that could check a token; says why in words."""


@dataclass(frozen=True, slots=True)
class CheckingKey:
    """A key, and the algorithms it may be used with."""

    id: str | None
    algorithms: tuple[str, ...]
    key: Any = field(repr=False)


class KeySet:
    """The keys there are at one time."""

    def __init__(self, keys: Sequence[CheckingKey]) -> None:
        self._keys = tuple(keys)

    def find(self, id: str | None, algorithm: str) -> Sequence[CheckingKey]:
        """The keys that may have signed a token that says so; `id` None: it names no key."""
        if id is None and len(self._keys) > MAX_TRIED:
            return ()
        return [
            each for each in self._keys if id in {None, each.id} and algorithm in each.algorithms
        ]

    def knows(self, id: str) -> bool:
        """Whether a key of that id is among them."""
        return any(each.id == id for each in self._keys)


def read_key_set(raw: bytes) -> KeySet:
    """The usable keys of a set; raises UnusableKeySet.

    Passed over are secret and private keys, whose readers could sign, keys for something else,
    and those of kinds or lengths that are not taken.
    """
    if len(raw) > MAX_KEY_SET_BYTES:
        raise UnusableKeySet(f"it has more than {MAX_KEY_SET_BYTES} bytes")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UnusableKeySet("it is not JSON") from None
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise UnusableKeySet("it is not an object with `keys`")
    if len(listed) > MAX_KEYS:
        raise UnusableKeySet(f"it has more than {MAX_KEYS} keys")
    keys = [key for key in map(_read_key, listed) if key is not None]
    if not keys:
        raise UnusableKeySet("it has no key that tokens can be checked with")
    return KeySet(keys)


def _read_key(told: object) -> CheckingKey | None:
    if not isinstance(told, dict) or "d" in told or not _is_for_signatures(told):
        return None
    id = told.get("kid")
    members = {member: told[member] for member in _MEMBERS if member in told}
    if not all(isinstance(value, str) for value in members.values()):
        return None
    if not isinstance(id, str | None):
        return None
    curve = None if members.get("kty") == "RSA" else members.get("crv")
    algorithms = _ALGORITHMS.get((members.get("kty", ""), curve), ())
    named = told.get("alg")
    if named is not None:
        algorithms = tuple(each for each in algorithms if named in (each, _OTHER_NAMES.get(each)))
    if not algorithms:
        return None
    try:
        key = jwt.PyJWK(members, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _SHORTEST_RSA_BITS:
        return None
    return CheckingKey(id, algorithms, key)


def _is_for_signatures(told: dict[str, Any]) -> bool:
    operations = told.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    return told.get("use") in (None, "sig")
