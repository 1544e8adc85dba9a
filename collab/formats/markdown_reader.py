"""Reads markdown by telling the reader of html what markdown-it has found.

Owns the options of markdown-it and the meaning of its tokens, and the rule for task lists: a list's
item that begins with `[ ]` or `[x]`. Raw html goes through the reader of html, so only what that
knows comes in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from collab.errors import InvalidContent
from collab.formats.html_reader import TreeReader
from collab.formats.sanitize import safe_address
from collab.formats.tree import Node

_TASK = re.compile(r"\[([ xX])\](?:[ \t]+|$)")


# What is nested deeper, markdown-it leaves out; here it is refused.
_DEEPEST = 50
# Links in pictures in links; a higher bound makes a run of "![" cost that many times as much.
_DEEPEST_INLINE = 8


class _Markdown(MarkdownIt):
    """CommonMark, tables and strikethrough; addresses are taken as they are written."""

    def __init__(self, max_nesting: int) -> None:
        super().__init__("commonmark", {"html": True, "maxNesting": max_nesting})
        self.enable(["table", "strikethrough"])

    def normalizeLink(self, url: str) -> str:
        return url

    def validateLink(self, url: str) -> bool:
        return safe_address(url) or safe_address(url, image=True)


def _parse_inline(state: StateCore) -> None:
    for token in state.tokens:
        if token.level >= _DEEPEST - 1:
            raise InvalidContent("nested too deep")
        if token.type == "inline":
            token.children = token.children or []
            _inline_parser.inline.parse(token.content, _inline_parser, state.env, token.children)


_inline_parser = _Markdown(_DEEPEST_INLINE)
_parser = _Markdown(_DEEPEST)
_parser.core.ruler.at("inline", _parse_inline)


def read(source: str) -> Node:
    """The tree of a markdown text, in normal form; raises InvalidContent."""
    found = _parser.parse(source)
    reader = TreeReader()
    for index, token in enumerate(found):
        _block(reader, token, found, index)
    return reader.finish()


def _block(reader: TreeReader, token: Token, found: Sequence[Token], index: int) -> None:
    given = {name: str(value) for name, value in token.attrs.items()}
    match token.type:
        case "inline":
            _inline(reader, token.children or [], _task(found, index))
        case "fence" | "code_block":
            language = token.info.strip().split(maxsplit=1)
            reader.start("pre", {"class": f"language-{language[0]}"} if language else {})
            reader.start("code", {})
            reader.text(token.content.removesuffix("\n"))
            reader.end("pre")
        case "html_block":
            reader.feed(token.content)
        case "hr":
            reader.start("hr", {})
        case "list_item_open":
            task = _task(found, index + 2)
            reader.start("li", {} if task is None else {"data-checked": task[0]})
            if found[index + 1].type == "list_item_close":
                reader.start("p", {})
                reader.end("p")
        case "paragraph_open" if _pictures(found[index + 1]):
            pass  # they stand alone
        case "td_open" | "th_open":
            reader.start(token.tag, given)
            reader.start("p", {})
        case _ if token.nesting > 0:
            reader.start(token.tag, given)
        case _ if token.nesting < 0:
            if token.tag in {"td", "th"}:
                reader.end("p")
            reader.end(token.tag)


def _task(found: Sequence[Token], index: int) -> tuple[str, int] | None:
    """Whether the inline token at `index` begins a task: if it is done, and how long that says."""
    if index < 2 or index >= len(found) or found[index].type != "inline":
        return None
    if found[index - 2].type != "list_item_open" or found[index - 1].type != "paragraph_open":
        return None
    match = _TASK.match(found[index].content)
    return None if match is None else (str(match[1] != " ").lower(), match.end())


def _inline(reader: TreeReader, found: Sequence[Token], task: tuple[str, int] | None) -> None:
    skip = task[1] if task else 0
    for token in found:
        match token.type:
            case "text":
                content = token.content
                if skip:
                    content, skip = content[skip:], max(0, skip - len(content))
                reader.text(content, verbatim=True)
            case "softbreak":
                reader.text(" ", verbatim=True)
            case "hardbreak":
                reader.start("br", {})
            case "code_inline":
                reader.start("code", {})
                reader.text(token.content, verbatim=True)
                reader.end("code")
            case "html_inline":
                reader.feed(token.content)
            case "image":
                given = {name: str(value) for name, value in token.attrs.items()}
                alt = _plain(token.children or [])
                reader.start("img", {**given, "alt": alt} if alt else _without_alt(given))
            case _ if token.nesting > 0:
                reader.start(token.tag, {name: str(value) for name, value in token.attrs.items()})
            case _ if token.nesting < 0:
                reader.end(token.tag)


def _pictures(token: Token) -> bool:
    """Whether there is nothing but pictures in an inline token."""
    types = {child.type for child in token.children or []}
    return "image" in types and types <= {"image", "link_open", "link_close"}


def _without_alt(given: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name != "alt"}


def _plain(found: Sequence[Token]) -> str:
    """The text of inline tokens."""
    pieces: list[str] = []
    stack = [iter(found)]
    while stack:
        token = next(stack[-1], None)
        if token is None:
            stack.pop()
        elif token.children:
            stack.append(iter(token.children))
        else:
            pieces.append(" " if token.type == "softbreak" else token.content)
    return "".join(pieces)
