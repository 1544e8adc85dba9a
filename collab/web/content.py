"""A document's content as one resource, with an ETag that names the state it shows."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response

from collab.aside import aside
from collab.errors import Malformed, PreconditionFailed, PreconditionRequired
from collab.protocols.native import MAX_INTEGER
from collab.updates import Updates
from collab.web import schemas
from collab.web.answers import parse_etag, version_headers
from collab.web.bodies import StrictRoute, check_parts, media_type
from collab.web.dependencies import (
    DocumentId,
    IdempotencyKey,
    Reader,
    TheContents,
    TheRegistry,
    WritingCaller,
)
from collab.web.edits import committed_answer
from collab.web.moments import Moment, version_of
from collab.words import Head

router = APIRouter(prefix="/v1/documents/{id}", tags=["content"], route_class=StrictRoute)

_MEDIA_TYPES = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "update": "application/octet-stream",
}
# Clean as it is: shown on its own, a page that people wrote runs nothing and loads only pictures
# and films; its styles are those that the sanitiser lets through.
SANDBOX = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src * data:; media-src *; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
_ENDINGS = {"text": "txt", "json": "json", "html": "html", "markdown": "md", "update": "bin"}
_FORMATS = {
    "text/plain": "text",
    "application/json": "json",
    "text/html": "html",
    "text/markdown": "markdown",
}

# Exactly one (RFC 9110, 8.8.3): what was changed is found by comparing with that state.
_ENTITY_TAG = re.compile(r'(W/)?"[^"]*"')

_DELTA_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"type": "object"},
    "example": [{"insert": "hello"}],
}
_BOTH_MEDIA_TYPES: dict[str, Any] = {
    "text/plain": {"schema": {"type": "string", "example": "hello"}},
    "application/json": {"schema": _DELTA_SCHEMA},
}
_MARKUP_MEDIA_TYPES: dict[str, Any] = {
    "text/html": {"schema": {"type": "string", "example": "<p>hello</p>"}},
    "text/markdown": {"schema": {"type": "string", "example": "# hello"}},
}


@router.get(
    "/content",
    response_class=Response,
    responses={
        200: {
            "content": {
                **_BOTH_MEDIA_TYPES,
                **_MARKUP_MEDIA_TYPES,
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
            "headers": {
                name: {"schema": {"type": "string"}, "description": meaning}
                for name, meaning in (
                    ("ETag", '`"epoch:version"`'),
                    ("Collab-Epoch", "the document's epoch"),
                    ("Collab-Version", "the version the content is from"),
                )
            },
        },
        304: {"description": "The content is still what If-None-Match names."},
    },
)
async def get_content(
    id: DocumentId,
    contents: TheContents,
    registry: TheRegistry,
    caller: Reader,
    format: Annotated[
        str,
        Query(
            max_length=64,
            description="`text` or `json`; of richtext and yjs documents also `html` and "
            "`markdown`, of yjs documents also `update`.",
            examples=["text"],
        ),
    ] = "text",
    version: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    at: Moment = None,
    root: Annotated[
        str | None,
        Query(
            max_length=1000,
            description="Of a yjs document only this root: `name`, or `name:type` with `text`, "
            "`xml`, `map` or `array` as the type, if the content does not tell it.",
            examples=["default:xml"],
        ),
    ] = None,
    state_vector: Annotated[
        str | None,
        Query(description="Base64 of a Yjs state vector: of an `update` only what it lacks."),
    ] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The content at the newest version, or as it was at `version`, or at a moment."""
    version = await version_of(contents, id, version, at)
    vector = None if state_vector is None else _vector_of(state_vector, format)
    if if_none_match is not None:
        head = await contents.head(id)
        shown = Head(head.epoch, head.version if version is None else version)
        if shown.version <= head.version and _matches(if_none_match, shown):
            return Response(status_code=304, headers=version_headers(shown))
    if vector is None:
        content = await contents.content(id, format, version, root=root)
    else:
        content = await Updates(contents, registry).missing(id, vector, version)
    return Response(
        content.body,
        headers={
            **version_headers(Head(content.epoch, content.version)),
            "Content-Disposition": _disposition(id, format),
            **(SANDBOX if format == "html" else {}),
        },
        media_type=_MEDIA_TYPES.get(format, "application/octet-stream"),
    )


@router.put(
    "/content",
    response_model=schemas.CommittedEdit,
    openapi_extra={
        "requestBody": {"required": True, "content": {**_BOTH_MEDIA_TYPES, **_MARKUP_MEDIA_TYPES}}
    },
)
async def put_content(
    id: DocumentId,
    request: Request,
    contents: TheContents,
    caller: WritingCaller,
    key: IdempotencyKey,
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag of the content that is replaced, or `*`.",
            examples=['"5b1c0e5c1d2f3a4b:1"', "*"],
        ),
    ] = None,
) -> Response:
    """Replace the content that If-Match names.

    What changed against it becomes one edit, which is rebased over everything written since; so
    nothing that others type meanwhile is lost. `*` takes the difference against the newest content.
    """
    if if_match is None:
        raise PreconditionRequired("send If-Match: the ETag of the content you replace, or *")
    match = None if if_match.strip() == "*" else expected(if_match)
    format = _FORMATS.get(media_type(request))
    if format is None:
        raise HTTPException(415, f"content is sent as {' or '.join(_FORMATS)}")
    body = await request.body()
    if format == "json":
        await aside(len(body), check_parts, body)
    committed = await contents.replace(id, match, body, format, caller.writer(key))
    # Without an ETag: after a rebase the content is not what was sent, and has to be read.
    return committed_answer(committed)


def _disposition(id: str, format: str) -> str:
    """Shown where a browser can show it, and saved under a name whose ending says what it is."""
    how = "attachment" if format == "update" else "inline"
    return f'{how}; filename="{id}.{_ENDINGS.get(format, "bin")}"'


def _vector_of(text: str, format: str) -> bytes:
    """The state vector in a parameter, in either alphabet of base64; raises Malformed."""
    if format != "update":
        raise Malformed("a state vector is for the format update")
    spelt = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(spelt + "=" * (-len(spelt) % 4), validate=True)
    except ValueError:
        raise Malformed("the state vector is not base64") from None


def expected(if_match: str) -> Head:
    """The state that If-Match names; raises Malformed, or PreconditionFailed for a tag that is none
    of ours."""
    if not _ENTITY_TAG.fullmatch(if_match.strip()):
        raise Malformed('If-Match is one entity tag, such as "epoch:version", or *')
    try:
        return parse_etag(if_match)
    except Malformed:
        raise PreconditionFailed("If-Match names nothing that this content ever was") from None


def _matches(if_none_match: str, head: Head) -> bool:
    """Whether one of the listed tags is this state's; what is no tag of ours matches nothing."""
    if if_none_match.strip() == "*":
        return True
    for tag in if_none_match.split(","):
        try:
            if parse_etag(tag) == head:
                return True
        except Malformed:
            continue
    return False
