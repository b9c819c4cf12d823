"""Errors of services, as a person reads them."""

import pytest

from voicekit.runtime.readable import readable


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "connection error: headers: {'User-Agent': 'sdk', 'Authorization': 'Token k'}, status_code: 401, body: No.",
            "connection error: status_code: 401, body: No.",
        ),
        (
            "OpenAILLMService#7 can no longer do its job: Error code: 401",
            "it can no longer do its job: Error code: 401",
        ),
        ("Unknown error occurred: HTTP 500", "HTTP 500"),
        ("Connection error.", "Connection error."),
    ],
)
def test_what_helps_nobody_is_left_out(text: str, told: str) -> None:
    assert readable(text) == told
