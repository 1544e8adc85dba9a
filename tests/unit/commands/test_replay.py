"""What `replay` says of a file that it cannot play."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from collab.commands.remote import CommandError
from collab.commands.replay import replay

_TRACE = gzip.compress(b'{"endContent": "", "txns": []}')


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("absent.json", None, "cannot be read: No such file or directory"),
        (".", None, "cannot be read: Is a directory"),
        ("text.json", b"Dear diary", "is not an editing trace: JSON is malformed"),
        ("cut.json.gz", _TRACE[:-9], "is not an editing trace: Compressed file ended"),
        ("bent.json.gz", _TRACE[:10] + b"\xff" * 20, "is not an editing trace: Error -3"),
        ("list.json", b"[]", "is not an editing trace: Expected `object`"),
    ],
)
def test_a_file_that_is_no_trace_is_one_line(
    tmp_path: Path, name: str, raw: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(CommandError) as caught:
        replay(path, "d", 2, "http://127.0.0.1:9", None)
    assert str(caught.value).startswith(f"{path} {said}")
    assert "\n" not in str(caught.value)
