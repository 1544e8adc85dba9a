"""A token says who somebody is and what they may do, or nothing at all."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import warnings
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from collab.errors import ConfigurationError, NotSignedIn, Unavailable
from collab.rights import Principal
from collab.settings import load_settings
from collab.tokens import MAX_PATTERNS, MAX_TOKEN_LENGTH
from collab.web import auth
from collab.web.auth import Authenticator, bearer
from collab.words import Access
from tests.unit.web.key_pairs import KeyPair, key_set, pair

pytestmark = pytest.mark.anyio

KEY = "a key that is long enough for HS256"
ASYMMETRIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ASYMMETRIC += ["ES256", "ES384", "ES512", "EdDSA"]
KINDS = ["RS256", "ES256", "ES384", "ES512", "EdDSA"]
NO_TOKEN = "the token does not hold"


async def read(sent: str | None, **settings: Any) -> Principal:
    """Whom a token stands for, if tokens are signed with KEY."""
    return await Authenticator(load_settings(secret_key=KEY, **settings)).authenticate(sent)


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode(claims, key, algorithm)


async def refused(sent: str, **settings: Any) -> str:
    return await refused_by(Authenticator(load_settings(secret_key=KEY, **settings)), sent)


async def refused_by(authenticator: Authenticator, sent: str) -> str:
    """The words of a refusal."""
    with pytest.raises(NotSignedIn) as caught:
        await authenticator.authenticate(sent)
    assert sent not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_in_development_mode_everyone_may_write() -> None:
    for sent in (None, "", "anything", token(docs={})):
        principal = await Authenticator(load_settings()).authenticate(sent)
        assert (principal.user, principal.right("any")) == (None, Access.WRITE)


# What a token says ---------------------------------------------------------------------------


async def test_a_token_says_who_and_what() -> None:
    ada = await read(
        token(
            sub="ada",
            name="Ada L.",
            docs={"notes": "read", "team:*": "write", "own": "admin", "team:x": "none"},
        )
    )
    assert (ada.user, ada.name, ada.expires) == ("ada", "Ada L.", None)
    assert ada.right("notes") == Access.READ
    assert ada.right("notes2") is None
    assert ada.right("team:a") == Access.WRITE
    assert ada.right("team:") == Access.WRITE
    assert ada.right("team") is None
    assert ada.right("own") == Access.ADMIN
    assert ada.right("team:x") is Access.NONE


async def test_of_all_patterns_that_match_the_highest_right_counts() -> None:
    ada = await read(token(docs={"*": "read", "a*": "admin", "ab": "write"}))
    assert [ada.right(id) for id in ("b", "a", "ab")] == [Access.READ, Access.ADMIN, Access.ADMIN]


@pytest.mark.parametrize("refusal", ["none", False, None])
async def test_a_right_can_be_refused(refusal: Any) -> None:
    ada = await read(token(docs={"*": "admin", "secret:*": refusal}))
    assert ada.right("secret:a") is Access.NONE
    assert ada.right("a") is Access.ADMIN
    assert not ada.administers_everything


async def test_only_a_star_at_the_end_is_a_wildcard() -> None:
    ada = await read(token(docs={"*a": "write", "?": "write", "[b]": "write"}))
    assert [ada.right(id) for id in ("a", "xa", "b")] == [None] * 3


async def test_without_a_claim_there_is_no_right() -> None:
    nobody = await read(token())
    assert (nobody.user, nobody.name, nobody.right("a")) == (None, None, None)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ""},
        {"sub": "x" * 201},
        {"sub": "a\nb"},
        {"sub": "a\ud800"},
        {"sub": "*"},
        {"sub": "api:ci"},
        {"sub": 7},
        {"sub": ["ada"]},
        {"name": 7},
        {"name": "a\u0000"},
        {"docs": ["*"]},
        {"docs": {"*": "owner"}},
        {"docs": {"*": "READ"}},
        {"docs": {"*": True}},
        {"docs": {"*": 0}},
        {"docs": {"*": 3}},
        {"docs": {"*": ["read"]}},
        {"docs": {"*": {}}},
        {"docs": "*"},
        {"docs": None},
        {"docs": dict.fromkeys(map(str, range(MAX_PATTERNS + 1)))},
    ],
    ids=lambda claims: repr(claims)[:60],
)
async def test_claims_of_another_shape_are_refused_by_name(claims: dict[str, Any]) -> None:
    assert f"`{next(iter(claims))}`" in await refused(token(**claims))


@pytest.mark.parametrize("claim", ["exp", "nbf"])
@pytest.mark.parametrize("value", ["soon", [], {}, float("inf"), float("nan")], ids=repr)
async def test_a_time_that_is_none_does_not_hold(claim: str, value: Any) -> None:
    assert await refused(token(**{claim: value})) == NO_TOKEN


async def test_claims_that_are_no_object_do_not_hold() -> None:
    for payload in (b"[]", b"null", b"{", b"\xff", b"[" * 5000):
        assert await refused(signed({"alg": "HS256"}, payload, KEY.encode())) == NO_TOKEN


async def test_a_thousand_patterns_are_not_too_many() -> None:
    sent = token(docs=dict.fromkeys(map(str, range(MAX_PATTERNS))))
    assert len((await read(sent)).rights) == MAX_PATTERNS


# Whether it holds ----------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [None, ""])
async def test_with_a_key_a_token_is_needed(sent: str | None) -> None:
    with pytest.raises(NotSignedIn, match="a token is needed"):
        await read(sent)


async def test_a_token_holds_until_it_expires() -> None:
    now = int(time.time())
    ada = await read(token(sub="a", exp=now + 60))
    assert (ada.user, ada.expires) == ("a", (now + 60) * 1000)
    assert await refused(token(exp=now - 1)) == "the token has expired"
    assert await refused(token(nbf=now + 60)) == "the token is not valid yet"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signatures were checked."""
    checked: list[str] = []
    decode = jwt.decode

    def watched(sent: str, *args: Any, **kwargs: Any) -> Any:
        checked.append(sent)
        return decode(sent, *args, **kwargs)

    monkeypatch.setattr(jwt, "decode", watched)
    return checked


