"""API keys: what the settings may list, what is made, and whose a key is."""

from __future__ import annotations

import hashlib

import pytest

from collab.api_keys import holder_of, make_api_key, read_api_keys
from collab.errors import ConfigurationError, Malformed
from collab.logs import REDACTED, redact

PLAIN = "a-key-of-thirty-two-characters-!"
HASH = hashlib.sha256(PLAIN.encode()).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        f"ci={PLAIN}",
        f"ci=sha256:{HASH}",
        f"ci=sha256:{HASH.upper()}",
        f" other=sha256:{'0' * 64} ,, ci={PLAIN} ,",
    ],
)
def test_a_key_is_its_holders_however_it_is_listed(text: str) -> None:
    keys = read_api_keys(text)
    assert holder_of(keys, PLAIN) == "ci"
    for sent in (PLAIN[:-1], f"{PLAIN}=", HASH, f"sha256:{HASH}", "ci", "", "é", "\ud800"):
        assert holder_of(keys, sent) is None


def test_a_key_may_have_equals_signs_in_it() -> None:
    assert holder_of(read_api_keys(f"ci={PLAIN}=="), f"{PLAIN}==") == "ci"


def test_a_name_may_have_two_keys_while_one_replaces_the_other() -> None:
    keys = read_api_keys(f"ci={PLAIN},ci={PLAIN}2")
    assert [holder_of(keys, sent) for sent in (PLAIN, f"{PLAIN}2")] == ["ci", "ci"]


def test_what_is_made_lets_in() -> None:
    key, entry = make_api_key("ci")
    assert entry.startswith("ci=sha256:")
    assert key not in entry
    assert len(key) >= 48
    assert holder_of(read_api_keys(entry), key) == "ci"
    assert make_api_key("ci")[0] != key


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a,b", "é", "*", "-a", "x" * 65, "a\n", "a:b"])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(Malformed, match="name of an API key"):
        make_api_key(name)
    if "=" not in name:  # what follows the first one is the key
        with pytest.raises(ConfigurationError, match="COLLAB_API_KEYS"):
            read_api_keys(f"{name}={PLAIN}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no key"),
        (" , ,", "lists no key"),
        (PLAIN, "entry 1 of COLLAB_API_KEYS is not NAME="),
        (f"ok={PLAIN},{PLAIN}", "entry 2 of COLLAB_API_KEYS is not NAME="),
        (f"ci={PLAIN[:-1]}", "32 or more visible"),
        ("ci=", "32 or more visible"),
        (f"ci={PLAIN} x", "32 or more visible"),
        (f"ci={PLAIN}é", "32 or more visible"),
        (f"ci=sha256:{HASH[:-1]}", "not 64 hexadecimal digits"),
        (f"ci=sha256:{HASH}0", "not 64 hexadecimal digits"),
        (f"ci=sha256:{PLAIN}{PLAIN}", "not 64 hexadecimal digits"),
        (f"={PLAIN}", "the name in entry 1"),
    ],
)
def test_what_is_wrong_is_said_without_the_key(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_api_keys(text)
    assert PLAIN[:-1] not in str(caught.value)
    assert HASH[:-1] not in str(caught.value)


def test_keys_are_not_shown_by_accident() -> None:
    assert PLAIN not in repr(read_api_keys(f"ci={PLAIN}"))
    key, _ = make_api_key("ci")
    line = {"event": f"GET /x?token={key}&a", "authorization": key}
    cut = {"event": f"GET /x?token={REDACTED}&a", "authorization": REDACTED}
    assert redact(None, "info", line) == cut
