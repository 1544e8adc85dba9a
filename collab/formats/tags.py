"""Html as a run of tags and texts, in time linear in its length.

Owns the tokens of html, as tolerant as a browser: whatever it is given means something. Knows
nothing of what tags mean, but that the content of some is not text. The standard library's
html.parser is not used because 20,000 unfinished tags keep it busy for 40 seconds.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

# A tag's name and attributes, or a text.
Token: TypeAlias = tuple[Literal["start", "end", "text"], str, dict[str, str]]

# Their content is skipped.
RAW = frozenset({"script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp"})

_TAG_LIKE = re.compile(r"<[a-zA-Z/!?]")
_NAME = re.compile(r"[a-zA-Z][^\s/>]*+")
_SPACE = re.compile(r"[\s/]*+")
_ATTRIBUTE = re.compile(r"([^\s/>][^\s/>=]*+)\s*+(=?)\s*+")
_BARE = re.compile(r"[^\s>]*+")
# Python's own unescape gives up on numbers of thousands of digits.
_HUGE = re.compile(r"&#(?:[xX][0-9a-fA-F]{8,}+|[0-9]{8,}+);?")
# In attributes only finished names count: "?a=1&copy=2" is an address.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}+;?|#[xX][0-9a-fA-F]{1,7}+;?|[a-zA-Z][a-zA-Z0-9]{1,31}+;)")
_NONE: dict[str, str] = {}


def tokens(source: str) -> Iterator[Token]:
    """The tags and texts of `source`, names in lower case and references resolved; comments and
    declarations left out. What a tag that never ends would hold is left out too."""
    position = 0
    end = len(source)
    while position < end:
        less = source.find("<", position)
        if less < 0:
            yield "text", unescape(source[position:]), _NONE
            return
        after = source[less + 1 : less + 2]
        closing = after == "/"
        if closing:
            after = source[less + 2 : less + 3]
        if after.isascii() and after.isalpha():
            if less > position:
                yield "text", unescape(source[position:less]), _NONE
            name = _NAME.match(source, less + 1 + closing)
            assert name is not None
            tag = name[0].lower()
            attributes, position = _attributes(source, name.end())
            if position < 0:
                return
            if closing:
                yield "end", tag, _NONE
                continue
            yield "start", tag, attributes
            if tag in RAW:
                position = _end_of_raw(source, position, tag)
        elif closing or after in {"!", "?"}:
            if less > position:
                yield "text", unescape(source[position:less]), _NONE
            long = source.startswith("<!--", less)
            mark = "-->" if long else ">"
            found = source.find(mark, less + 2)
            if found < 0:
                return
            position = found + len(mark)
        else:
            tag_like = _TAG_LIKE.search(source, less + 1)
            following = end if tag_like is None else tag_like.start()
            yield "text", unescape(source[position:following]), _NONE
            position = following


def unescape(text: str) -> str:
    """`text` with its character references resolved."""
    if "&" not in text:
        return text
    return html.unescape(_HUGE.sub("\ufffd", text))


def _attributes(source: str, position: int) -> tuple[dict[str, str], int]:
    """The attributes from `position` on, and where the tag ends; -1 if it does not."""
    found: dict[str, str] = {}
    end = len(source)
    while True:
        space = _SPACE.match(source, position)
        assert space is not None
        position = space.end()
        if position >= end:
            return found, -1
        if source[position] == ">":
            return found, position + 1
        match = _ATTRIBUTE.match(source, position)
        assert match is not None
        position = match.end()
        value = ""
        if match[2]:
            quote = source[position : position + 1]
            if quote in {'"', "'"}:
                close = source.find(quote, position + 1)
                if close < 0:
                    return found, -1
                value = source[position + 1 : close]
                position = close + 1
            else:
                bare = _BARE.match(source, position)
                assert bare is not None
                value = bare[0]
                position = bare.end()
            if "&" in value:
                value = _REFERENCE.sub(lambda reference: html.unescape(reference[0]), value)
        found.setdefault(match[1].lower(), value)


def _end_of_raw(source: str, position: int, tag: str) -> int:
    """Where the end tag of skipped content begins, or the end of everything."""
    found = re.compile(f"</{tag}(?![a-z0-9])", re.IGNORECASE).search(source, position)
    return len(source) if found is None else found.start()
