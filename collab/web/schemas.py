"""The shapes of JSON bodies: what is asked for is checked by them, what is answered described.

Owns field names, bounds and examples. Knows nothing of what is done with the values.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    WithJsonSchema,
    model_validator,
)

from collab.protocols.native import MAX_INTEGER
from collab.types.yjs_edits import TextChange
from collab.words import ANY, Document

JsonObject: TypeAlias = dict[str, Any]
Version: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
# The document's type looks into it, elsewhere: it may be long.
UncheckedOperation: TypeAlias = Annotated[
    list[SkipValidation[JsonObject]], Field(examples=[[{"retain": 5}, {"insert": " there"}]])
]

LoggedOperation: TypeAlias = Annotated[
    list[JsonObject] | JsonObject,
    Field(
        examples=[[{"retain": 5}, {"insert": " there"}]],
        description="A Delta; of yjs an object with the effective `update` of a batch in base64, "
        "and the `owners` of Yjs clients that are new in it.",
    ),
]
Position: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INTEGER, examples=[0])]
RootName: TypeAlias = Annotated[str, Field(min_length=1, max_length=1000, examples=["codemirror"])]

_ROOT = (
    "Of yjs: where it goes, `name` or `name:type`. Absent: text to `codemirror`, html and markdown "
    "to `default`; json has a member for each root."
)
_DELTA = [{"insert": "hello"}]


class Body(BaseModel):
    """What a client sends: nothing is guessed, nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    content_field: ClassVar[str | None] = None
    """The field that holds whole content: such a body may be as long as content, and the field
    stays the JSON text that was sent."""


def _check_content(raw: object) -> object:
    if raw == b"null":
        return None
    if isinstance(raw, bytes) and raw[:1] not in {b'"', b"[", b"{"}:
        raise ValueError("a string, an array of inserts, or an object with the roots of a yjs one")
    return raw


_CONTENT_SCHEMAS: list[JsonObject] = [
    {"type": "string"},
    {"type": "array", "items": {"type": "object"}},
    {"type": "object"},
]
ContentJson: TypeAlias = Annotated[
    bytes | None,
    BeforeValidator(_check_content),
    WithJsonSchema({"anyOf": [*_CONTENT_SCHEMAS, {"type": "null"}]}),
]
"""Whole content as JSON that nobody has looked into yet."""
SeedJson: TypeAlias = Annotated[
    bytes, BeforeValidator(_check_content), WithJsonSchema({"anyOf": _CONTENT_SCHEMAS})
]


class NewDocument(Body):
    """A document to be made. Without `id` the server makes one up."""

    content_field: ClassVar[str | None] = "content"

    id: str | None = Field(None, examples=["notes"])
    type: str = Field(examples=["text"], description="`text`, `richtext` or `yjs`")
    content: ContentJson = Field(
        None,
        examples=["hello", _DELTA],
        description="Text with format `text`, a Delta's array of inserts with format `json`. For "
        "yjs also text with `markdown` or `html`, base64 with `update`, and with `json` an object.",
    )
    format: str | None = Field(
        None, examples=["text"], description="Absent: `text` for a string, `json` for the others."
    )
    root: RootName | None = Field(None, description=_ROOT)
    metadata: JsonObject = Field({}, examples=[{"title": "Notes"}])


class DocumentCopy(Body):
    """Where the copy goes. Without `id` the server makes one up."""

    id: str | None = Field(None, examples=["notes-copy"])
    metadata: JsonObject | None = Field(None, description="Absent: those of the source.")


class RetentionPatch(Body):
    """What of the document's history is kept; null: what the server's settings say."""

    days: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | Literal["forever"] | None = (
        Field(None, examples=[90], description="For how many days its past is; `forever`: always.")
    )
    version_minutes: (
        Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | Literal["never"] | None
    ) = Field(
        None,
        examples=[30],
        description="Minutes of activity between versions that are named by themselves.",
    )


