"""What a new session is told of the last one, from the events of both directions."""

import base64
from typing import Any, Final

import pytest

from voicekit.runtime.journal import BYTES_PER_SEC, EXACTLY, GO_ON, Journal

Json = dict[str, Any]

BEGAN: Final[Json] = {"type": "input_audio_buffer.speech_started", "item_id": "u1"}
ENDED: Final[Json] = {"type": "input_audio_buffer.speech_stopped", "item_id": "u1"}
HEARD: Final[Json] = {
    "type": "conversation.item.input_audio_transcription.completed",
    "item_id": "u1",
    "transcript": "The time?",
}
ADDED: Final[Json] = {"type": "conversation.item.added", "item": {"id": "u1", "type": "message", "role": "user"}}
CREATED: Final[Json] = {"type": "response.created", "response": {}}
ASK: Final[Json] = {"type": "response.create", "event_id": "e1"}
LINE: Final = EXACTLY.format(line="Hello.")


def sound(secs: float, level: int = 1) -> Json:
    audio = bytes([level]) * round(secs * BYTES_PER_SEC)
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}


def word(text: str, item: str = "a1") -> Json:
    return {"type": "response.output_audio_transcript.delta", "item_id": item, "delta": text}


def noise(secs: float, item: str = "a1") -> Json:
    return {"type": "response.output_audio.delta", "item_id": item, "delta": sound(secs)["audio"]}


def done(status: str = "completed") -> Json:
    return {"type": "response.done", "response": {"status": status}}


def made(name: str, role: str, text: str) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    item = {"id": name, "type": "message", "role": role, "content": content}
    return {"type": "conversation.item.create", "item": item}


def journal(*events: Json) -> Journal:
    """Return one that has seen these: what a client sends is known by its kind."""
    kept = Journal()
    for event in events:
        ours = event["type"].rpartition(".")[2] in ("append", "clear", "commit", "create", "truncate", "cancel")
        kept.sent(event) if ours else kept.received(event)
    return kept


def again(kept: Journal) -> list[Any]:
    """Return what is told again, with sound as its seconds and its levels, and items as role and words."""
    told: list[Any] = []
    for event in kept.replay():
        if event["type"] == "input_audio_buffer.append":
            audio = base64.b64decode(event["audio"])
            told.append((round(len(audio) / BYTES_PER_SEC, 1), sorted(set(audio))))
        elif event["type"] == "conversation.item.create" and event["item"]["type"] == "message":
            told.append(f"{event['item']['role']}: {event['item']['content'][0]['text']}")
        else:
            told.append(event["item"] if "item" in event else event["type"].rpartition(".")[2])
    return told


ANSWERED: Final = (sound(0.5), BEGAN, sound(0.5), ENDED, ADDED, CREATED, HEARD, word("Noon."), noise(1.0), done())


@pytest.mark.parametrize(
    ("events", "told"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param((*ANSWERED, sound(0.2, 7)), ["user: The time?", "assistant: Noon.", (0.2, [7])], id="answered"),
        pytest.param((sound(5, 1), sound(1, 2), BEGAN, sound(0.5, 3)), [(0.5, [2]), (0.5, [2]), (0.5, [3])], id="open"),
        pytest.param((BEGAN, sound(0.5, 3), ENDED, ADDED, HEARD, CREATED), [(0.5, [3])], id="unanswered"),
        pytest.param(
            (*ANSWERED[:-2], sound(0.2, 7)),
            ["user: The time?", "assistant: Noon.", (0.2, [7]), f"system: {GO_ON}", "create"],
            id="cut off",
        ),
        pytest.param((*ANSWERED, BEGAN | {"item_id": "u2"}), ["user: The time?", "assistant: Noon."], id="again"),
        pytest.param((made("g1", "user", LINE), ASK), [f"user: {LINE}", "create"], id="greeting to come"),
        pytest.param((made("g", "user", LINE), ASK, CREATED, word("Hello."), done()), ["assistant: Hello."], id="said"),
        pytest.param(
            (made("g1", "user", "I am Ann."), ASK, CREATED, word("Hello."), done()),
            ["user: I am Ann.", "assistant: Hello."],
            id="written",
        ),
        pytest.param(
            (
                *(CREATED, word("One two three four."), noise(2.0), done()),
                {"type": "conversation.item.truncate", "item_id": "a1", "audio_end_ms": 1000},
            ),
            ["assistant: One two"],
            id="truncated",
        ),
        pytest.param(
            ({"type": "input_audio_buffer.clear"}, sound(0.5, 3), {"type": "input_audio_buffer.commit"}, ASK),
            [(0.5, [3]), "commit", "create"],
            id="committed",
        ),
    ],
)
def test_what_is_told_again(events: tuple[Json, ...], told: list[Any]) -> None:
    assert again(journal(*events)) == told


def test_a_tool_is_told_with_its_result_and_one_half_called_is_not() -> None:
    call = {"id": "c1", "type": "function_call", "name": "clock", "call_id": "k1", "arguments": ""}
    result = {"id": "r1", "type": "function_call_output", "call_id": "k1", "output": "12"}
    half = {**call, "id": "c2", "call_id": "k2"}
    kept = journal(
        CREATED,
        {"type": "conversation.item.added", "item": call},
        {"type": "response.function_call_arguments.done", "item_id": "c1", "arguments": "{}"},
        done(),
        {"type": "conversation.item.create", "item": result},
        {"type": "conversation.item.added", "item": half},
    )
    assert again(kept) == [{**call, "arguments": "{}"}, result]


def test_what_a_former_session_has_told_is_not_new() -> None:
    kept = journal(BEGAN, sound(0.5), ENDED, ADDED, HEARD)
    assert again(kept) == [(0.5, [1])]
    next_ones = [event | {"item_id": "u2"} for event in (BEGAN, ENDED, HEARD)]
    assert [kept.received(event) for event in next_ones] == [False, False, False]
    assert [kept.received(event) for event in (CREATED, word("Noon."), done())] == [True, True, True]
    assert kept.received(BEGAN | {"item_id": "u3"})
    assert not kept.waits


def test_a_turn_of_which_only_the_beginning_was_told_has_an_end() -> None:
    kept = journal(BEGAN, sound(0.5))
    again(kept)
    next_ones = [event | {"item_id": "u2"} for event in (BEGAN, ENDED, HEARD)]
    assert [kept.received(event) for event in next_ones] == [False, True, True]


def test_a_long_turn_is_told_without_its_beginning() -> None:
    kept = journal(BEGAN, *[sound(1.0)] * 90)
    assert sum(secs for secs, _ in again(kept)) == 60
