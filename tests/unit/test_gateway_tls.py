"""TLS to the provider is verified, with the certificates the user trusts."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_agentfix.errors import SettingError
from pytest_agentfix.gateway import ModelGateway
from pytest_agentfix.testing.scripted_model import Say, ScriptedModel
from tests.unit.gateway_kit import SkippingClock, make_upstream, open_gateway

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="makes a certificate with openssl")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    made_for = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *made_for]
    files = ["-keyout", str(tmp_path / "server.key"), "-out", str(path)]
    subprocess.run([str(OPENSSL), *command, *files], check=True, capture_output=True)
    return path


@pytest.fixture
def base_url(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    model = ScriptedModel(lambda _: Say("hello"))
    model._server.socket = context.wrap_socket(model._server.socket, server_side=True)
    with model:
        yield f"https://localhost:{model.port}/v1"


def test_a_certificate_the_user_trusts(
    base_url: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    with open_gateway(make_upstream(base_url)) as (gateway, client):
        statuses = [client.post().status for _ in range(2)]
        trouble = gateway.trouble()

    assert (statuses, trouble) == ([200, 200], None)


def test_a_certificate_nobody_trusts(base_url: str) -> None:
    with open_gateway(make_upstream(base_url), clock=SkippingClock()) as (gateway, client):
        status = client.post().status
        trouble = gateway.trouble()

    assert trouble is not None
    assert (status, trouble.is_final) == (400, True)  # nothing about it will change by waiting
    assert "certificate verify failed" in trouble.problem
    assert "SSL_CERT_FILE" in trouble.next_step


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "other"])
def test_certificates_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(SettingError, match="SSL_CERT_FILE"):
        ModelGateway(make_upstream(), token="token")
