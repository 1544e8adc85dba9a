"""Who may look at everything of this machine, also when something is wrong with it."""

from __future__ import annotations

import anyio

from collab.errors import StoreFailure, Unavailable
from collab.scrape import STORE_SECONDS
from collab.web.dependencies import Caller
from collab.words import ANY


async def check_operator(caller: Caller) -> None:
    """Raises NotAllowed unless the caller administers everything. While the store cannot say
    whether a right was taken back, which is when looking is needed most, what the caller's token or
    key says counts alone."""
    try:
        with anyio.move_on_after(STORE_SECONDS):
            await caller.check_admin(ANY)
            return
        raise StoreFailure("the store does not answer")
    except Unavailable:
        if not caller.principal.administers_everything:
            raise
