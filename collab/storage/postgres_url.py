"""What a `postgres://` URL says, and connections to where it leads.

Owns which parameters are taken and what libpq means by them. A message names parameters, never
their values: the URL holds a password. Knows no queries.
"""

from __future__ import annotations

import os
import ssl
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import asyncpg
import msgspec

from collab.errors import ConfigurationError

SCHEMES = ("postgres", "postgresql")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SYSTEM = "system"  # sslrootcert=system: the certificates that this machine trusts

# What the driver takes, as libpq does.
_TAKEN = frozenset(
    {
        *("host", "port", "user", "password", "passfile", "dbname", "sslmode", "sslrootcert"),
        *("sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation", "krbsrvname", "gsslib"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "application_name"),
    }
)
# What other drivers are told, and what changes nothing here: collab has time limits of its own,
# and always looks for the primary.
_IGNORED = frozenset(
    {
        *("connect_timeout", "fallback_application_name", "keepalives", "keepalives_idle"),
        *("keepalives_interval", "keepalives_count", "tcp_user_timeout", "gssencmode"),
        *("target_session_attrs", "load_balance_hosts"),
    }
)
_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded"


class Target(msgspec.Struct, frozen=True):
    """Where to connect: a URL with the parameters the driver knows, and TLS if that is ours."""

    url: str
    trusts_system: bool = False

    def __repr__(self) -> str:
        return "Target(…)"

    async def connect(self) -> asyncpg.Connection:
        """A connection to the primary that keeps no state which a transaction pooler would lose.

        Without a statement cache every statement is unnamed, and parsed together with its
        execution. Raises what the driver raises.
        """
        tls: dict[str, Any] = {}
        if self.trusts_system:
            tls["ssl"] = ssl.create_default_context()
        return await asyncpg.connect(
            self.url,
            statement_cache_size=0,
            target_session_attrs="primary",
            **tls,
        )


def parse_target(database_url: str) -> Target:
    """Judge the URL without connecting; raises ConfigurationError."""
    try:
        parts = urlsplit(database_url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError(f"DATABASE_URL does not have the form {_FORM}") from None
    if parts.scheme not in SCHEMES or parts.fragment or parts.netloc.count("@") > 1:
        raise ConfigurationError(f"DATABASE_URL does not have the form {_FORM}")
    _check_ports(parts)
    given = dict(pairs)
    for name in given:
        if name not in _TAKEN | _IGNORED | {"channel_binding"}:
            raise ConfigurationError(f"DATABASE_URL has a parameter that is not known: {name}")
    if given.get("channel_binding") == "require":
        raise ConfigurationError(
            "DATABASE_URL asks for channel_binding=require, which is not supported; "
            "leave it out and use sslmode=verify-full to know the server"
        )
    mode = given.get("sslmode")
    if mode is not None and mode not in SSL_MODES:
        raise ConfigurationError(f"sslmode in DATABASE_URL must be one of {', '.join(SSL_MODES)}")
    trusts_system = given.get("sslrootcert") == SYSTEM
    if trusts_system:
        if mode not in {None, "verify-full"}:
            raise ConfigurationError(
                "sslrootcert=system in DATABASE_URL goes with sslmode=verify-full only"
            )
        del given["sslrootcert"]
    for name in _FILES & given.keys():
        if not os.access(given[name], os.R_OK):
            raise ConfigurationError(f"the file of {name} in DATABASE_URL cannot be read")
    query = urlencode({name: value for name, value in given.items() if name in _TAKEN})
    kept = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return Target(f"{kept}?{query}" if query else kept, trusts_system)


def _check_ports(parts: SplitResult) -> None:
    """Of each host that is named, several being separated by commas."""
    for place in parts.netloc.rpartition("@")[2].split(","):
        port = place.rpartition("]")[2].partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ConfigurationError("DATABASE_URL has a port that is not a number from 1 to 65535")
