"""Which file is which document, there and back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collab.commands.transfer import Found, file_of, find


def test_what_is_found_has_the_name_of_its_place_and_what_is_not_a_reason(tmp_path: Path) -> None:
    (tmp_path / "s1" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    for name in ("b.txt", "s1/n.txt", "s1/.hidden", "s1/deep/d"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("b.txt")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert [(found.name, found.skipped) for found in find([tmp_path])] == [
        (".git", "hidden"),
        ("b.txt", ""),
        ("broken", "broken link"),
        ("link", ""),
        ("loop", "linked directory"),
        ("pipe", "special file"),
        ("s1:.hidden", "hidden"),
        ("s1:deep:d", ""),
        ("s1:n.txt", ""),
    ]
    file = tmp_path / "s1" / "n.txt"
    assert list(find([file])) == [Found(file, "n.txt")]


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("notes", "notes"),
        ("s1:n.txt", "s1/n.txt"),
        ("a:b:c", "a/b/c"),
        ("a:..:..:b", "a:..:..:b"),
        ("a:.b", "a:.b"),
        ("a::b", "a::b"),
        ("a:", "a:"),
        ("taken:b", "taken:b"),
        ("up:taken:b", "up:taken:b"),
    ],
)
def test_an_id_is_a_path_where_it_can_be_one(id: str, path: str) -> None:
    assert file_of(id, {id, "taken", "up:taken"}) == Path(path)
