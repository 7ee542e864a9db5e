"""Transport settings for the provider: proxies, certificates and timeouts."""

from __future__ import annotations

import os
import ssl
import urllib.request
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import httpcore

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTimeouts:
    """Timeouts in seconds. ``first_byte``: a model may think long; ``idle``: silence mid-stream."""

    connect: float = 15.0
    write: float = 60.0
    first_byte: float = 300.0
    idle: float = 120.0
    request: float = 60.0  # for the sandbox to send a complete request


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportConfig:
    """The settings that all connections to a provider share."""

    clock: Clock
    timeouts: GatewayTimeouts
    ssl_context: ssl.SSLContext
    proxy: httpcore.Proxy | None = None

    @classmethod
    def from_environment(
        cls, base_url: str, *, clock: Clock, timeouts: GatewayTimeouts
    ) -> TransportConfig:
        """Honour ``HTTPS_PROXY``, ``NO_PROXY`` and ``SSL_CERT_FILE`` as other tools do.

        Raises ``SettingError`` for an unsupported kind of proxy and for unreadable certificates.
        """
        return cls(
            clock=clock,
            timeouts=timeouts,
            ssl_context=make_ssl_context(),
            proxy=find_proxy(base_url),
        )


def make_ssl_context() -> ssl.SSLContext:
    """Return a context that trusts the usual authorities and those of the environment.

    OpenSSL silently ignores a missing ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``, and every later error
    would blame the provider's certificate; so this raises ``SettingError``.
    """
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        value = os.environ.get(name)
        paths = value.split(os.pathsep) if value else []
        if paths and not any(os.access(path, os.R_OK) for path in paths):
            raise SettingError(
                f"{name} names {value}, which cannot be read.",
                "Correct it, or unset it to trust only the usual certificate authorities.",
            )
    try:
        context = httpcore.default_ssl_context()
        if file := os.environ.get("SSL_CERT_FILE"):
            context.load_verify_locations(file)
    except (ssl.SSLError, OSError) as error:
        raise SettingError(
            f"SSL_CERT_FILE holds no certificates that can be read ({type(error).__name__}).",
            "It takes the path of a file with one or more certificates in PEM form.",
        ) from error
    return context


def find_proxy(base_url: str) -> httpcore.Proxy | None:
    """Return the environment's proxy for ``base_url``, ``None`` for an address on this machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all")
    if not url or _is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    try:
        proxy = urlsplit(url if "://" in url else f"http://{url}")
        port = proxy.port or (443 if proxy.scheme == "https" else 80)
    except ValueError:
        raise _refuse_proxy(parts.scheme) from None
    if proxy.scheme not in ("http", "https") or not proxy.hostname:
        raise _refuse_proxy(parts.scheme)
    auth = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
    where = httpcore.URL(scheme=proxy.scheme, host=proxy.hostname, port=port, target="/")
    return httpcore.Proxy(where, auth=auth)


def _refuse_proxy(scheme: str) -> SettingError:
    """Return the error for an unusable proxy; its URL may hold a password and is not shown."""
    return SettingError(
        f"The proxy set for {scheme} in the environment cannot be used.",
        "Set one of the form http://HOST:PORT, or name the provider's host in NO_PROXY.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
