"""The shapes of what the inspector answers, for OpenAPI and its readers."""

from __future__ import annotations

from pydantic import BaseModel, Field

_NODE = Field(examples=["host-4711"], description="The worker: host name and process id.")


class CommitTimes(BaseModel):
    """Milliseconds from taking a batch of edits to its answers, of the newest 64 batches."""

    p50: float = Field(examples=[0.9])
    p99: float = Field(examples=[4.2])


class _Load(BaseModel):
    version: int = Field(examples=[12])
    snapshot_version: int = Field(examples=[10])
    peers: int = Field(examples=[3])
    lag: int = Field(examples=[0], description="Versions that the slowest peer is behind.")
    waiting: int = Field(examples=[0], description="Edits without a place in the log.")
    edits_per_second: float = Field(examples=[2.4])
    commit_ms: CommitTimes | None = Field(description="Null if nothing was committed lately.")
    held_bytes: int = Field(
        examples=[14_210], description="The content and the newest commits, about."
    )


class DocumentOnWorker(_Load):
    """A document as one worker has it open."""

    node: str = _NODE


class InspectedDocument(_Load):
    """A document that is open on this machine: sums over its workers, or the worst of them."""

    id: str = Field(examples=["notes"])
    type: str = Field(examples=["text"])
    epoch: str = Field(examples=["5b1c0e5c1d2f3a4b"])
    floor: int = Field(examples=[0])
    workers: list[DocumentOnWorker]


class InspectedWorker(BaseModel):
    """A worker of this machine, with all that it has open."""

    node: str = _NODE
    draining: bool
    documents: int
    peers: int
    lag: int = Field(description="Versions that its slowest peer is behind.")
    waiting: int
    edits_per_second: float
    commit_p99_ms: float | None = Field(description="Of the document where it is highest.")
    longest_stall_ms: int = Field(description="Of its event loop, in the last ten minutes.")
    memory_bytes: int | None = Field(description="Null where the system does not tell.")


class InspectedMachine(BaseModel):
    """The workers of this machine, and a page of the documents that are open."""

    workers: list[InspectedWorker]
    silent: int = Field(description="Workers that live, but did not answer in time.")
    documents: list[InspectedDocument]
    total: int = Field(description="Documents that are as asked for.")
    left_out: int = Field(description="More of them, too many for their workers to tell of.")
    next: int | None = Field(description="The `offset` of the following page.")


class InspectedPeer(BaseModel):
    """A connection to a document; times in ms since 1970."""

    connection: str = Field(examples=["9f1c0b1e5a2d"], description="As in the log.")
    node: str = _NODE
    user: str | None = Field(examples=["ann"])
    name: str | None = Field(examples=["Ann"])
    author: str = Field(examples=["7d0a5c9e1b3f2468"])
    protocol: str = Field(examples=["native"], description="`native`, `sse`, `yjs`, `hocuspocus`")
    access: str = Field(examples=["write"])
    address: str | None = Field(examples=["192.0.2.7"])
    since: int = Field(examples=[1_760_000_000_000])
    version: int = Field(examples=[12], description="Up to where it has been told.")
    lag: int = Field(examples=[0], description="Versions that it is behind.")
    behind_since: int | None = Field(description="Since when; null if it is not.")
    unanswered: int = Field(description="Edits of it that wait for their answer.")
    waiting_frames: int = Field(description="Answers that wait until it reads.")
    waiting_bytes: int | None = Field(
        description="Sent, and not taken by the system yet; null if unknown."
    )


class InspectedPeople(BaseModel):
    """A document and a page of who is at it; `document` is null if it is not open here."""

    document: InspectedDocument | None
    quarantined: bool | None = Field(description="Null while the store does not say.")
    peers: list[InspectedPeer]
    total: int
    left_out: int = Field(description="More of them, too many for their workers to tell of.")
    silent: int = Field(description="Workers that live, but did not answer in time.")
    next: int | None = Field(description="The `offset` of the following page.")


class QuarantineList(BaseModel):
    """Ids of documents in quarantine, in order; `next` is the `after` of the following page."""

    documents: list[str]
    next: str | None
