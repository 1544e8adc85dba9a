"""What a peer is told at its start, and whenever it has to start afresh.

Owns the choice between going on from a client's version and a snapshot. Sends nothing itself.
"""

from __future__ import annotations

import msgspec

from collab.presence import Presence
from collab.protocols import native
from collab.session import Session
from collab.settings import Settings
from collab.words import Access


class Greeter:
    """Makes the greetings of one author at one document."""

    def __init__(self, session: Session, author: str, settings: Settings) -> None:
        self._session = session
        self._author = author
        self._settings = settings

    async def greet(self, hello: native.Hello, access: Access) -> native.Welcome | native.Reset:
        """Welcome with the commits since the client's version, or with contents; or a reset."""
        session = self._session
        if hello.epoch is None or hello.version is None:
            # It may have seen commits of another node and not say so: it must not go back.
            await session.refresh()
            return self._welcome(access)
        if hello.epoch != session.epoch:
            return self.reset(access)
        if hello.version > session.version:
            # It has seen a commit of another node.
            await session.refresh()
        if not session.floor <= hello.version <= session.version:
            return self.reset(access)
        commits = await session.commits_after(hello.version, self._settings.max_rebase_commits)
        if commits is None:
            return self.reset(access)
        return native.Welcome(
            epoch=session.epoch,
            version=commits[-1].version if commits else hello.version,
            document_type=session.type.name,
            access=access_name(access),
            author=self._author,
            limits=self._limits(),
            presence=present(session),
            committed=self._committed(),
            forgotten=self._forgotten(),
            edits=[native.edit_event(commit) for commit in commits],
        )

    def reset(self, access: Access, placed: native.Named | None = None) -> native.Reset:
        """A fresh start from what is committed now.

        `placed` is the author's newest commit that its connection knows of: the session may have
        forgotten it meanwhile.
        """
        session = self._session
        committed = self._committed() or placed
        return native.Reset(
            epoch=session.epoch,
            version=session.version,
            document_type=session.type.name,
            access=access_name(access),
            author=self._author,
            limits=self._limits(),
            presence=present(session),
            contents=msgspec.Raw(session.contents()),
            committed=committed,
            forgotten=0 if committed else session.forgotten,
        )

    def _welcome(self, access: Access) -> native.Welcome:
        session = self._session
        return native.Welcome(
            epoch=session.epoch,
            version=session.version,
            document_type=session.type.name,
            access=access_name(access),
            author=self._author,
            limits=self._limits(),
            presence=present(session),
            committed=self._committed(),
            forgotten=self._forgotten(),
            contents=msgspec.Raw(session.contents()),
        )

    def _committed(self) -> native.Named | None:
        committed = self._session.committed_by(self._author)
        return native.Named(*committed) if committed else None

    def _forgotten(self) -> int:
        known = self._session.committed_by(self._author) is not None
        return 0 if known else self._session.forgotten

    def _limits(self) -> native.Limits:
        settings = self._settings
        return native.Limits(
            frame_bytes=settings.max_frame_bytes,
            document_bytes=settings.max_document_bytes,
            presence_bytes=settings.max_presence_bytes,
        )


def access_name(access: Access) -> str:
    """A right as the wire calls it."""
    return access.name.lower()


def present(session: Session) -> list[native.PresenceEntry]:
    """Everybody's presence as the wire has it."""
    return [presence_entry(presence) for presence in session.presence.everyone()]


def presence_entry(presence: Presence) -> native.PresenceEntry:
    """One presence as the wire has it."""
    return native.PresenceEntry(presence.author, presence.user, presence.state, presence.version)