async def test_a_token_is_proved_once_and_ends_all_the_same(
    checks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    authenticator = Authenticator(load_settings(secret_key=KEY))
    ends, lasts = token(sub="ann", exp=now + 100), token(sub="ben")
    for _ in range(3):
        assert (await authenticator.authenticate(ends)).user == "ann"
        assert (await authenticator.authenticate(lasts)).user == "ben"
    assert checks == [ends, lasts]
    monkeypatch.setattr(auth, "time", lambda: now + 99.9)
    assert (await authenticator.authenticate(ends)).user == "ann"
    assert checks == [ends, lasts]
    monkeypatch.setattr(auth, "time", lambda: now + 100.0)
    await authenticator.authenticate(ends)  # proved anew, by a clock that was not moved
    assert checks == [ends, lasts, ends]
    expired = token(sub="ann", exp=now - 1)
    for _ in range(2):
        assert await refused_by(authenticator, expired) == "the token has expired"


async def test_what_is_remembered_is_bounded_and_holds_no_token(checks: list[str]) -> None:
    authenticator = Authenticator(load_settings(secret_key=KEY))
    long = token(sub="ann", docs={f"{number:04}": "read" for number in range(500)})
    for _ in range(2):
        await authenticator.authenticate(long)
    assert checks == [long] * 2
    for number in range(1200):
        await authenticator.authenticate(token(sub=f"user {number}"))
    kept = authenticator._proven._principals
    assert len(kept) == 1000
    assert all(len(digest) == 32 for digest in kept)
    await authenticator.authenticate(token(sub="user 1199"))
    assert len(checks) == 1202
    await authenticator.authenticate(token(sub="user 0"))
    assert len(checks) == 1203


async def test_a_token_that_others_have_signed_is_proved_each_time(
    tmp_path: Path, checks: list[str]
) -> None:
    one = pair("ES256")
    authenticator = with_keys(tmp_path, one.told(), secret_key=KEY)
    sent = jwt.encode({"sub": "ann"}, one.private, "ES256")
    for _ in range(2):
        await authenticator.authenticate(sent)
    assert checks == [sent, sent]


async def test_a_token_of_another_key_or_algorithm_does_not_hold() -> None:
    assert await refused(token(key=KEY + "!")) == NO_TOKEN
    assert await refused(token(key=KEY * 2, algorithm="HS512")) == NO_TOKEN
    assert await refused(pair("RS256").token()) == NO_TOKEN


async def test_a_token_with_one_character_changed_does_not_hold() -> None:
    sent = token(sub="ada", docs={"*": "read"})
    head, claims, signature = sent.split(".")
    for other in (
        f"{head}.{claims[:-2]}{'A' if claims[-2] != 'A' else 'B'}{claims[-1]}.{signature}",
        f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        f"{head}.{claims}.",
        f"{head}.{claims}",
    ):
        assert await refused(other) == NO_TOKEN


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, payload: bytes, key: bytes | None) -> str:
    """A token by hand; without a key not signed at all."""
    text = f"{base64url(json.dumps(header).encode())}.{base64url(payload)}"
    signature = b"" if key is None else hmac.digest(key, text.encode(), hashlib.sha256)
    return f"{text}.{base64url(signature)}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 1, ["HS256"], {}])
