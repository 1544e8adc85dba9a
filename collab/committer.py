"""Group commit: gathers the batches of all sessions of this node into one store transaction.

While one transaction is under way the next gathers, so load makes transactions bigger instead of
queues longer. Knows nothing of what the batches hold.
"""

from __future__ import annotations

import asyncio

import structlog

from collab.errors import StoreFailure
from collab.measured import store_call
from collab.metrics import GROUP_DOCUMENTS
from collab.storage import Append, AppendResult, Store
from collab.wakeup import Wakeup

_log = structlog.stdlib.get_logger(__name__)


class _Pending:
    __slots__ = ("batch", "done", "failure", "result")

    def __init__(self, batch: Append, loop: asyncio.AbstractEventLoop) -> None:
        self.batch = batch
        self.done: asyncio.Future[None] = loop.create_future()
        self.result: AppendResult | None = None
        self.failure = StoreFailure("the server stopped before the store answered")


class Committer:
    """One task per node. A session has at most one batch in it, so it is bounded by sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[_Pending] = []
        self._wakeup = Wakeup()
        self._loop = asyncio.get_running_loop()

    async def append(self, batch: Append) -> AppendResult:
        """Append durably; raises StoreFailure when nobody knows whether it happened."""
        pending = _Pending(batch, self._loop)
        self._pending.append(pending)
        self._wakeup.set()
        await pending.done
        if pending.result is None:
            raise pending.failure
        return pending.result

    async def run(self) -> None:
        """Commit until cancelled; whoever is waiting then gets StoreFailure."""
        while True:
            await self._wakeup.wait()
            group, self._pending = self._pending, []
            try:
                await self._commit(group)
            finally:
                for pending in group:
                    if not pending.done.done():  # its session may be gone
                        pending.done.set_result(None)

    async def _commit(self, group: list[_Pending]) -> None:
        GROUP_DOCUMENTS.observe(len(group))
        try:
            with store_call("append", documents=len(group)):
                results = await self._store.append([pending.batch for pending in group])
            for pending, result in zip(group, results, strict=True):
                pending.result = result
        except StoreFailure as failure:
            _log.error("append failed", documents=len(group), reason=str(failure))
            for pending in group:
                pending.failure = failure
        except Exception:
            # A defect of an adapter ends the sessions of this group, not the node.
            _log.exception("append raised", documents=len(group))
