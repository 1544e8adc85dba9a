"""What the operator decides: one frozen object, read from the environment here and nowhere else.

Owns names, defaults, bounds and wording of the settings. Knows nothing of who uses them. An empty
value means absent. A problem is told by the name of the variable, never by its value, which may be
a secret.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from types import LambdaType
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from collab.errors import ConfigurationError

KIB = 1024
MIB = 1024 * KIB
MAX_BYTES = 1024 * MIB
DEFAULT_PORTS = {"http": 80, "https": 443}
SHORTEST_KEY_BYTES = 32
KEY_ADVICE = "make one with: openssl rand -hex 32"
POSTGRES = ("postgresql://", "postgres://")
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
OPTIONS = {
    "host": "--host",
    "port": "--port",
    "workers": "--workers",
    "tls_cert": "--tls-cert",
    "tls_key": "--tls-key",
}

LogFormat: TypeAlias = Literal["console", "json"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]


def normal_origin(text: str) -> str:
    """An origin (`https://example.org:8443`) in its one spelling: lower case, no default port.

    Raises ValueError when `text` is anything else, `null` and `*` included.
    """
    parts = urlsplit(text.strip().lower())
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an origin")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("not an origin")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port  # raises ValueError when it is not a port number
    if port is None or port == DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a host (a name or an address, without a port) is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in map(str.strip, value.split(",")) if part)
    return value


def _check_origins(origins: tuple[str, ...] | None) -> tuple[str, ...] | None:
    try:
        return tuple(normal_origin(origin) for origin in origins or ()) or None
    except ValueError:
        raise ValueError(
            "must be origins separated by commas, such as https://example.org"
        ) from None


def _check_proxies(proxies: tuple[str, ...]) -> tuple[str, ...]:
    if proxies == ("*",):
        return proxies
    try:
        networks = [ipaddress.ip_network(proxy) for proxy in proxies]
    except ValueError:
        raise ValueError(
            "must be addresses or networks separated by commas, such as 10.0.0.0/8, or * alone"
        ) from None
    return tuple(map(str, networks))


def _check_database(url: str) -> str:
    if not url.startswith((*POSTGRES, "sqlite:///", "memory://")):
        raise ValueError("must start with postgresql://, postgres://, sqlite:/// or memory://")
    return url


def _check_redis(url: SecretStr | None) -> SecretStr | None:
    if url is not None and not url.get_secret_value().startswith(REDIS_SCHEMES):
        raise ValueError("must start with redis://, rediss:// or unix://")
    return url


def _check_workers(workers: int, info: ValidationInfo) -> int:
    known = info.data.get("database_url")  # None: refused itself
    if workers > 1 and known is not None and not known.startswith(POSTGRES):
        raise ValueError(
            "must be 1, as several workers need PostgreSQL: set it to 1, or DATABASE_URL to "
            "postgresql://…"
        )
    return workers


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Bytes: TypeAlias = Annotated[int, Field(ge=1, le=MAX_BYTES)]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Rate: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Minutes: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Days: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _variable(name: str, default: Any, description: str, **bounds: Any) -> Any:
    """The field that is read from the environment variable `name`; a function makes its default
    from what has been checked before it."""
    if isinstance(default, LambdaType):
        return Field(
            default_factory=default, validation_alias=name, description=description, **bounds
        )
    return Field(default, validation_alias=name, description=description, **bounds)


class Settings(BaseSettings):
    """Every setting, checked. Attributes may also be given by name; those win over the
    environment. Use `load_settings` where the reader of a mistake is a person."""

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=True,
        env_ignore_empty=True,
        populate_by_name=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        extra="forbid",
    )

    # Where -----------------------------------------------------------------------------------

    host: str = _variable(
        "HOST",
        "127.0.0.1",
        "address to listen on; other machines can connect only when it is not loopback",
        min_length=1,
    )
    port: int = _variable("PORT", 8000, "port to listen on; 0: any free", ge=0, le=65535)
    database_url: Annotated[str, AfterValidator(_check_database)] = _variable(
        "DATABASE_URL",
        "sqlite:///collab.db",
        "where documents are stored: sqlite:///PATH, postgresql://USER:PASSWORD@HOST/DATABASE, "
        "or memory:// to keep nothing",
        repr=False,
    )
    redis_url: Annotated[SecretStr | None, AfterValidator(_check_redis)] = _variable(
        "REDIS_URL",
        None,
        "Redis that carries news between nodes: redis://, rediss:// or unix://; absent: they look "
        "into the store four times a second, presence and messages stay on their node",
    )
    redis_verify: bool = _variable(
        "COLLAB_REDIS_VERIFY",
        True,
        "whether the certificate of a rediss:// server is checked; false where hosters sign theirs "
        "themselves, as Heroku does",
    )
    workers: Annotated[int, AfterValidator(_check_workers)] = _variable(
        "WEB_CONCURRENCY", 1, "worker processes; more than 1 need PostgreSQL", ge=1
    )

    tls_cert: Path | None = _variable(
        "COLLAB_TLS_CERT",
        None,
        "certificate chain (PEM) to serve https and wss with; absent: http and ws",
    )
    tls_key: Path | None = _variable(
        "COLLAB_TLS_KEY", None, "private key (PEM) of COLLAB_TLS_CERT; absent: in the same file"
    )
    trusted_proxies: Annotated[
        tuple[str, ...],
        NoDecode,
        AfterValidator(_check_proxies),
        BeforeValidator(_split),
    ] = _variable(
        "COLLAB_TRUSTED_PROXIES",
        (),
        "addresses or networks, separated by commas, whose X-Forwarded-For and -Proto are believed"
        " (*: everyone's); absent: nobody's",
    )

    # Who -------------------------------------------------------------------------------------

    secret_key: SecretStr | None = _variable(
        "COLLAB_SECRET_KEY",
        None,
        "key that signs tokens (HS256, 32 bytes or more); "
        "absent, with COLLAB_JWKS and COLLAB_API_KEYS: development mode, loopback only, "
        "everyone may write",
        min_length=1,
    )
    jwks: str | None = _variable(
        "COLLAB_JWKS",
        None,
        "file or https URL of public keys (JWKS) that tokens signed with RS256, ES256 or EdDSA fit",
    )
    api_keys: SecretStr | None = _variable(
        "COLLAB_API_KEYS",
        None,
        "keys of backends, which may do everything: NAME=sha256:HASH as `collab api-key` prints it,"
        " or NAME=KEY, separated by commas",
    )
    issuer: str | None = _variable("COLLAB_ISSUER", None, "the `iss` every token must have")
    audience: str | None = _variable("COLLAB_AUDIENCE", None, "the `aud` every token must have")
    allowed_origins: Annotated[
        tuple[str, ...] | None,
        NoDecode,
        AfterValidator(_check_origins),
        BeforeValidator(_split),
    ] = _variable(
        "COLLAB_ALLOWED_ORIGINS",
        None,
        "origins whose pages may connect, separated by commas; absent: only our own",
    )

    # How much --------------------------------------------------------------------------------

    max_frame_bytes: Bytes = _variable(
        "COLLAB_MAX_FRAME_BYTES", 1 * MIB, "longest websocket message a client may send"
    )
    max_document_bytes: Bytes = _variable(
        "COLLAB_MAX_DOCUMENT_BYTES", 16 * MIB, "largest content of one document"
    )
    max_body_bytes: Bytes = _variable(
        "COLLAB_MAX_BODY_BYTES",
        lambda checked: min(2 * checked["max_document_bytes"], MAX_BYTES),
        "longest HTTP request body; absent: twice COLLAB_MAX_DOCUMENT_BYTES",
    )
    max_metadata_bytes: Bytes = _variable(
        "COLLAB_MAX_METADATA_BYTES", 16 * KIB, "largest metadata object of one document"
    )
    max_presence_bytes: Bytes = _variable(
        "COLLAB_MAX_PRESENCE_BYTES", 4 * KIB, "largest presence state of one peer"
    )
    max_message_bytes: Bytes = _variable(
        "COLLAB_MAX_MESSAGE_BYTES", 64 * KIB, "longest message to the peers of a document"
    )
    max_json_depth: Annotated[int, Field(ge=4, le=100)] = _variable(
        "COLLAB_MAX_JSON_DEPTH", 32, "deepest nesting of JSON that a client may send"
    )
    edits_per_second: Rate = _variable(
        "COLLAB_EDITS_PER_SECOND",
        1000.0,
        "edits one connection may send, a long one counting for every 2 KB, one made long ago for "
        "every 20 commits since; five seconds' worth may come at once",
    )
    presence_per_second: Rate = _variable(
        "COLLAB_PRESENCE_PER_SECOND",
        200.0,
        "presence changes and messages one connection may send, a long one counting for every KB; "
        "five seconds' worth at once",
    )
    requests_per_second: Rate = _variable(
        "COLLAB_REQUESTS_PER_SECOND",
        500.0,
        "HTTP requests that change something, by one user or address; five seconds' worth at once",
    )
    connections_per_user: Count = _variable(
        "COLLAB_CONNECTIONS_PER_USER", 200, "websockets and event streams one user may have open"
    )
    connections_per_address: Count = _variable(
        "COLLAB_CONNECTIONS_PER_ADDRESS",
        2000,
        "websockets and event streams one address may have open",
    )
    documents_per_socket: Count = _variable(
        "COLLAB_DOCUMENTS_PER_SOCKET", 100, "documents one Hocuspocus socket may hold open"
    )
    max_queued_pongs: Count = _variable(
        "COLLAB_MAX_QUEUED_PONGS",
        256,
        "pings one connection may send without reading the answers before it is dropped",
    )
    inbox_edits: Count = _variable(
        "COLLAB_INBOX_EDITS",
        1000,
        "edits that wait for one document before its sockets are no longer read",
    )
    tail_commits: Count = _variable(
        "COLLAB_TAIL_COMMITS", 2000, "newest commits of an open document kept in memory"
    )
    tail_bytes: Bytes = _variable(
        "COLLAB_TAIL_BYTES", 4 * MIB, "bytes of those commits kept in memory"
    )
    max_rebase_commits: Count = _variable(
        "COLLAB_MAX_REBASE_COMMITS",
        10_000,
        "commits a client may be behind and still go on; further behind it starts afresh",
    )

    # How long --------------------------------------------------------------------------------

    snapshot_every: Count = _variable(
        "COLLAB_SNAPSHOT_EVERY", 1000, "commits between two snapshots of a document"
    )
    idle_seconds: Seconds = _variable(
        "COLLAB_IDLE_SECONDS", 30.0, "unload a document that nobody has used for so long"
    )
    history_days: Days | None = _variable(
        "COLLAB_HISTORY_DAYS", None, "how long past versions are kept; absent: forever"
    )
    version_minutes: Minutes | None = _variable(
        "COLLAB_VERSION_MINUTES",
        None,
        "minutes of activity between two versions of a document that are named by themselves; "
        "absent: there are none",
    )
    automatic_versions: Count = _variable(
        "COLLAB_AUTOMATIC_VERSIONS", 200, "automatic versions of one document that are kept"
    )
    max_versions: Count = _variable(
        "COLLAB_MAX_VERSIONS", 1000, "versions of one document that people may have given names"
    )
    names_days: Days = _variable(
        "COLLAB_NAMES_DAYS",
        7.0,
        "how long an author's newest edit is remembered, so that a resend is known",
    )
    names_max: Count = _variable(
        "COLLAB_NAMES_MAX", 65536, "authors of one document whose newest edit is remembered"
    )
    hello_seconds: Seconds = _variable(
        "COLLAB_HELLO_SECONDS", 5.0, "time a connected client has to say hello"
    )
    header_seconds: Seconds = _variable(
        "COLLAB_HEADER_SECONDS",
        10.0,
        "time a client has to send a request's or handshake's headers",
    )
    stall_seconds: Seconds = _variable(
        "COLLAB_STALL_SECONDS",
        60.0,
        "drop a connection that has read nothing of what waits for it for so long",
    )
    drain_seconds: Seconds = _variable(
        "COLLAB_DRAIN_SECONDS",
        6.0,
        "time for open work to finish when the server is told to stop; four seconds later it ends",
    )

    # Logs ------------------------------------------------------------------------------------

    log_format: Annotated[LogFormat, BeforeValidator(_lower)] = _variable(
        "COLLAB_LOG_FORMAT",
        lambda _: "console" if sys.stderr.isatty() else "json",
        "console or json; absent: console on a terminal, otherwise json",
    )
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = _variable(
        "COLLAB_LOG_LEVEL", "info", "debug, info, warning, error or critical"
    )

    # Operators -------------------------------------------------------------------------------

    workers_directory: Path | None = _variable(
        "COLLAB_WORKERS_DIRECTORY",
        None,
        "private directory where the workers of this machine find each other to answer /metrics "
        "together; absent: each answers alone",
    )
    otlp_endpoint: str | None = _variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        None,
        "where traces are sent, if the OpenTelemetry SDK is installed; absent: nowhere",
    )

    _by_option: frozenset[str] = PrivateAttr(default=frozenset())

    def name_of(self, setting: str) -> str:
        """What the operator wrote: the variable, and the option if the value came from there."""
        return _name_of(setting, self._by_option)

    @property
    def development_mode(self) -> bool:
        """No key to check tokens with: everyone may write, so only this machine may connect."""
        return self.secret_key is None and self.jwks is None and self.api_keys is None

    @property
    def weak_key(self) -> bool:
        """Whether there is a key, but so short that it may be guessed."""
        key = self.secret_key
        return key is not None and len(key.get_secret_value().encode()) < SHORTEST_KEY_BYTES

    def check_exposure(self) -> None:
        """Refuse to let other machines in without a key that holds; raises ConfigurationError."""
        if is_loopback(self.host):
            return
        host = self.name_of("host")
        if self.development_mode:
            raise ConfigurationError(
                f"{host} is reachable from other machines, and without COLLAB_SECRET_KEY anyone "
                "could write: set COLLAB_SECRET_KEY to a long random text "
                f"({KEY_ADVICE}), or {host} to 127.0.0.1"
            )
        if self.weak_key:
            raise ConfigurationError(
                f"{host} is reachable from other machines, and COLLAB_SECRET_KEY has less than "
                f"{SHORTEST_KEY_BYTES} bytes: {KEY_ADVICE}"
            )


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting as documentation shows it; `default` is None where absent is the default."""

    name: str
    description: str
    default: str | None


