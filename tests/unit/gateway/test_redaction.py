from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.gateway.redaction import redact_secrets
from pytest_agentfix.gateway.secret_discovery import find_secrets

KEY = "sk-sentinel-0123456789abcdef"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK+/=\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_123"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a {KEY} b", "a *** b"),
        ("Incorrect key: sk-sen****cdef.", "Incorrect key: ***"),
        (f"'sk-sentinel-0' \"{KEY}\"", "'***' \"***\""),
    ],
)
def test_the_secrets_that_are_known(text: str, expected: str) -> None:
    assert redact_secrets(text, [KEY]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sentinels of a sentinel", "sentinels of a sentinel"),
        ("sentin****cdef", "***"),
        ("sentinel-012x", "***"),
    ],
)
def test_a_secret_that_begins_like_a_word(text: str, expected: str) -> None:
    assert redact_secrets(text, ["sentinel-0123456789"]) == expected


def test_what_begins_as_a_key_does_is_not_always_one() -> None:
    text = 'task-processor, disk-proxy, sk-proto and https://example.com {"author": 1}'
    secrets = ["sk-proj-0123456789abcdef", "https://hooks/x1", '{"auth": {"a": "b1"}}']

    assert redact_secrets(text, secrets) == text
    assert redact_secrets(r'"\nsk-proj-01…"', secrets) == r'"\n***"'


@pytest.mark.parametrize("before", ["", "B", "Be", "Bearer ", "user:", "Bearer  "])
@pytest.mark.parametrize("secret", ["sk-sentinel-0123456789abcdef", "a+b/c?d=e&f>g~h<i"])
def test_a_secret_in_other_encodings(secret: str, before: str) -> None:
    raw = f"{before}{secret}".encode()
    texts = [
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw + b"!").decode(),
        quote(raw, safe=""),
        raw.hex(),
    ]

    found = [redact_secrets(f"<{text}>", [secret]) for text in texts]

    assert ["***" in text and len(text) < 5 + 3 + 3 * len(before) + 6 for text in found] == [
        True
    ] * 4


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "sk-ant-api03-Abc123_def-4567890",
        "sk_live_0123456789abcdefABCD",
        "ghp_" + "a1B2" * 9,
        "github_pat_11ABCDEFG0_" + "x1" * 20,
        "AKIAIOSFODNN7EXAMPLE",
        "AIza" + "Sy0_-" * 7,
        "xoxb-123456789012-abcdef",
        "glpat-abcdefgh1234ijkl5678",
        JWT,
        PEM,
        PEM.replace("\n", "\\n"),
        "-----BEGIN PRIVATE KEY-----\nMIIEow",
    ],
)
def test_well_known_shapes(secret: str) -> None:
    assert redact_secrets(f'a="{secret}"') == 'a="***"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def-123456_789", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ***"),
        ("Basic dXNlcjpwYXNzMQ==, Basic YW5u", "Basic ***, Basic YW5u"),
        (
            "Basic authentication=True, Basic usage1234",
            "Basic authentication=True, Basic usage1234",
        ),
        (
            "Bearer token123 and Bearer tokens-of-all-kinds",
            "Bearer token123 and Bearer tokens-of-all-kinds",
        ),
        ("pip install sk-learn-contrib-2", "pip install sk-learn-contrib-2"),
        ("3f786850e387550fdab836ed7e6dc881de23001b", "3f786850e387550fdab836ed7e6dc881de23001b"),
        ("Bearer tokens and Basic authentication", "Bearer tokens and Basic authentication"),
        ("task-0123456789abcdef01 disk-x sk-learn", "task-0123456789abcdef01 disk-x sk-learn"),
        ("import risk_sk-some-long-name-of-nothing", "import risk_sk-some-long-name-of-nothing"),
        ("-----BEGIN CERTIFICATE-----\nMII", "-----BEGIN CERTIFICATE-----\nMII"),
    ],
)
def test_bearers_and_what_is_no_secret(text: str, expected: str) -> None:
    assert redact_secrets(text) == expected


