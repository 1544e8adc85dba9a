"""The certificate that https and wss are served with.

Owns reading it, and saying what is wrong with it by the names of the settings.
"""

from __future__ import annotations

import ssl

from collab.errors import ConfigurationError
from collab.settings import Settings


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What sockets are wrapped in (TLS 1.2 or newer), or None to serve plain http and ws.

    Raises ConfigurationError.
    """
    cert, key = settings.tls_cert, settings.tls_key
    cert_name, key_name = settings.name_of("tls_cert"), settings.name_of("tls_key")
    if cert is None:
        if key is not None:
            raise ConfigurationError(f"{key_name} is of no use without {cert_name}")
        return None
    for path, name in ((cert, cert_name), (key, key_name)):
        try:
            if path is not None:
                path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except _Encrypted:
        locked = cert_name if key is None else key_name
        raise ConfigurationError(f"{locked} has a passphrase: give a key without") from None
    except ssl.SSLError as error:
        if error.reason in _MISMATCHES:
            raise ConfigurationError(f"{key_name} does not fit {cert_name}") from None
        key_part = "its key" if key is None else f"{key_name} its key"
        raise ConfigurationError(
            f"{cert_name} must be a certificate chain and {key_part}, both PEM"
        ) from None
    return context


_MISMATCHES = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"})


class _Encrypted(Exception):
    pass


def _no_password() -> str:
    """Instead of OpenSSL's own, which would ask on the terminal."""
    raise _Encrypted