class DocumentPatch(Body):
    """Changes of a document's row: JSON merge patches (RFC 7396)."""

    metadata: JsonObject | None = Field(
        None,
        description="Merged into the metadata; null removes a key.",
        examples=[{"title": "New title", "draft": None}],
    )
    retention: RetentionPatch | None = Field(
        None, description="Merged into the retention; needs the right `admin`."
    )

    @model_validator(mode="after")
    def _check_some(self) -> DocumentPatch:
        if self.metadata is None and self.retention is None:
            raise ValueError("metadata, retention or both")
        return self


class RetentionRow(BaseModel):
    """What of a document's history is kept; null: what the server's settings say."""

    days: float | Literal["forever"] | None = Field(examples=[90])
    version_minutes: float | Literal["never"] | None = Field(examples=[None])


class TextInsert(Body):
    """Put `text` before the unit at `at`."""

    at: Position
    text: str


class TextDelete(Body):
    """Take `length` units away, the first being that at `at`."""

    at: Position
    length: Position


class TextReplace(Body):
    """Put `text` in place of `length` units."""

    at: Position
    length: Position
    text: str


class TextOperation(Body):
    """One change of a text; positions and lengths are UTF-16 code units."""

    insert: TextInsert | None = None
    delete: TextDelete | None = None
    replace: TextReplace | None = None

    @model_validator(mode="after")
    def _check_one(self) -> TextOperation:
        if sum(each is not None for each in (self.insert, self.delete, self.replace)) != 1:
            raise ValueError("exactly one of insert, delete and replace")
        return self

    @property
    def change(self) -> TextChange:
        """The change as the type makes it."""
        if self.insert is not None:
            return TextChange(self.insert.at, 0, self.insert.text)
        if self.delete is not None:
            return TextChange(self.delete.at, self.delete.length)
        assert self.replace is not None
        return TextChange(self.replace.at, self.replace.length, self.replace.text)


class SubmittedEdit(Body):
    """An operation, and the version it was made on; without `base` it is meant for the newest."""

    base: Version | None = Field(None, examples=[1])
    epoch: str | None = Field(
        None, description="If given, the document's epoch has to be this one."
    )
    operation: UncheckedOperation = Field(
        [], description="Of text and rich text, which need it; a yjs document has `operations`."
    )
    root: RootName | None = Field(
        None, examples=[None], description="Of yjs: the text that is edited."
    )
    operations: list[TextOperation] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        examples=[None],
        description="Of yjs: changes, each of the text that those before it have left.",
    )

    @model_validator(mode="after")
    def _check_either(self) -> SubmittedEdit:
        given = self.model_fields_set
        if ("root" in given) != ("operations" in given) or (
            ("operation" in given) == ("root" in given)
        ):
            raise ValueError("either an operation, or a root and operations")
        return self


class NewSeed(Body):
    """What a yjs document contains at first."""

    content_field: ClassVar[str | None] = "content"

    content: SeedJson = Field(examples=["# Title"], description="As for a new document.")
    format: str | None = Field(None, examples=["markdown"], description="As for a new document.")
    root: RootName | None = Field(None, description=_ROOT)


class NewMessage(Body):
    """A message to those who are connected; never stored."""

    body: Any = Field(examples=[{"say": "hello"}])


class DocumentRow(BaseModel):
    """A document as lists show it; times in ms since 1970."""

    id: str = Field(examples=["notes"])
    type: str = Field(examples=["text"])
    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[1])
    floor: int = Field(examples=[0], description="The oldest version one can go on from.")
    created: int = Field(examples=[1_760_000_000_000])
    updated: int = Field(examples=[1_760_000_000_000])
    metadata: JsonObject = Field(examples=[{"title": "Notes"}])
    retention: RetentionRow


class DocumentList(BaseModel):
    """Documents in order of id; `next` is the `after` of the following page."""

    documents: list[DocumentRow]
    next: str | None = Field(examples=["notes"])