@settings(deadline=None)
@given(st.text(min_size=8, max_size=20), st.text(max_size=10), st.integers(0, 2))
def test_json_stays_json(secret: str, around: str, depth: int) -> None:
    text = json.dumps({"a": f"{around}{secret}{around} {KEY}"})
    for _ in range(depth):
        text = json.dumps([text])

    found = json.loads(redact_secrets(text, [KEY, "q" + secret]))
    for _ in range(depth):
        found = json.loads(found[0])

    assert KEY not in found["a"]


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32), min_size=8), st.text("au", max_size=2))
def test_no_escape_hides_a_secret(secret: str, steps: str) -> None:
    text = f"<{secret}>"
    for step in steps:
        text = json.dumps(text, ensure_ascii=step == "a")[1:-1]

    assert redact_secrets(text, [secret]) == "<***>"


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----" * 20_000,
        "sk-" * 200_000,
        "eyJ-" * 200_000,
        "Bearer " * 100_000,
        "Basic aaaa" * 100_000,
        "eyJaaaaaaaa.eyJ" * 60_000,
        "\\" * 600_000,
        "sk-sen" * 100_000,
    ],
    ids=["pem", "sk", "jwt", "bearer", "basic", "jwt-parts", "backslashes", "echoes"],
)
def test_nothing_takes_long(text: str) -> None:
    assert redact_secrets(text, [KEY])


def test_secrets_of_an_environment() -> None:
    environ = {
        "ANTHROPIC_API_KEY": f" {KEY} ",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "GITHUB_TOKEN": "a" * 20,
        "DB_PASSWORD": "hunter22",
        "DATABASE_URL": "postgres://ann:s3cretpass@host/db",
        "SECRET_KEY": "development",
        "SSH_AUTH_SOCK": "/run/user/1000/agent.42",
        "KEY_COUNT": "1234567890",
        "TOKEN": "abc1",
        "PATH": "/usr/bin:/opt/x1",
        "PWD": "/home/ann/proj2",
        "KEYBOARD": "qwertz-105-keys-german",
    }

    assert find_secrets(environ) == (
        KEY, "AKIAIOSFODNN7EXAMPLE", "a" * 20, "s3cretpass", "hunter22",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("API_KEYS", "abcdefgh1234567890,zyxwvuts0987654321",
         ("abcdefgh1234567890,zyxwvuts0987654321", "abcdefgh1234567890", "zyxwvuts0987654321")),
        ("KEY1", "abcdefg1", ("abcdefg1",)),
        ("my.secret", "abcdefg1", ("abcdefg1",)),
        ("npm_config_//registry/:_authToken", "abcdefg1", ("abcdefg1",)),
        ("GITHUB_JWT", "abcdefg1", ("abcdefg1",)),
        ("HTTPS_PROXY", "http://ann:p%40ssw0rd9@proxy:3128", ("p%40ssw0rd9", "p@ssw0rd9")),
        ("https_proxy", "ann:p4ssw0rd9@proxy:3128", ("p4ssw0rd9",)),
        ("SENTRY_DSN", "https://0123456789abcdef@sentry/42", ("0123456789abcdef",)),
        ("SLACK_WEBHOOK", "https://hooks/services/T01/B02/a1b2c3d4e5f6g7h8i9j0k1l2",
         ("a1b2c3d4e5f6g7h8i9j0k1l2",)),
        ("OPENCODE_CONFIG_CONTENT", '{"p": [{"apiKey": "abcdefg1", "model": "gpt-4.1-mini"}]}',
         ("abcdefg1",)),
        ("TOKEN_URL", "https://auth.example.com/oauth/token1", ()),
        ("AUTH_BACKEND", "django.contrib.auth.backends", ()),
        ("DATA", '{"a": [1, null, "x"]}', ()),
        ("DATA", "{broken", ()),
        ("DATA", '{"a":' + "[" * 5000 + "]" * 5000 + "}", ()),
    ],
)  # fmt: skip
def test_names_and_forms_of_an_environment(name: str, value: str, found: tuple[str, ...]) -> None:
    assert find_secrets({name: value}) == found
