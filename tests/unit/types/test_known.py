"""Types are found by name."""

from __future__ import annotations

import pytest

from collab.errors import WrongType
from collab.types.delta import RICHTEXT, TEXT
from collab.types.known import document_type


def test_types_are_found_by_name() -> None:
    assert document_type("text") is TEXT
    assert document_type("richtext") is RICHTEXT


@pytest.mark.parametrize("name", ["", "Text", "html"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(WrongType, match="richtext, text"):
        document_type(name)
