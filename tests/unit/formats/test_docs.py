"""The example in docs/formats.md is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from collab.formats import html, markdown, quill
from collab.ot.delta import Delta

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()


def test_the_example_is_true() -> None:
    json = re.search(r"^    (\[\{.*?\}\])$", PAGE, re.DOTALL | re.MULTILINE)
    shown_html = re.search(r"```html\n(.*?)```", PAGE, re.DOTALL)
    shown_markdown = re.search(r"```markdown\n(.*?)```", PAGE, re.DOTALL)
    assert json is not None
    assert shown_html is not None
    assert shown_markdown is not None
    document = msgspec.json.decode(json[1], type=Delta)
    tree = quill.read(document)
    assert html.write(tree) == shown_html[1]
    assert markdown.write(tree) == shown_markdown[1]
    assert quill.write(html.read(shown_html[1])) == document
    assert quill.write(markdown.read(shown_markdown[1])) == document
