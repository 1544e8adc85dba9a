"""The shapes of JSON that tells what changed in a document, when and by whom.

Owns field names, bounds and examples. Knows nothing of what is done with the values.
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from collab.web.schemas import JsonObject


class Difference(BaseModel):
    """The operation that turns the content of one version into that of another."""

    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    from_version: int = Field(alias="from", examples=[1])
    to: int = Field(examples=[2])
    root: str | None = Field(description="Of yjs: the root that was compared, `name:type`.")
    operation: list[JsonObject] = Field(examples=[[{"retain": 5}, {"insert": " there"}]])
