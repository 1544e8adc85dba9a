"""Keys of backends: their notation in COLLAB_API_KEYS, making one, and whose a key is.

A key is a long secret text that belongs to a name; of those that are made here the settings hold
the hash only. Knows nothing of what its holder may do.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from collab.errors import ConfigurationError, Malformed

SHORTEST_API_KEY: Final = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_KEY = re.compile(r"[!-~]+")
_HASHED: Final = "sha256:"
_NAME_RULE: Final = "1 to 64 letters, digits or . _ -, the first a letter or digit"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. Several of one name are well: so they can be replaced in peace."""

    name: str
    digest: bytes = field(repr=False)


def read_api_keys(text: str) -> tuple[ApiKey, ...]:
    """The keys that `text` lists; raises ConfigurationError, which never repeats a key."""
    entries = [entry for entry in map(str.strip, text.split(",")) if entry]
    if not entries:
        raise ConfigurationError("COLLAB_API_KEYS lists no key: NAME=sha256:HASH or NAME=KEY")
    return tuple(_read(number, entry) for number, entry in enumerate(entries, 1))


def make_api_key(name: str) -> tuple[str, str]:
    """A new random key, and the entry that lets it in; raises Malformed for a bad name."""
    if not _NAME.fullmatch(name):
        raise Malformed(f"the name of an API key is {_NAME_RULE}")
    key = f"collab_{secrets.token_urlsafe(32)}"
    return key, f"{name}={_HASHED}{_digest(key).hex()}"


def holder_of(keys: Sequence[ApiKey], sent: str) -> str | None:
    """The name that a text is the key of; takes the same time whichever it is, or none."""
    digest = _digest(sent)
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key.name
    return found


def _read(number: int, entry: str) -> ApiKey:
    name, separator, key = entry.partition("=")
    where = f"entry {number} of COLLAB_API_KEYS"
    if not separator:  # it may be a key alone: nothing of it is repeated
        raise ConfigurationError(f"{where} is not NAME=sha256:HASH or NAME=KEY")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"the name in {where} is not {_NAME_RULE}")
    if key.startswith(_HASHED):
        digits = key.removeprefix(_HASHED)
        if not _HASH.fullmatch(digits):
            raise ConfigurationError(f"the hash in {where} is not 64 hexadecimal digits")
        return ApiKey(name, bytes.fromhex(digits))
    if len(key) < SHORTEST_API_KEY or not _KEY.fullmatch(key):
        raise ConfigurationError(
            f"the key in {where} is not {SHORTEST_API_KEY} or more visible ASCII characters: "
            "make one with collab api-key"
        )
    return ApiKey(name, _digest(key))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
