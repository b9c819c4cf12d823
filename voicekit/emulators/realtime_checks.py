"""What OpenAI's Realtime API takes of a client, as data.

Shapes: https://platform.openai.com/docs/api-reference/realtime-client-events. Not taken are transcription sessions,
MCP tools, images, voices of one's own, and `idle_timeout_ms`.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

from voicekit.emulators.checks import (
    Check,
    Wrong,
    either,
    fields,
    flag,
    items,
    mapping,
    number,
    one_of,
    optional,
    text,
    variants,
)

# fmt: off
VOICES: Final = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
TRANSCRIBERS: Final = (
    "whisper-1", "gpt-transcribe", "gpt-live-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "gpt-realtime-whisper",
)
# fmt: on
_FUNCTION_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _schema(value: object, path: str) -> None:
    mapping(value, path)
    given = value.get("type") if isinstance(value, dict) else None
    if given != "object":
        wanted = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {given}'."
        raise Wrong("invalid_function_parameters", f"Invalid schema for '{path}': {wanted}", path)


def _nothing(value: object, path: str) -> None:
    if value is not None:
        raise Wrong("invalid_value", f"The emulator does nothing for '{path}'.", path)


def _function_name(value: object, path: str) -> None:
    text(64)(value, path)
    if not _FUNCTION_NAME.fullmatch(str(value)):
        message = f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern"
        raise Wrong("invalid_value", f"{message} '^[a-zA-Z0-9_-]+$'.", path)


_COUNT: Final = 2**31
_TOOL: Final = variants(
    "type",
    {
        "function": fields(
            {"type": text(), "name": _function_name, "description": text(), "parameters": _schema}, "name"
        )
    },
)
_TOOL_CHOICE: Final = either(
    str,
    one_of("none", "auto", "required"),
    variants("type", {"function": fields({"type": text(), "name": _function_name}, "name")}),
)
_TOKENS: Final = either(str, one_of("inf"), number(1, 4096, whole=True))
_FORMAT: Final = variants(
    "type",
    {
        "audio/pcm": fields({"type": text(), "rate": number(24000, 24000, whole=True)}),
        "audio/pcmu": fields({"type": text()}),
        "audio/pcma": fields({"type": text()}),
    },
)
_REASONING: Final = fields({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})
_TURN_DETECTION: Final = variants(
    "type",
    {
        "server_vad": fields(
            {
                "type": text(),
                "threshold": number(0, 1),
                "prefix_padding_ms": number(0, 5000, whole=True),
                "silence_duration_ms": number(0, 10000, whole=True),
                "idle_timeout_ms": _nothing,
                "create_response": flag,
                "interrupt_response": flag,
            }
        ),
        "semantic_vad": fields(
            {
                "type": text(),
                "eagerness": one_of("low", "medium", "high", "auto"),
                "create_response": flag,
                "interrupt_response": flag,
            }
        ),
    },
)
_TRANSCRIPTION: Final = fields(
    {
        "model": one_of(*TRANSCRIBERS),
        "language": optional(text()),
        "languages": items(text()),
        "prompt": optional(text()),
        "keywords": items(text()),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)
_NOISE_REDUCTION: Final = fields({"type": one_of("near_field", "far_field"), "strength": number(0, math.inf)})
_MODALITIES: Final = items(one_of("text", "audio"), most=1)

SESSION: Final = fields(
    {
        "type": one_of("realtime"),
        "model": text(),
        "output_modalities": _MODALITIES,
        "instructions": text(),
        "tools": items(_TOOL),
        "tool_choice": _TOOL_CHOICE,
        "parallel_tool_calls": flag,
        "max_output_tokens": _TOKENS,
        "reasoning": optional(_REASONING),
        "tracing": optional(either(str, one_of("auto"), mapping)),
        "truncation": either(str, one_of("auto", "disabled"), mapping),
        "prompt": optional(mapping),
        "include": optional(items(one_of("item.input_audio_transcription.logprobs"))),
        "audio": fields(
            {
                "input": fields(
                    {
                        "format": _FORMAT,
                        "transcription": optional(_TRANSCRIPTION),
                        "noise_reduction": optional(_NOISE_REDUCTION),
                        "turn_detection": optional(_TURN_DETECTION),
                    }
                ),
                "output": fields({"format": _FORMAT, "voice": one_of(*VOICES), "speed": number(0.25, 1.5)}),
            }
        ),
    },
    "type",
)

_ID: Final = text(32)
_STATUS: Final = one_of("completed", "incomplete", "in_progress")
_WORDS: Final = {"type": text(), "text": text()}
_PART_OF: Final[Mapping[str, Check]] = {
    "user": variants(
        "type",
        {
            "input_text": fields(_WORDS, "text"),
            "input_audio": fields({"type": text(), "audio": text(), "transcript": optional(text())}, "audio"),
        },
    ),
    "system": variants("type", {"input_text": fields(_WORDS, "text")}),
    "assistant": variants("type", {"output_text": fields(_WORDS, "text")}),
}
_COMMON: Final[Mapping[str, Check]] = {
    "id": _ID,
    "object": one_of("realtime.item"),
    "type": text(),
    "status": _STATUS,
}
ITEM: Final = variants(
    "type",
    {
        "message": variants(
            "role",
            {
                role: fields({**_COMMON, "role": text(), "content": items(part)}, "content")
                for role, part in _PART_OF.items()
            },
        ),
        "function_call": fields(
            {**_COMMON, "call_id": _ID, "name": _function_name, "arguments": text()}, "name", "arguments"
        ),
        "function_call_output": fields({**_COMMON, "call_id": text(), "output": text()}, "call_id", "output"),
    },
)
_INPUT: Final = items(
    lambda value, path: (
        fields({"type": text(), "id": text()}, "id")(value, path)
        if isinstance(value, dict) and value.get("type") == "item_reference"
        else ITEM(value, path)
    )
)

RESPONSE: Final = fields(
    {
        "output_modalities": _MODALITIES,
        "instructions": text(),
        "audio": fields({"output": fields({"format": _FORMAT, "voice": one_of(*VOICES)})}),
        "tools": items(_TOOL),
        "tool_choice": _TOOL_CHOICE,
        "parallel_tool_calls": flag,
        "max_output_tokens": _TOKENS,
        "conversation": one_of("auto", "none"),
        "metadata": optional(mapping),
        "prompt": optional(mapping),
        "reasoning": _REASONING,
        "input": _INPUT,
    }
)

_HEAD: Final[Mapping[str, Check]] = {"type": text(), "event_id": text(512)}
EVENT: Final = variants(
    "type",
    {
        "session.update": fields({**_HEAD, "session": SESSION}, "session"),
        "input_audio_buffer.append": fields({**_HEAD, "audio": text()}, "audio"),
        "input_audio_buffer.commit": fields(_HEAD),
        "input_audio_buffer.clear": fields(_HEAD),
        "conversation.item.create": fields({**_HEAD, "previous_item_id": optional(text()), "item": ITEM}, "item"),
        "conversation.item.retrieve": fields({**_HEAD, "item_id": text()}, "item_id"),
        "conversation.item.truncate": fields(
            {
                **_HEAD,
                "item_id": text(),
                "content_index": number(0, _COUNT, whole=True),
                "audio_end_ms": number(0, _COUNT, whole=True),
            },
            *("item_id", "content_index", "audio_end_ms"),
        ),
        "conversation.item.delete": fields({**_HEAD, "item_id": text()}, "item_id"),
        "response.create": fields({**_HEAD, "response": optional(RESPONSE)}),
        "response.cancel": fields({**_HEAD, "response_id": optional(text())}),
    },
)
