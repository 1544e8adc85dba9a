"""Taking what must not be there out of a document's history."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator

from collab.protocols.native import MAX_INTEGER
from collab.types.yjs_edits import TextChange, TextEdit
from collab.web.answers import json_answer
from collab.web.bodies import StrictRoute
from collab.web.dependencies import Admin, DocumentId, TheErasure
from collab.web.schemas import Body, Position, RootName, User, Version

router = APIRouter(prefix="/v1/documents/{id}", tags=["erasing"], route_class=StrictRoute)


class Redaction(Body):
    """The range that is redacted, in UTF-16 code units of the document as it was at `version`."""

    at: Position | None = Field(None, examples=[9])
    length: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = Field(None, examples=[5])
    version: Version | None = Field(None, description="Absent: the newest.", examples=[None])
    root: RootName | None = Field(
        None,
        description="Of yjs: the text. Without a range only what is deleted already is dropped.",
        examples=[None],
    )

    @model_validator(mode="after")
    def _check_range(self) -> Redaction:
        if (self.at is None) != (self.length is None):
            raise ValueError("at and length, or neither")
        if self.at is None and (self.root is not None or self.version is not None):
            raise ValueError("a root or a version is for a range")
        return self


class ForgottenUser(Body):
    """Whose name is taken away."""

    user: User


class Erased(BaseModel):
    """Where the document stands now; `commits` were written anew, or dropped."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b-0f3a5c7e9b1d2f4a"])
    version: int = Field(examples=[2])
    floor: int = Field(examples=[0])
    commits: int = Field(examples=[1])


class ErasedUser(BaseModel):
    """How many commits were written anew; whether there was anything to erase."""

    found: bool
    commits: int = Field(examples=[1])


@router.post("/redact", response_model=Erased)
async def redact(
    id: DocumentId, body: Redaction, request: Request, erasure: TheErasure, caller: Admin
) -> Response:
    """Take a range of text out of the whole history.

    Of text and rich text filler stands in its place, wherever it stood since it was typed. Of a
    yjs document it is deleted, and the history that holds it dropped: all of it. Whoever is
    connected is sent away and gets the document afresh.
    """
    if body.root is None and body.at is not None and body.length is not None:
        erased = await erasure.redact(id, body.at, body.length, body.version)
    else:
        edit = None
        if body.root is not None and body.at is not None and body.length is not None:
            edit = TextEdit(body.root, (TextChange(body.at, body.length),))
        erased = await erasure.redact_yjs(id, edit, body.version, caller.writer())
    request.app.state.blames.forget(id)
    return json_answer(msgspec.structs.asdict(erased))


@router.post("/erase-user", response_model=ErasedUser)
async def erase_user(
    id: DocumentId, body: ForgottenUser, request: Request, erasure: TheErasure, caller: Admin
) -> Response:
    """Take a user's name off everything that is kept of the document."""
    erased = await erasure.erase_user(id, body.user)
    request.app.state.blames.forget(id)
    return json_answer({"found": erased is not None, "commits": erased.commits if erased else 0})
