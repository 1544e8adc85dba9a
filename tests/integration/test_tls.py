"""`collab serve` over TLS: HTTP, websockets, the Python client and the commands; and what it says
when the certificate is of no use."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import collab_client
from tests.integration import wire
from tests.integration.certificates import Certificate, key_bytes, make_certificate
from tests.integration.process import ServerProcess
from tests.integration.process import server as serving
from tests.integration.talk import within

STRANGE_CONTEXT = ssl.create_default_context()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def tls(certificate: Certificate) -> dict[str, str]:
    return {"COLLAB_TLS_CERT": str(certificate.cert), "COLLAB_TLS_KEY": str(certificate.key)}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("server"), **tls(certificate)) as process:
        yield process
        assert process.stop() == 0
    assert process.defects() == []


def url(server: ServerProcess) -> str:
    return f"https://127.0.0.1:{server.port}"


def test_the_start_says_https(server: ServerProcess) -> None:
    assert any(f"listening on https://127.0.0.1:{server.port}" in line for line in server.log)


def test_http_is_served_to_who_knows_the_authority_only(
    server: ServerProcess, certificate: Certificate
) -> None:
    address = f"{url(server)}/healthz"
    answer = httpx.get(address, verify=certificate.context(), trust_env=False)
    assert answer.status_code == 200
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(address, verify=STRANGE_CONTEXT, trust_env=False)


@pytest.mark.anyio
@within(60)
async def test_the_python_client_verifies_the_server(
    server: ServerProcess, certificate: Certificate
) -> None:
    async with collab_client.connect(
        url(server), "secure", create="text", ssl=certificate.context()
    ) as document:
        await document.insert(0, "private")
        await document.flush()
    with pytest.raises(collab_client.Unreachable, match="SSLCertVerificationError"):
        async with collab_client.connect(
            url(server), "secure", ssl=STRANGE_CONTEXT, open_seconds=1
        ):
            raise AssertionError("connected")
    with pytest.raises(collab_client.Unreachable, match="SSLCertVerificationError"):
        async with collab_client.connect(url(server), "secure", open_seconds=1):
            raise AssertionError("connected")


def collab(*arguments: str, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd(), **variables}
    return subprocess.run(
        [sys.executable, "-m", "collab", *arguments],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_commands_speak_https(server: ServerProcess, certificate: Certificate) -> None:
    trusting = {"SSL_CERT_FILE": str(certificate.authority)}
    made = collab("edit", "commanded", "--url", url(server), text="one", **trusting)
    assert made.returncode == 0, made.stderr
    assert collab("cat", "commanded", "--url", url(server), **trusting).stdout == "one"
    refused = collab("cat", "commanded", "--url", url(server))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"collab: no answer from {url(server)}: ")
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr.replace("\n", " ")


def test_a_handshake_under_way_does_not_hold_the_end_up(
    tmp_path: Path, certificate: Certificate
) -> None:
    with serving(tmp_path, COLLAB_HEADER_SECONDS="600", **tls(certificate)) as process:
        peer = wire.connect(process.port)
        peer.sendall(b"\x16\x03\x01")
        with httpx.Client(verify=certificate.context(), trust_env=False) as idle:
            idle.get(f"{url(process)}/healthz")
            started = time.monotonic()
            assert process.stop() == 0
            assert time.monotonic() - started < 10
        assert process.defects() == []
    wire.close_peers()


# Certificates of no use ---------------------------------------------------------------------------


def refusal(*arguments: str, **variables: str) -> str:
    done = collab("serve", "--port", "0", *arguments, DATABASE_URL="memory://", **variables)
    assert done.returncode == 1
    return done.stderr


def test_files_of_no_use_are_refused_by_the_name_of_their_setting(
    tmp_path: Path, certificate: Certificate
) -> None:
    cert, key, other = str(certificate.cert), str(certificate.key), tmp_path / "other.pem"
    other.write_bytes(key_bytes(ec.generate_private_key(ec.SECP256R1())))
    locked = tmp_path / "locked.pem"
    locked.write_bytes(key_bytes(ec.generate_private_key(ec.SECP256R1()), b"passphrase"))
    missing = str(tmp_path / "missing.pem")

    assert refusal(COLLAB_TLS_CERT=missing, COLLAB_TLS_KEY=key) == (
        "collab: COLLAB_TLS_CERT cannot be read: No such file or directory\n"
    )
    assert refusal("--tls-cert", cert, "--tls-key", missing) == (
        "collab: COLLAB_TLS_KEY (--tls-key) cannot be read: No such file or directory\n"
    )
    assert refusal(COLLAB_TLS_CERT=cert, COLLAB_TLS_KEY=str(other)) == (
        "collab: COLLAB_TLS_KEY does not fit COLLAB_TLS_CERT\n"
    )
    assert refusal(COLLAB_TLS_CERT=cert, COLLAB_TLS_KEY=str(locked)) == (
        "collab: COLLAB_TLS_KEY has a passphrase: give a key without\n"
    )
    assert refusal(COLLAB_TLS_CERT=key, COLLAB_TLS_KEY=key) == (
        "collab: COLLAB_TLS_CERT must be a certificate chain and COLLAB_TLS_KEY its key, both PEM\n"
    )
    assert refusal(COLLAB_TLS_CERT=cert) == (
        "collab: COLLAB_TLS_CERT must be a certificate chain and its key, both PEM\n"
    )
    assert refusal(COLLAB_TLS_KEY=key) == (
        "collab: COLLAB_TLS_KEY is of no use without COLLAB_TLS_CERT\n"
    )