async def test_an_unsigned_token_does_not_hold(tmp_path: Path, algorithm: Any) -> None:
    payload = b'{"docs":{"*":"admin"}}'
    sent = signed({"alg": algorithm}, payload, None)
    assert await refused(sent) == NO_TOKEN
    assert await refused_by(with_keys(tmp_path, pair("RS256").told()), sent) == NO_TOKEN


@pytest.mark.parametrize(
    "header",
    [{}, [], "HS256", {"alg": "HS256", "kid": 7}, {"alg": "HS256", "crit": ["b64"], "b64": False}],
    ids=repr,
)
async def test_a_header_of_another_shape_does_not_hold(header: Any) -> None:
    assert await refused(signed(header, b'{"docs":{"*":"admin"}}', KEY.encode())) == NO_TOKEN


async def test_a_token_nested_without_end_does_not_hold() -> None:
    assert await refused(f"{base64url(b'[' * 12_000)}.e30.") == NO_TOKEN


async def test_a_token_that_is_too_long_is_not_even_looked_at() -> None:
    longest = token(filler="x" * 12_000)
    assert len(longest) < MAX_TOKEN_LENGTH
    assert (await read(longest)).user is None
    too_long = token(filler="x" * MAX_TOKEN_LENGTH)
    assert await refused(too_long) == f"the token has more than {MAX_TOKEN_LENGTH} characters"


@given(st.text(min_size=1) | st.text("eyJ.{}[]-_=", min_size=1) | st.just("\ud800"))
async def test_no_text_is_anything_but_refused(sent: str) -> None:
    with pytest.raises(NotSignedIn):
        await read(sent, api_keys=f"ci={'k' * 32}")


async def test_issuer_and_audience_are_checked_when_they_are_configured() -> None:
    configured = {"issuer": "https://id.example", "audience": "collab"}
    good = token(sub="a", iss="https://id.example", aud=["collab", "mail"])
    assert (await read(good, **configured)).user == "a"
    assert (await read(good)).user == "a"
    for bad in (
        token(iss="https://id.example"),
        token(aud="collab"),
        token(iss="https://other.example", aud="collab"),
        token(iss="https://id.example", aud="mail"),
    ):
        assert (
            await refused(bad, **configured) == "the token was made for another issuer or audience"
        )


async def test_a_short_key_works_without_a_warning_per_token() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sent = token(key="short", sub="a")
    authenticator = Authenticator(load_settings(secret_key="short"))
    assert (await authenticator.authenticate(sent)).user == "a"


def test_a_public_key_cannot_be_the_secret_key() -> None:
    with pytest.raises(ConfigurationError, match="COLLAB_SECRET_KEY"):
        Authenticator(load_settings(secret_key=pair("RS256").public_pem.decode()))


# Public keys ---------------------------------------------------------------------------------


def with_keys(folder: Path, *keys: Any, **settings: Any) -> Authenticator:
    """Checks tokens with a set of public keys."""
    path = folder / "keys.json"
    path.write_bytes(key_set(*keys))
    return Authenticator(load_settings(jwks=str(path), **settings))


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
async def test_a_token_signed_with_a_private_key_holds(tmp_path: Path, algorithm: str) -> None:
    mine, other = pair(algorithm), pair(algorithm, 1)
    authenticator = with_keys(tmp_path, other.told(kid="other"), mine.told(kid="mine"))
    for kid in ("mine", None):
        sent = mine.token(kid, sub="ada", docs={"a": "write"})
        ada = await authenticator.authenticate(sent)
        assert (ada.user, ada.right("a")) == ("ada", Access.WRITE)
    stranger = pair(algorithm, 2)
    for kid in ("mine", "other", "unknown", None):
        assert await refused_by(authenticator, stranger.token(kid)) == NO_TOKEN
    assert await refused_by(authenticator, mine.token("other")) == NO_TOKEN
    assert await refused_by(authenticator, mine.token("unknown")) == NO_TOKEN
    assert await refused_by(authenticator, mine.token("mine", exp=1)) == "the token has expired"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_public_key_is_no_secret(tmp_path: Path, algorithm: str) -> None:
    key = pair(algorithm)
    told = key.told(kid="k")
    attacks = [key.public_pem, key.public_pem.rstrip(), json.dumps(told).encode(), b"", b"\0" * 32]
    attacks += [key_set(told), *(str(member).encode() for member in told.values())]
    for secret in (None, KEY):
        authenticator = with_keys(tmp_path, told, secret_key=secret)
        for attack in attacks:
            for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "k"}):
                forged = signed(header, b'{"docs":{"*":"admin"}}', attack)
                assert await refused_by(authenticator, forged) == NO_TOKEN


