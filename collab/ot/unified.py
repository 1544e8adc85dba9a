"""What became of the lines of a text, in the format of `diff -u`, which `patch` can apply.

Owns the format and the choice of unchanged lines, in bounded time. Knows nothing of documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collab.ot.myers import Budget, Hunk, common_prefix, hunks

_CONTEXT_LINES = 3
# Beyond these everything between the first and the last difference counts as replaced.
_MAX_STEPS = 300_000
_MAX_EDITS = 2000


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """The difference between two texts, empty if there is none. Names hold no line end.

    A line ends with LF and with nothing else; a last one without is marked as `diff` does.
    """
    old_lines, new_lines = _lines(old), _lines(new)
    pieces: list[str] = []
    for group in _grouped(_changes(old_lines, new_lines)):
        if not pieces:
            pieces += [f"--- {old_name}\n", f"+++ {new_name}\n"]
        pieces += _written(group, old_lines, new_lines)
    return "".join(pieces)


def _lines(text: str) -> list[str]:
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _changes(old: Sequence[str], new: Sequence[str]) -> list[Hunk]:
    ids: dict[str, int] = {}
    a = [ids.setdefault(line, len(ids)) for line in old]
    b = [ids.setdefault(line, len(ids)) for line in new]
    found = hunks(a, b, _MAX_EDITS, Budget(_MAX_STEPS))
    if found is not None:
        return found
    prefix = common_prefix(a, b)
    suffix = common_prefix(a[prefix:][::-1], b[prefix:][::-1])
    return [Hunk(prefix, len(a) - suffix, prefix, len(b) - suffix)]


def _grouped(changes: Sequence[Hunk]) -> Iterator[list[Hunk]]:
    """Changes that are shown together, as the lines around them touch."""
    group: list[Hunk] = []
    for change in changes:
        if group and change.a_start - group[-1].a_end > 2 * _CONTEXT_LINES:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _written(group: Sequence[Hunk], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    before = min(_CONTEXT_LINES, first.a_start)
    after = min(_CONTEXT_LINES, len(old) - last.a_end)
    old_range = _range(first.a_start - before, last.a_end + after)
    new_range = _range(first.b_start - before, last.b_end + after)
    yield f"@@ -{old_range} +{new_range} @@\n"
    at = first.a_start - before
    for change in group:
        yield from _marked(" ", old[at : change.a_start])
        yield from _marked("-", old[change.a_start : change.a_end])
        yield from _marked("+", new[change.b_start : change.b_end])
        at = change.a_end
    yield from _marked(" ", old[at : at + after])


def _range(start: int, end: int) -> str:
    """Lines as a head names them: the first is 1, and of none the one before is named."""
    count = end - start
    first = start + 1 if count else start
    return f"{first}" if count == 1 else f"{first},{count}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line
        if not line.endswith("\n"):
            yield "\n\\ No newline at end of file\n"
