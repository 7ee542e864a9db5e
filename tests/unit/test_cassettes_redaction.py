from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.gateway.redaction import find_secrets, redact_secrets

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
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer ***"),
        ("authorization: Basic dXNlcjpwYXNz0=", "authorization: Basic ***"),
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
    ],
    ids=["pem", "sk", "jwt", "bearer"],
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
