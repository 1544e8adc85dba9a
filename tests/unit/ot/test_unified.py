"""Unified diffs: what `diff -u` would write, and what `patch` makes of it."""

from __future__ import annotations

from collab.ot.unified import unified


def difference(old: str, new: str) -> str:
    return unified(old, new, "a", "b")


def test_equal_texts_have_no_difference() -> None:
    assert difference("", "") == difference("one\ntwo", "one\ntwo") == ""


def test_a_changed_line_is_shown_among_its_neighbours() -> None:
    old = "".join(f"{n}\n" for n in range(1, 10))
    assert difference(old, old.replace("5", "five")) == (
        "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
    )


def test_changes_far_apart_are_shown_apart_and_near_ones_together() -> None:
    lines = [f"{n}\n" for n in range(30)]
    near = [*lines[:10], "x\n", *lines[10:16], "y\n", *lines[16:]]
    assert difference("".join(lines), "".join(near)).count("@@ -") == 1
    far = [*lines[:10], "x\n", *lines[10:17], "y\n", *lines[17:]]
    assert difference("".join(lines), "".join(far)).count("@@ -") == 2


def test_from_and_to_nothing() -> None:
    assert difference("", "x\n") == "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n"
    assert difference("x\n", "") == "--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n"


def test_a_missing_line_end_is_told() -> None:
    assert difference("x", "x\n") == (
        "--- a\n+++ b\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n"
    )


def test_only_a_line_feed_ends_a_line() -> None:
    assert difference("a\u2028b\rc\n", "a\u2028b\rd\n").count("\n-") == 1


def test_texts_without_anything_in_common_are_replaced_whole() -> None:
    old, new = "".join(f"a{n}\n" for n in range(5000)), "".join(f"b{n}\n" for n in range(5000))
    found = difference(f"same\n{old}end\n", f"same\n{new}end\n").splitlines()
    assert found[2] == "@@ -1,5002 +1,5002 @@"
    assert found[3] == " same"
    assert found[-1] == " end"
    assert len(found) == 3 + 2 + 10_000