class TrimmedHistory(BaseModel):
    """What was dropped, or with `dry_run` would be; `floor` is the oldest version that is left."""

    dry_run: bool
    floor: int = Field(examples=[0])
    commits: int = Field(examples=[0])
    log_bytes: int = Field(examples=[0])
    milestones: int = Field(examples=[0])
    milestone_bytes: int = Field(examples=[0])


class CommittedUpdate(BaseModel):
    """Where an update stands in the log, which may be together with those of others."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[2])
    author: str = Field(examples=["7d0a5c9e1b3f2468"])
    duplicate: bool = Field(description="It had been committed by an earlier request.")


class CommittedSeed(CommittedUpdate):
    """Where a seed stands in the log."""

    seeded: bool = Field(description="It is the content that the document began with.")


class CommittedEdit(BaseModel):
    """Where the edit stands in the log, and what it has become there."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[2])
    author: str = Field(examples=["7d0a5c9e1b3f2468"])
    operation: LoggedOperation | None = Field(
        description="As applied; null for a repeated request whose commit is no longer kept."
    )
    duplicate: bool = Field(description="It had been committed by an earlier request.")


class LoggedEdit(BaseModel):
    """One commit of the log; `time` in ms since 1970."""

    version: int = Field(examples=[1])
    author: str = Field(examples=["7d0a5c9e1b3f2468"])
    seq: int = Field(examples=[1])
    user: str | None = Field(examples=["alice"])
    time: int = Field(examples=[1_760_000_000_000])
    operation: LoggedOperation


class EditPage(BaseModel):
    """Commits in order; `version` is the newest there is, `next` the `since` to go on with."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    version: int = Field(examples=[1])
    edits: list[LoggedEdit]
    next: int | None = Field(examples=[1])


class PresenceEntry(BaseModel):
    """What one peer shows of itself; positions in `state` are as of `version`."""

    author: str = Field(examples=["7d0a5c9e1b3f2468"])
    user: str | None = Field(examples=["alice"])
    state: Any = Field(examples=[{"name": "Alice", "selection": {"anchor": 0, "head": 5}}])
    version: int = Field(examples=[1])


class PresenceList(BaseModel):
    """Everybody who shows something."""

    peers: list[PresenceEntry]


class Health(BaseModel):
    """The server is there."""

    status: str = Field(examples=["ok"])


class FieldProblem(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(examples=["body.type"])
    problem: str


class Problem(BaseModel):
    """A refusal (RFC 9457); `code` is stable, the other words are for people."""

    type: str = Field(examples=["urn:collab:problem:document_not_found"])
    title: str = Field(examples=["Document not found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["document_not_found"])
    detail: str
    version: int | None = None
    base: int | None = None
    floor: int | None = None
    seq: int | None = None
    committed_seq: int | None = None
    size: int | None = None
    limit: int | None = None
    retry_after: float | None = None
    state_vector: str | None = None
    errors: list[FieldProblem] | None = None


def row_of(document: Document) -> JsonObject:
    """A document as `DocumentRow` describes it."""
    row = {name: getattr(document, name) for name in DocumentRow.model_fields}
    kept = document.retention
    row["retention"] = {"days": kept.days, "version_minutes": kept.version_minutes}
    return row


AccessName: TypeAlias = Literal["none", "read", "write", "admin"]


def _check_user(user: str) -> str:
    if not user.isprintable():
        raise ValueError("a user is a printable text")
    return user


User: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=200, examples=["ann"]), AfterValidator(_check_user)
]


class NewGrant(Body):
    """A right for a user, a document or both; `*`, or left out, means every one."""

    document: Annotated[str, Field(min_length=1, max_length=200, examples=["notes"])] = ANY
    user: User = ANY
    access: AccessName | None = Field(
        description="`none` refuses whatever the token says; null takes the grant back."
    )


class StoredGrant(BaseModel):
    """A right as it is stored."""

    document: str
    user: str
    access: AccessName | None


class GrantList(BaseModel):
    """Stored rights in order; `next` is what to go on after, null at the end."""

    grants: list[StoredGrant]
    next: str | None
