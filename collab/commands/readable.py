"""Operations and text as people read them in a terminal. Pure."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import category

_MAX_SHOWN = 60
_JOINING = frozenset("\u200c\u200d") | frozenset(map(chr, range(0xE0020, 0xE0080)))


def utf16_length(text: str) -> int:
    """How many UTF-16 code units `text` has."""
    return len(text) + sum(character > "\uffff" for character in text)


def content_length(delta: list[dict[str, Any]]) -> int:
    """The length of content given as a Delta, in UTF-16 code units; an embed counts one."""
    return sum(
        utf16_length(each["insert"]) if isinstance(each["insert"], str) else 1 for each in delta
    )


def readable(operation: list[dict[str, Any]]) -> str:
    """One line: what is put in (+), taken out (-) and formatted (~), and where."""
    parts: list[str] = []
    position = 0
    for step in operation:
        match step:
            case {"insert": inserted}:
                parts.append(f"+{_shown(inserted)} at {position}")
                position += utf16_length(inserted) if isinstance(inserted, str) else 1
            case {"delete": int(count)}:
                parts.append(f"-{count} at {position}")
            case {"retain": int(count)}:
                if "attributes" in step:
                    parts.append(f"~{count} at {position} {_shown(step['attributes'])}")
                position += count
    return ", ".join(parts) or "nothing"


def _is_harmless(character: str) -> bool:
    """Whether it leaves the line as it is: no control character, nothing that turns its direction.

    Joiners and tags are format characters too, but emoji and several scripts are made with them.
    """
    return character.isprintable() or character in _JOINING or category(character) == "Zs"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    text = "".join(character if _is_harmless(character) else "\ufffd" for character in text)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
