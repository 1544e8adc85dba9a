"""The page that shows who wrote what: nothing that people wrote becomes markup."""

from __future__ import annotations

from collab.formats.attributed import Piece, colour_of, write


def test_pieces_are_marked_up_with_what_is_told_of_them() -> None:
    page = write(
        "a, version 2",
        [
            Piece("kept "),
            Piece("new", "ins", "ann", {"version": 2, "user": "ann", "author": None}),
            Piece("old", "del"),
        ],
    )
    assert "<title>a, version 2</title>" in page
    colour = colour_of("ann")
    assert (
        f'kept <ins class="author-{colour}" data-version="2" data-user="ann">new</ins>'
        "<del>old</del>"
    ) in page
    assert f".author-{colour}{{" in page


def test_everything_is_escaped() -> None:
    page = write("<title>", [Piece("</pre><script>", "ins", "x", {"user": '"><script>'})])
    assert "<script" not in page.partition("<body>")[2]
    assert "&lt;title&gt;" in page
    assert 'data-user="&quot;&gt;&lt;script&gt;"' in page


def test_a_line_end_at_the_start_counts() -> None:
    assert "<pre><!-- -->\n" in write("", [Piece("\nx")])
