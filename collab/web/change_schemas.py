"""The shapes of JSON that tells what changed in a document, when and by whom.

Owns field names, bounds and examples. Knows nothing of what is done with the values.
"""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, Field

from collab.web.schemas import Body, CommittedEdit, JsonObject, Version

OwnOperation: TypeAlias = list[JsonObject] | JsonObject
"""A Delta; of yjs an object with an `update` in base64."""


class Difference(BaseModel):
    """The operation that turns the content of one version into that of another."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    from_version: int = Field(alias="from", examples=[1])
    to: int = Field(examples=[2])
    root: str | None = Field(description="Of yjs: the root that was compared, `name:type`.")
    operation: list[JsonObject] = Field(examples=[[{"retain": 5}, {"insert": " there"}]])


class Restore(Body):
    """Which version is brought back."""

    version: Version = Field(examples=[1])


class RestoredEdit(CommittedEdit):
    """Where the restoring edit stands in the log, and how to take it back."""

    restored: int = Field(examples=[1])
    undo: OwnOperation | None = Field(
        examples=[[{"insert": "Dear "}]],
        description="A Delta made on `version`, to be posted with that as its base; of yjs an "
        "object with an `update` in base64. Null if what it needs is no longer kept.",
    )


class RestorePreview(BaseModel):
    """What would restore a version, for an editor to apply as a change of its own."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[2], description="What the operation is made on.")
    restores: int = Field(examples=[1])
    operation: OwnOperation = Field(
        examples=[[{"delete": 5}]],
        description="A Delta; of yjs an object with an `update` in base64.",
    )


class BlamedRun(BaseModel):
    """A part of the content, and who brought it; nulls where that is not known."""

    text: str = Field("", examples=["hello"])
    embed: JsonObject | None = Field(None, description="In place of a text.")
    version: int | None = Field(examples=[1])
    author: str | None = Field(examples=["7d0a5c9e1b3f2468"])
    user: str | None = Field(examples=["alice"])
    time: int | None = Field(examples=[1_760_000_000_000])


class BlamePage(BaseModel):
    """The content in runs; `next` is the position to go on at, null at the end."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[2])
    since: int = Field(examples=[0], description="What came up to this version is nobody's.")
    root: str | None = Field(description="Of yjs: the root that is meant, `name:type`.")
    runs: list[BlamedRun]
    next: int | None = Field(examples=[None])


class Share(BaseModel):
    """Versions and times of the first and the last edit, how many edits, and how many UTF-16 units
    they inserted and deleted."""

    from_version: int = Field(alias="from", examples=[1])
    to: int = Field(examples=[2])
    began: int = Field(examples=[1_760_000_000_000])
    ended: int = Field(examples=[1_760_000_000_000])
    edits: int = Field(examples=[2])
    inserted: int = Field(examples=[11])
    deleted: int = Field(examples=[0])


class UserShare(Share):
    """What one person did; `author` tells of somebody without a user who it is."""

    user: str | None = Field(examples=["alice"])
    author: str | None = Field(examples=[None])


class Sitting(Share):
    """What was written without a longer pause."""

    continued: bool = Field(description="It may go on in the next page.")
    users: list[UserShare]


class Timeline(BaseModel):
    """Sittings in order; `next` is the `after` of the following page, null at the end."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[2])
    since: int = Field(examples=[0], description="What came up to this version is not in it.")
    sittings: list[Sitting]
    next: int | None = Field(examples=[None])
