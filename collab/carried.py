"""Presence and messages as news carries them.

Owns what of other nodes' news is believed: what a peer could have shown or said, and nothing else,
for others' peers get it as it is. Knows neither boards nor buses.
"""

from __future__ import annotations

import msgspec

from collab.bus.news import Entry, Said
from collab.errors import CollabError
from collab.messages import Message
from collab.presence import Presence, Shown
from collab.protocols.lib0 import parse_json
from collab.protocols.native import checked_json
from collab.settings import Settings

_MAX_CLIENT_ID = 2**53 - 1
# Clocks rise here, and must not leave the numbers that JavaScript can count with.
_MAX_CLOCK = 2**52
# A name may have been put into a state by the node that took it from its peer.
_NAME_BYTES = 4096


def entry_of(shown: Shown) -> Entry:
    """A presence as news."""
    presence = shown.presence
    state = None if presence.state is None else msgspec.json.encode(presence.state)
    return Entry(
        presence.author,
        presence.user,
        state,
        presence.version,
        presence.clocked,
        shown.claim,
        shown.change,
    )


def shown_in(entry: Entry, settings: Settings) -> Shown | None:
    """What an entry shows; None if no peer could have shown it."""
    if entry.clocked and not (_is_client_id(entry.author) and entry.version <= _MAX_CLOCK):
        return None
    state: msgspec.Raw | None = None
    if entry.state is not None:
        limit = 2 * settings.max_presence_bytes + _NAME_BYTES
        if entry.clocked:
            state = _awareness(entry.state, limit)
        else:
            state = _json(entry.state, limit, settings)
        if state is None:
            return None
    presence = Presence(entry.author, entry.user, state, entry.version, entry.clocked)
    return Shown(presence, entry.claim, entry.change)


def said(message: Message, *, node: str, epoch: str, number: int) -> Said:
    """A message as news."""
    text = isinstance(message.body, str)
    body: bytes | None = None
    if message.body is not None:
        body = message.body.encode() if text else msgspec.json.encode(message.body)
    return Said(node, epoch, number, message.author, message.user, body, text)


def message_in(news: Said, settings: Settings) -> Message | None:
    """The message that was said; None if no peer could have said it."""
    body: str | msgspec.Raw | None = None
    limit = settings.max_message_bytes
    if news.body is not None:
        body = _text(news.body, limit) if news.text else _json(news.body, limit, settings)
        if body is None:
            return None
    return Message(news.author, news.user, body, len(news.body or b""))


def _awareness(value: bytes, limit: int) -> msgspec.Raw | None:
    """The same bytes: what JavaScript writes is not always JSON for others."""
    text = _text(value, limit)
    try:
        return None if text is None or parse_json(text) is None else msgspec.Raw(value)
    except CollabError:
        return None


def _text(value: bytes, limit: int) -> str | None:
    try:
        return value.decode() if len(value) <= limit else None
    except UnicodeDecodeError:
        return None


def _json(value: bytes, limit: int, settings: Settings) -> msgspec.Raw | None:
    try:
        return checked_json(msgspec.Raw(value), limit, "news", depth=settings.max_json_depth)
    except CollabError:
        return None


def _is_client_id(author: str) -> bool:
    """Whether it is what Yjs clients call themselves."""
    if not (author.isascii() and author.isdecimal() and len(author) <= 16):
        return False
    return int(author) <= _MAX_CLIENT_ID and str(int(author)) == author
