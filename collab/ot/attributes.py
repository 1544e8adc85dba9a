"""Attribute maps: the formatting that an insert carries and a retain changes.

Owns how two maps combine, to the letter of npm quill-delta 5's AttributeMap. Knows nothing of
operations. A map is a JSON object or None, never empty; `null` as a value takes the attribute
away. Values are compared as JSON values: `true` is not `1`, `1` is `1.0`. Maps are never changed in
place.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Attributes: TypeAlias = dict[str, Any]


def same(a: object, b: object) -> bool:
    """Whether two JSON values are equal as JSON values (Python alone would take True for 1)."""
    return a is b or (a == b and _same_kinds(a, b))


def compose(a: Attributes | None, b: Attributes | None, keep_null: bool) -> Attributes | None:
    """The map that has the effect of `a`, then `b`.

    `keep_null` is for a change that will be applied later; without it the nulls of `b` have done
    their work and are left out.
    """
    if b is None:
        return a
    if keep_null:
        composed = dict(b)
    else:
        composed = {key: value for key, value in b.items() if value is not None}
    if a is not None:
        for key, value in a.items():
            if key not in b:
                composed[key] = value
    return composed or None


def transform(a: Attributes | None, b: Attributes | None, priority: bool) -> Attributes | None:
    """`b` as it has to be after `a`; with `priority`, where both set a key, `a` wins."""
    if a is None or b is None or not priority:
        return b
    return {key: value for key, value in b.items() if key not in a} or None


def invert(change: Attributes | None, base: Attributes | None) -> Attributes | None:
    """The map that undoes `change` on a run that had `base`.

    A container counts as changed even where it equals the old one, as in quill-delta; setting it
    again does no harm.
    """
    if change is None:
        return None
    if base is None:
        return dict.fromkeys(change) or None
    inverted = {
        key: value
        for key, value in base.items()
        if key in change and not _same_scalar(value, change[key])
    }
    for key in change:
        if key not in base:
            inverted[key] = None
    return inverted or None


def diff(a: Attributes | None, b: Attributes | None) -> Attributes | None:
    """The map that turns `a` into `b`, neither of which has a null."""
    if a is b:
        return None
    a = a or {}
    b = b or {}
    removed = {key: None for key in a if key not in b}
    changed = {key: value for key, value in b.items() if key not in a or not same(a[key], value)}
    return {**removed, **changed} or None


def without_nulls(attributes: Attributes | None) -> Attributes | None:
    """What a map says on an insert, where taking an attribute away means nothing."""
    if not attributes:
        return None
    if None not in attributes.values():
        return attributes
    return {key: value for key, value in attributes.items() if value is not None} or None


def _same_kinds(a: object, b: object) -> bool:
    """Of two values that Python takes for equal: whether they differ in no bool against number."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_same_kinds(value, b[key]) for key, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return all(map(_same_kinds, a, b))
    return isinstance(a, bool) == isinstance(b, bool)


def _same_scalar(a: object, b: object) -> bool:
    if isinstance(a, (dict, list)):
        return False
    return a == b and isinstance(a, bool) == isinstance(b, bool)
