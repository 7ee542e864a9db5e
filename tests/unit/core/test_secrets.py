"""Recognise ignored files that look as if they held secrets."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.secrets import holds_secret, is_named_like_secret

SECRET = [
    "SECRET_KEY = 'django-insecure-x'",
    'SECRET_KEY: str = "abc"',
    'SECRET_KEY = (\n    "in brackets"\n)',
    'DATABASES = {"default": {"PASSWORD": "hunter2"}}',
    'os.environ["AWS_SECRET_ACCESS_KEY"] = "x"',
    'os.environ.setdefault("DJANGO_SECRET_KEY", "fallback")',
    "connect(user='me', password='hunter2')",
    "api_key = b'0123'",
    "dbPassword: hunter2\ndb_password: 'hunter2'",
    'GITHUB_TOKEN = "0123456789abcdef0123"',
    'STRIPE_KEY = "0123456789abcdef0123"',
    'DSN = "postgres://me:hunter2@db/shop"',
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    "-----BEGIN PRIVATE KEY-----",
    "x = 'AKIAABCDEFGHIJKLMNOP'",
    "x = 'ghp_0123456789abcdefghijABCDEFGHIJ0123'",
]
HARMLESS = [
    "__version__ = version = '1.2.3'\n__commit_id__ = 'g0123456789abcdef0'",
    "SECRET_KEY = os.environ['SECRET_KEY']",
    "password = ''",
    "tokens = ('NUMBER', 'PLUS')\ntoken = 'PLUS'",
    "openapi_types = {'password': 'str', 'client_secret': 'string'}",
    "attribute_map = {'clientSecret': 'client_secret', 'password': 'password'}",
    "def check(password, token): return password == token",
    "DESCRIPTOR = _pool.AddSerializedFile(b'\\n\\x0bshop.proto')",
    "URL = 'http://localhost:8000/a@b'",
]


@pytest.mark.parametrize("text", SECRET)
def test_texts_with_a_secret(text: str) -> None:
    assert holds_secret("settings.py", f"import os\n{text}\n".encode())


@pytest.mark.parametrize("text", HARMLESS)
def test_texts_without(text: str) -> None:
    assert not holds_secret("settings.py", f"{text}\n".encode())


def test_what_is_compiled_is_no_text() -> None:
    assert not holds_secret("a.so", b"\x7fELF\0password = 'x'")


def test_metadata_may_have_examples_but_no_keys() -> None:
    example = b'Client(api_key="your-key-goes-here")'
    assert not holds_secret("shop.egg-info/PKG-INFO", example)
    assert holds_secret("shop.egg-info/PKG-INFO", b"-----BEGIN PRIVATE KEY-----")
    assert holds_secret("docs/PKG-INFO", example)


def test_a_long_line_takes_no_longer_than_it_has_to() -> None:
    assert not holds_secret("data.py", b"x = '" + b"token_password" * 5_000 + b"'")


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "src/.env.local", "prod.env", "secrets.py", "shop/secret/a.py", "my_secrets.py"),
        *("credentials.py", "gcpCredentials.py", "tokens.py", "APIKeys.py", "keys/a.py", "key.py"),
        *("local_settings.py", "settings_local.py", "localsettings.py", "settings/local.py"),
        *("settings/production.py", "localSettings.py", "server.pem", "id_rsa", ".netrc"),
        *("passwords.py", "secrets.cpython-311-x86_64-linux-gnu.so"),
    ],
)
def test_names_that_say_so(path: str) -> None:
    assert is_named_like_secret(path)


@pytest.mark.parametrize(
    "path",
    [
        *("_version.py", "src/shop/_version.py", "shop/_speedups.cpython-311-x86_64-linux-gnu.so"),
        *("shop_pb2.py", "parsetab.py", "tokenizer.py", "keyboard.py", "monkey.py", "locale.py"),
        *("local/build.py", "token_vault.egg-info/PKG-INFO", "environment.py", "settings.py", ""),
    ],
)
def test_ordinary_names(path: str) -> None:
    assert not is_named_like_secret(path)
