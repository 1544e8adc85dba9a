"""A key set is read strictly: what cannot check tokens, or should not, is passed over."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab.web.keys import MAX_KEY_SET_BYTES, MAX_KEYS, MAX_TRIED, UnusableKeySet, read_key_set
from tests.unit.web.key_pairs import key_set, pair

GOOD = pair("ES256").told(kid="good")


def names(raw: bytes, algorithm: str, id: str | None = None) -> list[str | None]:
    return [each.id for each in read_key_set(raw).find(id, algorithm)]


def usable(*keys: Any) -> set[str | None]:
    """The ids of the keys that some algorithm can be checked with, beside a good one."""
    found = read_key_set(key_set(GOOD, *keys))
    every = ("HS256", "RS256", "PS384", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "none")
    return {each.id for name in every for each in found.find(None, name)} - {"good"}


@pytest.mark.parametrize(
    ("algorithm", "fits"),
    [
        ("RS256", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        ("ES256", ["ES256"]),
        ("ES384", ["ES384"]),
        ("ES512", ["ES512"]),
        ("EdDSA", ["EdDSA"]),
    ],
)
def test_the_kind_of_a_key_decides_what_it_checks(algorithm: str, fits: list[str]) -> None:
    raw = key_set(pair(algorithm).told(kid="k"))
    every = [*fits, "RS256", "ES256", "ES384", "ES512", "EdDSA", "HS256", "none", "ES256K", ""]
    assert {each for each in every if names(raw, each)} == set(fits)


def test_a_key_that_names_its_algorithm_checks_no_other() -> None:
    raw = key_set(pair("RS256").told(alg="RS384"))
    assert [len(names(raw, each)) for each in ("RS256", "RS384", "PS384")] == [0, 1, 0]


def test_both_names_of_ed25519_are_one_algorithm() -> None:
    assert names(key_set(pair("EdDSA").told(kid="e", alg="Ed25519")), "EdDSA") == ["e"]


def test_a_token_that_names_a_key_is_checked_with_that_alone() -> None:
    raw = key_set(pair("ES256").told(kid="a"), pair("ES256", 1).told(kid="b"), pair("EdDSA").told())
    assert names(raw, "ES256", "b") == ["b"]
    assert names(raw, "ES256", "c") == []
    assert names(raw, "EdDSA", "b") == []
    assert names(raw, "ES256") == ["a", "b"]
    assert names(raw, "EdDSA") == [None]
    assert [read_key_set(raw).knows(id) for id in ("a", "b", "c")] == [True, True, False]


def test_of_many_keys_a_token_has_to_name_one() -> None:
    keys = [pair("ES256").told(kid=str(number)) for number in range(MAX_TRIED + 1)]
    assert len(names(key_set(*keys[:-1]), "ES256")) == MAX_TRIED
    assert names(key_set(*keys), "ES256") == []
    assert names(key_set(*keys), "ES256", "3") == ["3"]


@pytest.mark.parametrize(
    "told",
    [
        {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode()},
        {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode(), "alg": "HS256"},
        pair("ES256").told_private(),
        pair("EdDSA").told_private(),
        pair("RS256").told_private(),
        pair("RS256", bits=1024).told(),
        pair("ES256K").told(),
        pair("Ed448").told(),
        pair("ES256").told(use="enc"),
        pair("ES256").told(use=["sig"]),
        pair("ES256").told(key_ops=["sign"]),
        pair("ES256").told(key_ops="verify"),
        pair("ES256").told(alg="ES384"),
        pair("ES256").told(alg="HS256"),
        pair("ES256").told(alg="none"),
        pair("ES256").told(alg=["ES256"]),
        pair("ES256").told(alg=""),
        pair("ES256").told(kid=7),
        pair("ES256").told(crv=None),
        pair("ES256").told(crv="P-384"),
        pair("ES256").told(crv=["P-256"]),
        pair("ES256").told(kty=None),
        pair("ES256").told(kty="RSA"),
        pair("ES256").told(x=None),
        pair("ES256").told(x=1),
        pair("ES256").told(x="AAAA"),
        pair("ES256").told(y="!"),
        pair("RS256").told(n=None),
        pair("RS256").told(n=""),
        pair("RS256").told(e="AA"),
        pair("RS256").told(e=65537),
        {},
        [],
        "key",
        None,
    ],
    ids=lambda told: str(told)[:60],
)
def test_what_cannot_or_should_not_check_tokens_is_passed_over(told: Any) -> None:
    if isinstance(told, dict):
        told = {"kid": "bad", **told}
    assert usable(told) == set()
    with pytest.raises(UnusableKeySet, match="no key"):
        read_key_set(key_set(told))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b"[]",
        b"null",
        b'{"keys":{}}',
        b'{"keys":[]}',
        b"{}",
        key_set(*[GOOD] * (MAX_KEYS + 1)),
        key_set(GOOD) + b" " * MAX_KEY_SET_BYTES,
    ],
    ids=lambda raw: raw[:20].decode(errors="replace"),
)
def test_what_is_no_set_is_refused(raw: bytes) -> None:
    with pytest.raises(UnusableKeySet):
        read_key_set(raw)


_scalars = st.none() | st.booleans() | st.integers(-5, 2**53) | st.text(max_size=8)
_members = st.sampled_from(["kty", "crv", "alg", "kid", "use", "key_ops", "n", "e", "x", "y"])
_values = (
    _scalars | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "RS256", "sig"])
) | st.lists(_scalars, max_size=2)


@given(st.lists(st.dictionaries(_members, _values) | _scalars, max_size=3))
def test_no_set_breaks_the_reader(keys: list[Any]) -> None:
    assert usable(*keys) == set()  # the numbers are all too short
