"""Where large Yjs updates are tried before they come near a document.

Owns when that happens. What survives is judged by a process of its own (`types/yjs_trial.py`).
"""

from __future__ import annotations

import anyio.to_thread
from starlette.datastructures import State

from collab.errors import Malformed
from collab.protocols import ywebsocket
from collab.types.yjs_trial import TRIAL_BYTES, Trial
from collab.yjs_peer import Heard


def is_tried(message: Heard) -> bool:
    """Whether the message has to be tried first."""
    return (
        isinstance(message, (ywebsocket.SyncUpdate, ywebsocket.SyncStep2))
        and len(message.update) > TRIAL_BYTES
    )


async def tried(message: Heard, state: State) -> Heard:
    """The message, if it may be handed on; raises Malformed for an update that kills pycrdt."""
    match message:
        case ywebsocket.SyncStep2(update=update) | ywebsocket.SyncUpdate(update=update):
            await try_update(update, state)
    return message


async def try_update(update: bytes, state: State) -> None:
    """Return if the update may come near a document; raises Malformed."""
    if len(update) <= TRIAL_BYTES:
        return
    trial: Trial = state.trial
    if not await anyio.to_thread.run_sync(trial.survives, update):
        raise Malformed("the update cannot be applied")
