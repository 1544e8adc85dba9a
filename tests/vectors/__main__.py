"""Write client.json anew."""

from tests.vectors.recording import FILE, encoded

FILE.write_text(encoded(), encoding="utf-8")
