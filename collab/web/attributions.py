"""Who did something, as JSON and as pages tell it."""

from __future__ import annotations

from typing import Any, Literal

from collab.formats.attributed import Piece
from collab.ledger import Attribution


def told(by: Attribution | None) -> dict[str, Any]:
    """Which version, who and when, nothing of which may be known."""
    return {
        name: None if by is None else getattr(by, name)
        for name in ("version", "author", "user", "time")
    }


def person(by: Attribution | None) -> str | None:
    """By what people are told apart: the user, or who has none by what they wrote as."""
    return None if by is None else by.user or by.author


def piece(text: str, tag: Literal["span", "ins", "del"], by: Attribution | None) -> Piece:
    """A piece with all that is known of who wrote or deleted it."""
    return Piece(text, tag, person(by), told(by))


def shown(content: object) -> str:
    """Content as people see it; an embed as a sign that there is one."""
    return content if isinstance(content, str) else "\ufffc"
