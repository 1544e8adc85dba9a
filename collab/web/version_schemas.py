"""The shapes of JSON bodies about named versions."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, Field

from collab.web.schemas import Body
from collab.web.schemas import Version as Number


def _check_name(name: str) -> str:
    if not name.isprintable() or not name.strip():
        raise ValueError("a name is a printable text")
    return name


Name: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=200, examples=["First draft"]),
    AfterValidator(_check_name),
]


class NewVersion(Body):
    """A name for a version; without `version` for the newest."""

    name: Name
    version: Number | None = Field(None, examples=[1])


class VersionPatch(Body):
    """Another name."""

    name: Name


class Version(BaseModel):
    """A version that has a name; `time` is when it got it, in ms since 1970."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[1])
    name: str = Field(examples=["First draft"])
    time: int = Field(examples=[1_760_000_000_000])
    user: str | None = Field(examples=["alice"], description="Who named it.")
    author: str | None = Field(
        examples=["7d0a5c9e1b3f2468"], description="Null: it was named by itself."
    )
    automatic: bool = Field(description="It was named by itself, and gives way to newer ones.")


class VersionList(BaseModel):
    """Named versions, the newest first; `next` is the `before` of the following page."""

    versions: list[Version]
    next: int | None = Field(examples=[1])
