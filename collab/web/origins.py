"""Whether a page of some origin may talk to this server.

Owns one decision, made before a websocket is accepted (403) and before an unsafe HTTP method. Knows
nothing of tokens: this protects people whose browser would send something for a page they did not
mean to trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from collab.settings import Settings, is_loopback, normal_origin


def origin_allowed(headers: Mapping[str, str], settings: Settings) -> bool:
    """By the `origin` and `host` of a request: what is no browser, our own pages, and what
    COLLAB_ALLOWED_ORIGINS lists.

    The scheme of our own pages is not compared, since a proxy may speak TLS for us. In development
    mode our own pages have a loopback host: a page that has its name resolved to 127.0.0.1 would
    otherwise pass for ours.
    """
    sent = headers.get("origin")
    if sent is None:
        return True
    try:
        origin = normal_origin(sent)
    except ValueError:
        return False
    return origin in (settings.allowed_origins or ()) or _is_own(origin, headers, settings)


def host_name(headers: Mapping[str, str]) -> str:
    """The name or address in the `host` of a request, without the port; empty if it has none."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_own(origin: str, headers: Mapping[str, str], settings: Settings) -> bool:
    scheme, host = urlsplit(origin).scheme, urlsplit(origin).hostname or ""
    if settings.development_mode and not is_loopback(host):
        return False
    try:
        return origin == normal_origin(f"{scheme}://{headers.get('host', '')}")
    except ValueError:
        return False
