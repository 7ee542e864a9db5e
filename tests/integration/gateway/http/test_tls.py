"""TLS to the provider is verified, with the certificates the user trusts."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.testing.scripted_model.model_server import Say, ScriptedModel
from pytest_agentfix.testing.socket_stream import StreamPort
from tests.kits.connect_proxy import ConnectProxy
from tests.kits.gateway_kit import KEY, SkippingClock, make_upstream, open_gateway

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="makes a certificate with openssl")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    names = "subjectAltName=DNS:localhost,DNS:models.example"
    made_for = ["-subj", "/CN=localhost", "-addext", names]
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
    assert (status, trouble.is_final) == (400, True)  # a retry would not help
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


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> Callable[[int], None]:
    """Put pytest behind a company's proxy on a port, and trust the company's certificates."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return lambda port: monkeypatch.setenv("HTTPS_PROXY", f"http://ann:s3cret@127.0.0.1:{port}")


def test_a_companys_proxy_leads_there(base_url: str, company: Callable[[int], None]) -> None:
    port = int(base_url.split(":")[2].split("/", maxsplit=1)[0])
    upstream = make_upstream(f"https://models.example:{port}/v1")
    proxy = ConnectProxy(port)
    with StreamPort(proxy.handle) as way:
        company(way.port)
        with open_gateway(upstream) as (gateway, client):
            statuses = [client.post().status for _ in range(2)]
            trouble = gateway.trouble()

    credential = base64.b64encode(b"ann:s3cret").decode()
    assert (statuses, trouble) == ([200, 200], None)
    (asked,) = proxy.asked  # one tunnel for both, and no key is shown to the proxy
    assert asked.startswith(f"CONNECT models.example:{port} HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {credential}\r\n" in asked
    assert KEY not in asked


def test_a_proxy_that_refuses_is_said_by_its_word(
    base_url: str, company: Callable[[int], None]
) -> None:
    port = int(base_url.split(":")[2].split("/", maxsplit=1)[0])
    upstream = make_upstream(f"https://models.example:{port}/v1")
    with StreamPort(ConnectProxy(port, status=407).handle) as way:
        company(way.port)
        with open_gateway(upstream, clock=SkippingClock()) as (gateway, client):
            status = client.post().status
            trouble = gateway.trouble()

    assert trouble is not None
    assert status == 400
    assert "the proxy refuses: 407" in trouble.problem
    assert "s3cret" not in str(trouble)
    assert gateway.account.spent.tokens == 0
