"""Hypothesis strategies for the messages of the two Yjs protocols, and for frames gone wrong."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from collab.protocols import hocuspocus, lib0
from collab.protocols.ywebsocket import (
    AuthDenied,
    Awareness,
    AwarenessEntry,
    QueryAwareness,
    ServerMessage,
    SharedMessage,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
)

_STATES = st.dictionaries(
    st.text(max_size=8), st.text(max_size=8) | st.integers() | st.none(), max_size=4
).map(json.dumps)
_ENTRIES = st.builds(
    AwarenessEntry,
    st.integers(0, lib0.MAX_UINT),
    st.integers(0, lib0.MAX_UINT),
    st.none() | _STATES,
)

SHARED: st.SearchStrategy[SharedMessage] = st.one_of(
    st.builds(SyncStep1, st.binary()),
    st.builds(SyncStep2, st.binary()),
    st.builds(SyncUpdate, st.binary()),
    st.builds(Awareness, st.lists(_ENTRIES, max_size=5).map(tuple)),
    st.just(QueryAwareness()),
)
Y_SERVER: st.SearchStrategy[ServerMessage] = SHARED | st.builds(AuthDenied, st.text())

ADDRESSES = st.text(min_size=1, max_size=20)
HOCUSPOCUS_CLIENT: st.SearchStrategy[hocuspocus.ClientMessage] = st.one_of(
    SHARED,
    st.builds(hocuspocus.Token, st.text(), st.none() | st.text()),
    st.builds(hocuspocus.Stateless, st.text()),
    st.just(hocuspocus.Leave()),
)
HOCUSPOCUS_SERVER: st.SearchStrategy[hocuspocus.ServerMessage] = st.one_of(
    SHARED,
    st.just(hocuspocus.AskForToken()),
    st.builds(hocuspocus.PermissionDenied, st.text()),
    st.builds(
        hocuspocus.Authenticated, st.sampled_from([hocuspocus.READONLY, hocuspocus.READ_WRITE])
    ),
    st.builds(hocuspocus.Stateless, st.text()),
    st.builds(hocuspocus.Close, st.text()),
    st.builds(hocuspocus.SyncStatus, st.booleans()),
)


@st.composite
def mutated(draw: st.DrawFn, frames: st.SearchStrategy[bytes]) -> bytes:
    """A frame with some bytes changed, put in or left out."""
    frame = bytearray(draw(frames))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(frame)))
        end = draw(st.integers(start, min(start + 3, len(frame))))
        frame[start:end] = draw(st.binary(max_size=3))
    return bytes(frame)
