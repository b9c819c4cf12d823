"""What looks like a secret is blacked out, sign by sign; what is a reference to the environment stays."""

import time

import pytest

from voicekit.config.redaction import masked, redacted

BLACK = "*********"


@pytest.mark.parametrize(
    "text",
    [
        "api_key: SECRET--1",
        "API_KEY: SECRET--1",
        '"api_key": "SECRET--1"',
        "api_key:SECRET--1",
        "{api_key: SECRET--1, model: x}",
        "{api_key: [a, SECRET--1], model: x}",
        '{api_key: "a, SECRET--1", model: x}',
        "api_key: a, SECRET--1",
        "api_key: 'a} SECRET--1'",
        "api_key: ${KEY:-SECRET--1}",
        "api_key: ${KEY} SECRET--1",
        "api_key:\n  SECRET--1",
        "api_key: |\n  SECRET--1\n\n  SECRET--1",
        "api_key: a\n  SECRET--1",
        "api_key: a\r  SECRET--1",
        "api_key:\n\n  - SECRET--1",
        "{api_key:\n  SECRET--1}",
        "- api_key: >\n    SECRET--1",
        "aws_access_key_id: SECRET--1",
        "session_token: SECRET--1",
        "credentials: {a: SECRET--1}",
        "Authorization: Bearer SECRET--1",
        "x: bearer SECRET--1",
        "x: redis://SECRET--1@host",
        "x: https://me:SECRET--1@host/path",
    ],
)
def test_a_secret_is_black(text: str) -> None:
    shown = redacted(text)
    assert "SECRET" not in shown
    assert len(shown) == len(text)
    assert [len(line) for line in shown.splitlines()] == [len(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        'api_key: "${KEY}"',
        "api_key: ${KEY}   # from the vault",
        "{api_key: ${KEY}, model: x}",
        "Authorization: Bearer ${KEY}",
        'api_key: "${KEY:?ask for one}"',
        "api_key: ${KEY}\nmodel: nova-3",
        "max_tokens: 300",
        "keyterm: [Acme]",
        "endpoint: https://host/path",
        "voice: 21m00Tcm4TlvDq8ikWAM",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_what_stands_beside_a_secret_stays() -> None:
    text = "asr: {api_key: SECRET--1, modle: x}\nllm:\n  - api_key: SECRET--1\n    model: y\n"
    assert redacted(text) == text.replace("SECRET--1", BLACK)


def test_a_message_hides_the_shapes_of_keys() -> None:
    assert masked("no provider is named 'sk-live-0123456789ab'") == "no provider is named '********************'"
    assert masked("add 'api_key: \"${OPENAI_API_KEY}\"'") == "add 'api_key: \"${OPENAI_API_KEY}\"'"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "key: " * 200_000,
        "key:\n" * 200_000,
        "{key: x, " * 100_000,
        "://" * 300_000,
        "key:\r" * 200_000,
    ],
)
def test_it_takes_no_longer_for_odd_text(text: str) -> None:
    begun = time.process_time()
    redacted(text)
    assert time.process_time() - begun < 1.5
