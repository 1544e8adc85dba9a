"""A server that wants tokens, and the tokens for it."""

from __future__ import annotations

import time

import httpx
import jwt

from tests.integration.process import ServerProcess

SECRET = "a secret for tests that is long enough"


def token(
    seconds: float | None = None, *, user: str = "ada", name: str = "Ada", **docs: str
) -> str:
    """A token for these documents, or for everything; it expires in so many seconds."""
    claims = {"sub": user, "name": name, "docs": docs or {"*": "admin"}}
    expiry = {} if seconds is None else {"exp": int(time.time() + seconds)}
    return jwt.encode(claims | expiry, SECRET, algorithm="HS256")


def token_for(id: str, right: str, seconds: float | None = None, user: str = "ada") -> str:
    """A token for one document."""
    return token(seconds, user=user, name=user.title(), **{id: right})


def headers() -> dict[str, str]:
    """Those of somebody who may do everything."""
    return {"Authorization": f"Bearer {token(user='root')}"}


def make(running: ServerProcess, id: str, type: str, content: str | None = None) -> str:
    """A new document; the address of its page."""
    body = {"id": id, "type": type} | ({} if content is None else {"content": content})
    answer = httpx.post(f"{running.url}/v1/documents", json=body, headers=headers())
    assert answer.status_code == 201, answer.text
    return f"{running.url}/d/{id}"


def grant(running: ServerProcess, id: str, user: str, access: str) -> None:
    """Change what somebody may do with a document."""
    body = {"document": id, "user": user, "access": access}
    answer = httpx.post(f"{running.url}/v1/access", json=body, headers=headers())
    assert answer.status_code == 200, answer.text
