"""What the roots of a yjs document are, as several of its states tell together.

Owns the judgement between them. A state tells what is alive in it: what was deleted tells nothing,
and one with little in it may look like something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from collab.types.yjs_guard import RootKind

Root: TypeAlias = tuple[str, RootKind]
"""Name and kind."""

_STRONGEST_FIRST: Final[tuple[RootKind | None, ...]] = ("text", "xml", "array", "map", None)


def joint_kinds(told: Iterable[Mapping[str, RootKind | None]]) -> dict[str, RootKind | None]:
    """Every root that is in one of the states, in order of name, and what it is: of what they say
    that for which there is the strongest evidence."""
    joint: dict[str, RootKind | None] = {}
    for kinds in told:
        for name, kind in kinds.items():
            joint[name] = min(kind, joint.get(name), key=_STRONGEST_FIRST.index)
    return dict(sorted(joint.items(), key=lambda item: item[0]))
