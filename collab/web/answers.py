"""Successful JSON answers and the notation of versions in headers.

An ETag is `"epoch:version"`: one notation for what was read, what is replaced and what is resumed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Response

from collab.errors import Malformed
from collab.words import Head

_HEAD = re.compile(r"([0-9a-zA-Z_-]{1,64}):([0-9]{1,15})")

# Documents and their content; the other answers have no end, or nobody asks how long they are.
_HEAD_PATH = re.compile(r"/v1/documents(/[^/]+(/content)?)?")

_encoder = msgspec.json.Encoder()


def json_answer(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A value as JSON; `msgspec.Raw` within it stands for itself."""
    return Response(_encoder.encode(value), status, dict(headers or {}), "application/json")


def etag(head: Head) -> str:
    """The ETag of content at `head`."""
    return f'"{head_text(head)}"'


def head_text(head: Head) -> str:
    """`epoch:version`, as event ids have it."""
    return f"{head.epoch}:{head.version}"


def parse_head(text: str) -> Head:
    """The inverse of `head_text`; raises Malformed."""
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise Malformed("a state is named epoch:version")
    return Head(match[1], int(match[2]))


def parse_etag(text: str) -> Head:
    """The state an entity tag names; a weak one names the same state. Raises Malformed."""
    tag = text.strip().removeprefix("W/")
    if len(tag) < 2 or tag[0] != '"' or tag[-1] != '"':
        raise Malformed('an entity tag is "epoch:version", in quotes')
    return parse_head(tag[1:-1])


def version_headers(head: Head) -> dict[str, str]:
    """The headers that say which state an answer is about."""
    return {
        "ETag": etag(head),
        "Collab-Epoch": head.epoch,
        "Collab-Version": str(head.version),
    }


def answers_head(path: str) -> bool:
    """Whether HEAD works where GET does."""
    return _HEAD_PATH.fullmatch(path) is not None
