"""Key pairs made for a test: what signs, and how a key set tells of what checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
    "ES256K": ec.SECP256K1,
}


@dataclass(frozen=True)
class KeyPair:
    """A private key, and the algorithm it signs with."""

    private: Any
    algorithm: str

    def told(self, **members: Any) -> dict[str, Any]:
        """The public key as a JWK; members that are None are left out."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        told = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {key: value for key, value in {**told, **members}.items() if value is not None}

    def told_private(self, **members: Any) -> dict[str, Any]:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        return {**algorithm.to_jwk(self.private, as_dict=True), "key_ops": ["verify"], **members}

    def token(self, kid: str | None = None, **claims: Any) -> str:
        headers = None if kid is None else {"kid": kid}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=headers)

    @property
    def public_pem(self) -> bytes:
        pem: bytes = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem


@cache
def pair(algorithm: str, number: int = 0, bits: int = 2048) -> KeyPair:
    """One for the algorithm; another one for every number. Made once: that of RSA takes a while."""
    if algorithm in CURVES:
        return KeyPair(ec.generate_private_key(CURVES[algorithm]()), algorithm)
    if algorithm == "EdDSA":
        return KeyPair(ed25519.Ed25519PrivateKey.generate(), algorithm)
    if algorithm == "Ed448":
        return KeyPair(ed448.Ed448PrivateKey.generate(), "EdDSA")
    return KeyPair(rsa.generate_private_key(65537, bits), algorithm)


def key_set(*keys: Any) -> bytes:
    """The text of a set of these keys."""
    return msgspec.json.encode({"keys": keys})