async def test_a_secret_among_the_public_keys_checks_nothing(tmp_path: Path) -> None:
    published = b"a secret that should not be here"
    told = {"kty": "oct", "k": base64url(published), "kid": "k", "alg": "HS256"}
    authenticator = with_keys(tmp_path, told, pair("ES256").told(kid="e"))
    for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "k"}):
        assert await refused_by(authenticator, signed(header, b"{}", published)) == NO_TOKEN


async def test_a_token_cannot_choose_how_its_key_is_used(tmp_path: Path) -> None:
    rsa = pair("RS256")
    authenticator = with_keys(tmp_path, rsa.told(kid="k", alg="RS256"))
    assert (await authenticator.authenticate(rsa.token("k", sub="ada"))).user == "ada"
    for algorithm in ("RS384", "PS256"):
        sent = KeyPair(rsa.private, algorithm).token("k")
        assert await refused_by(authenticator, sent) == NO_TOKEN


async def test_a_token_cannot_bring_its_own_key(tmp_path: Path) -> None:
    own = pair("ES256", 1)
    headers = {"jwk": own.told(), "jku": "https://evil.example/keys", "x5u": "https://evil.example"}
    sent = jwt.encode({}, own.private, algorithm="ES256", headers=headers)
    assert await refused_by(with_keys(tmp_path, pair("ES256").told()), sent) == NO_TOKEN


async def test_secret_and_public_keys_stand_side_by_side(tmp_path: Path) -> None:
    authenticator = with_keys(tmp_path, pair("EdDSA").told(), secret_key=KEY, issuer="me")
    for sent in (token(sub="ada", iss="me"), pair("EdDSA").token(sub="ada", iss="me")):
        assert (await authenticator.authenticate(sent)).user == "ada"
    for sent in (token(sub="ada", iss="you"), pair("EdDSA").token(sub="ada", iss="you")):
        assert "another issuer" in await refused_by(authenticator, sent)


async def test_with_public_keys_alone_this_is_no_development_mode(tmp_path: Path) -> None:
    authenticator = with_keys(tmp_path, pair("ES256").told())
    assert await refused_by(authenticator, token(sub="ada")) == NO_TOKEN
    with pytest.raises(NotSignedIn, match="a token is needed"):
        await authenticator.authenticate(None)


async def test_only_tokens_that_need_published_keys_wait_for_them() -> None:
    nobody_there = "http://127.0.0.1:9/keys"
    authenticator = Authenticator(load_settings(secret_key=KEY, jwks=nobody_there))
    assert (await authenticator.authenticate(token(sub="ada"))).user == "ada"
    assert await refused_by(authenticator, "nonsense") == NO_TOKEN
    assert await refused_by(authenticator, signed({"alg": "none"}, b"{}", None)) == NO_TOKEN
    with pytest.raises(Unavailable, match="keys that check tokens"):
        await authenticator.authenticate(pair("ES256").token())


@given(st.sampled_from(ASYMMETRIC), st.binary(max_size=600))
@bounds(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=200,
    deadline=None,  # the first one makes the keys
)
async def test_no_signature_breaks_the_check(
    tmp_path: Path, algorithm: str, signature: bytes
) -> None:
    authenticator = with_keys(tmp_path, *(pair(each).told() for each in KINDS))
    header = base64url(json.dumps({"alg": algorithm}).encode())
    with pytest.raises(NotSignedIn):
        await authenticator.authenticate(f"{header}.e30.{base64url(signature)}")


# API keys ------------------------------------------------------------------------------------


async def test_an_api_key_administers_everything() -> None:
    key = "k" * 32
    hashed = hashlib.sha256(b"another").hexdigest()
    authenticator = Authenticator(load_settings(api_keys=f"ci={key},bot=sha256:{hashed}"))
    for sent, name in ((key, "ci"), ("another", "bot")):
        principal = await authenticator.authenticate(sent)
        assert principal == Principal(f"api:{name}", name, (("*", Access.ADMIN),))
        assert principal.administers_everything
    for sent in ("ci", f"ci={key}", hashed, f"sha256:{hashed}", key[:-1], f"{key} ", token()):
        assert await refused_by(authenticator, sent) == NO_TOKEN
    with pytest.raises(NotSignedIn, match="a token is needed"):
        await authenticator.authenticate("")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("", None),
    ],
)
def test_the_token_of_a_bearer_header(header: str, found: str | None) -> None:
    assert bearer({"authorization": header}) == found
    assert bearer({}) is None