def variables() -> list[Variable]:
    """Every environment variable there is, in reading order."""
    return [
        Variable(
            str(field.validation_alias),
            field.description or "",
            None if field.default_factory or field.default in (None, ()) else f"{field.default}",
        )
        for field in Settings.model_fields.values()
    ]


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` by attribute name, None meaning not given.

    Raises ConfigurationError, which tells every problem there is, one per line.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems = [
            f"{_name_of(_setting_of(detail), given.keys())} {_in_words(detail)}"
            for detail in error.errors(include_input=False, include_url=False)
            if detail["type"] != "default_factory_not_called"
        ]
        raise ConfigurationError("\n".join(problems)) from None
    settings._by_option = frozenset(given) & OPTIONS.keys()
    return settings


def _setting_of(detail: ErrorDetails) -> str:
    told = str(detail["loc"][0]) if detail["loc"] else "the settings"
    fields = Settings.model_fields.items()
    return next((name for name, field in fields if field.validation_alias == told), told)


def _name_of(setting: str, by_option: Set[str]) -> str:
    field = Settings.model_fields.get(setting)
    variable = str(field.validation_alias) if field else setting
    option = OPTIONS.get(setting) if setting in by_option else None
    return f"{variable} ({option})" if option else variable


def _in_words(detail: ErrorDetails) -> str:
    bounds: Mapping[str, Any] = detail.get("ctx", {})
    match detail["type"]:
        case "int_parsing" | "int_type" | "int_from_float":
            return "must be a whole number"
        case "float_parsing" | "float_type" | "finite_number":
            return "must be a number"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "greater_than":
            return f"must be more than {bounds['gt']:g}"
        case "greater_than_equal":
            return f"must be at least {bounds['ge']:g}"
        case "less_than_equal":
            return f"must be at most {bounds['le']:.0f}"
        case "literal_error":
            return f"must be {bounds['expected']}"
        case "string_too_short" | "too_short":
            return "must not be blank"
        case "value_error":
            return str(bounds["error"])
        case "extra_forbidden":
            return "is not a setting"
        case _:
            return "is not valid"
