"""The Yjs example of docs/client-python.md runs as it stands, against the model server."""

from __future__ import annotations

import re
from typing import Any

import pytest

import collab_client
from tests.simulation.virtual import run
from tests.unit.client.test_documentation import PAGE
from tests.unit.client.test_yjs_document import House

(EXAMPLE,) = re.findall(r"^```py\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    house = House()

    def connect(url: str, document: str, *, type: str, **options: Any) -> Any:
        assert type == "yjs"
        return house.connect(**options)

    monkeypatch.setattr(collab_client, "connect", connect)
    names: dict[str, Any] = {"__name__": "example"}
    exec(EXAMPLE, names)
    run(names["main"])
    assert "saved Hello 🌍" in capsys.readouterr().out
