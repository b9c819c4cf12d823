"""The OpenAI Realtime emulator on the wire: sessions, turns and responses, every event held against the SDK's types."""

import asyncio
import base64
import itertools
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.emulators.realtime import (
    RATE,
    Client,
    Json,
    append,
    audio,
    kinds,
    listen,
    respond,
    say,
    talking,
    transcript,
    update,
)
from tests.emulators.sound import quiet, tone
from tests.services.embedded import until
from voicekit.emulators.faults import Break, Fault, Latency, Slow
from voicekit.emulators.hearing import LEVELS
from voicekit.emulators.openai_realtime import OpenAIRealtime
from voicekit.emulators.script import Reply, Script, ToolCall
from voicekit.emulators.voice import MS_PER_CHARACTER

WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
SCRIPT = Script(
    {
        "good day": Reply("And to you."),
        "long": Reply("One two three four five six seven eight nine ten."),
        "rome and paris": Reply("", (ToolCall("weather", {"city": "Rome"}), ToolCall("weather", {"city": "Paris"}))),
        "rome": Reply("Let me see.", (ToolCall("weather", {"city": "Rome"}),)),
        "^rain\nsun$": Reply("Rain in Rome, sun in Paris."),
        "ask .*still there": Reply("Are you still there?"),
    }
)


@pytest.fixture
def emulator() -> OpenAIRealtime:
    return OpenAIRealtime("right", SCRIPT)


def speech(secs: float = 0.6) -> Json:
    return append(tone(secs, rate=RATE))


def pause(secs: float = 0.7) -> Json:
    return append(quiet(secs, rate=RATE))


async def test_a_session_begins_with_the_vendors_defaults(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        session = (await client.ask(update()))["session"]
    assert (session["type"], session["object"], session["model"]) == ("realtime", "realtime.session", "gpt-realtime")
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["transcription"] is None
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


async def test_an_update_changes_what_it_names_and_leaves_the_rest(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        await client.ask(listen(transcription={"model": "whisper-1"}, noise_reduction={"type": "near_field"}))
        vad = {"type": "server_vad", "silence_duration_ms": 200}
        await client.ask(listen(turn_detection=vad, format={"type": "audio/pcmu"}))
        updated = await client.ask(update(instructions="Be brief.", audio={"output": {"voice": "cedar", "speed": 1.5}}))
        turned_off = await client.ask(listen(turn_detection=None, transcription={"language": "de"}))
        semantic = await client.ask(listen(turn_detection={"type": "semantic_vad"}, transcription=None))
    heard = updated["session"]["audio"]["input"]
    assert heard["transcription"] == {"model": "whisper-1", "language": None, "prompt": None}
    assert heard["noise_reduction"] == {"type": "near_field"}
    assert heard["format"] == {"type": "audio/pcmu"}
    assert (heard["turn_detection"]["silence_duration_ms"], heard["turn_detection"]["threshold"]) == (200, 0.5)
    assert updated["session"]["instructions"] == "Be brief."
    assert updated["session"]["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "cedar",
        "speed": 1.5,
    }
    heard = turned_off["session"]["audio"]["input"]
    assert heard["turn_detection"] is None
    assert heard["transcription"] == {"model": "whisper-1", "language": "de", "prompt": None}
    assert semantic["session"]["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    assert emulator.sessions[0].settings == semantic["session"]


async def test_a_turn_is_heard_transcribed_and_answered(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day to you.")
    async with talking(emulator) as client:
        await client.ask(listen(transcription={"model": "gpt-4o-transcribe"}))
        await client.send(pause(1), speech(), pause(), pause())
        events = await client.until("rate_limits.updated")
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        *["conversation.item.input_audio_transcription.delta"] * 4,
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        *["response.output_audio_transcript.delta", "response.output_audio.delta"] * 3,
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    started, stopped, committed = events[:3]
    # 300 ms are kept of what was before the speech; 500 ms of silence end it.
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (700, 2100)
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    assert "".join(each["delta"] for each in events if "transcription.delta" in each["type"]) == "Good day to you."
    [completed] = [each for each in events if each["type"].endswith("transcription.completed")]
    assert (completed["transcript"], completed["usage"]) == ("Good day to you.", {"type": "duration", "seconds": 1.4})
    assert transcript(events) == "And to you."
    assert emulator.sessions[0].heard == ["Good day to you."]


async def test_audio_of_an_answer_is_a_tone_a_word(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        await client.send(say("Good day."), respond())
        events = await client.until("rate_limits.updated")
    sound = audio(events)
    assert len(sound) == len("And to you.") * MS_PER_CHARACTER * RATE // 1000 * 2
    assert LEVELS["linear16"](sound) > 1000
    done = events[-2]["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "And to you."}]
    # A token of the model's audio is 50 ms, a word of its text is one.
    assert done["usage"]["output_token_details"] == {"text_tokens": 3, "audio_tokens": 13}
    assert done["usage"]["output_tokens"] == 16
    assert done["usage"]["total_tokens"] == done["usage"]["input_tokens"] + 16


@pytest.mark.parametrize(("name", "encoding"), [("audio/pcmu", "mulaw"), ("audio/pcma", "alaw")])
async def test_a_telephone_is_heard_and_answered(emulator: OpenAIRealtime, name: str, encoding: str) -> None:
    emulator.announce("Good day.")
    loud, silent = {"mulaw": (b"\x80\x00", b"\xff"), "alaw": (b"\xaa\x2a", b"\xd5")}[encoding]
    async with talking(emulator) as client:
        await client.ask(update(audio={"input": {"format": {"type": name}}, "output": {"format": {"type": name}}}))
        await client.send(append(silent * 8000), append(loud * 2400), append(silent * 8000))
        events = await client.until("rate_limits.updated")
    assert events[0]["audio_start_ms"] == 700
    assert len(audio(events)) == len("And to you.") * MS_PER_CHARACTER * 8
    assert LEVELS[encoding](audio(events)) > 1000


async def test_tokens_of_what_was_said_before_are_cached(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    async with talking(emulator) as client:
        await client.send(speech(1.4), pause())
        first = (await client.until("rate_limits.updated"))[-2]["response"]["usage"]
        await client.send(say("Good day, good day."), respond())
        second = (await client.until("rate_limits.updated"))[-2]["response"]["usage"]
    # A token of a caller's audio is 100 ms: 1.4 s and the 500 ms that end it; then the model's 660 ms as well.
    assert first["input_token_details"]["audio_tokens"] == 19
    assert first["input_token_details"]["cached_tokens"] == 0
    assert second["input_token_details"]["audio_tokens"] == 19 + 13
    cached = first["input_token_details"]["text_tokens"]
    assert second["input_token_details"]["cached_tokens_details"] == {
        "text_tokens": cached,
        "audio_tokens": 19,
        "image_tokens": 0,
    }


async def test_nothing_is_heard_without_speech(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    async with talking(emulator) as client:
        event = await client.ask(pause(2), append(tone(1, level=40, rate=RATE)), pause(), update())
    assert event["type"] == "session.updated"


async def test_a_higher_threshold_wants_louder_speech(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    whisper = append(tone(1, level=300, rate=RATE))
    async with talking(emulator) as client:
        await client.ask(listen(turn_detection={"type": "server_vad", "threshold": 0.9}))
        assert (await client.ask(whisper, pause(), update()))["type"] == "session.updated"
        assert (await client.ask(listen(turn_detection={"type": "server_vad", "threshold": 0.4})))["type"]
        assert (await client.ask(whisper))["type"] == "input_audio_buffer.speech_started"


async def test_a_pause_within_what_was_announced_ends_nothing(emulator: OpenAIRealtime) -> None:
    emulator.announce("All of it.", secs=2.0)
    emulator.announce("And more.")
    async with talking(emulator) as client:
        await client.ask(listen(turn_detection={"type": "server_vad", "create_response": False}))
        await client.send(speech(), pause(), speech(), pause(), speech(), pause())
        await client.until("input_audio_buffer.speech_stopped")
        await client.until("input_audio_buffer.speech_stopped")
        assert (await client.until("conversation.item.done"))[-1]["item"]["role"] == "user"
    assert emulator.sessions[0].heard == ["All of it.", "And more."]


@pytest.mark.parametrize(
    ("eagerness", "text", "secs"), [("low", "Yes.", 1.0), ("high", "Yes.", 0.25), ("high", "Well, I", 2.0)]
)
async def test_semantic_detection_waits_for_a_sentence_to_end(
    emulator: OpenAIRealtime, eagerness: str, text: str, secs: float
) -> None:
    emulator.announce(text)
    async with talking(emulator) as client:
        await client.ask(listen(turn_detection={"type": "semantic_vad", "eagerness": eagerness}))
        await client.send(speech(1), pause(3))
        events = await client.until("input_audio_buffer.speech_stopped")
    assert events[-1]["audio_end_ms"] == pytest.approx(1000 + secs * 1000, abs=40)


async def test_turns_can_be_heard_without_an_answer(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    async with talking(emulator) as client:
        await client.ask(listen(turn_detection={"type": "server_vad", "create_response": False}))
        await client.send(speech(), pause(), update())
        events = await client.until("session.updated")
    assert kinds(events)[-2] == "conversation.item.done"


async def test_without_turn_detection_the_client_says_when(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    commit = {"type": "input_audio_buffer.commit"}
    async with talking(emulator) as client:
        await client.ask(listen(turn_detection=None, transcription={"model": "whisper-1"}))
        # What is cleared was not said yet: it comes again.
        assert (await client.ask(speech(), {"type": "input_audio_buffer.clear"}))[
            "type"
        ] == "input_audio_buffer.cleared"
        await client.send(speech(), commit, respond())
        events = await client.until("rate_limits.updated")
        await client.send(pause(), commit)
        silent = await client.until("conversation.item.input_audio_transcription.completed")
    assert kinds(events)[:6] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
    ]
    assert transcript(events) == "And to you."
    assert silent[-1]["transcript"] == ""
    assert emulator.sessions[0].heard == ["Good day.", ""]


async def test_tools_are_called_side_by_side_and_their_results_answered(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        await client.ask(update(tools=[WEATHER]))
        await client.send(say("Rome and Paris?"), respond())
        events = await client.until("rate_limits.updated")
        calls = [each["item"] for each in events if each["type"] == "conversation.item.added"][1:]
        for call, output in zip(calls, ("rain", "sun"), strict=True):
            item = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
            await client.send({"type": "conversation.item.create", "item": item})
        await client.send(respond())
        answer = await client.until("rate_limits.updated")
    assert [(call["type"], call["name"], call["arguments"], call["status"]) for call in calls] == [
        ("function_call", "weather", "", "in_progress")
    ] * 2
    own = [each for each in events if each.get("call_id") == calls[1]["call_id"]]
    assert kinds(own) == [*["response.function_call_arguments.delta"] * 3, "response.function_call_arguments.done"]
    assert "".join(each["delta"] for each in own[:-1]) == own[-1]["arguments"] == '{"city": "Paris"}'
    assert [each["output_index"] for each in events if each["type"] == "response.output_item.done"] == [0, 1]
    assert [item["status"] for item in events[-2]["response"]["output"]] == ["completed"] * 2
    assert transcript(answer) == "Rain in Rome, sun in Paris."


async def test_words_come_before_a_call(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        await client.ask(update(tools=[WEATHER]))
        await client.send(say("Rome?"), respond())
        events = await client.until("rate_limits.updated")
    assert transcript(events) == "Let me see."
    assert [item["type"] for item in events[-2]["response"]["output"]] == ["message", "function_call"]


@pytest.mark.parametrize(
    ("tools", "choice", "heard", "message"),
    [
        ([], "auto", "Rome?", "The emulator's script calls 'weather', which the session does not offer."),
        (
            [WEATHER],
            "required",
            "Good day",
            "The emulator's script does not call the tool that 'tool_choice' asks for.",
        ),
        (
            [WEATHER, {**WEATHER, "name": "other"}],
            {"type": "function", "name": "other"},
            "Rome?",
            "The emulator's script does not call the tool that 'tool_choice' asks for.",
        ),
    ],
)
async def test_a_script_that_does_not_fit_the_tools_fails(
    emulator: OpenAIRealtime, tools: list[Json], choice: Any, heard: str, message: str
) -> None:
    async with talking(emulator) as client:
        await client.ask(update(tools=tools))
        await client.send(say(heard), respond(tool_choice=choice))
        response = (await client.until("rate_limits.updated"))[-2]["response"]
    assert (response["status"], response["status_details"]["error"]["message"]) == ("failed", message)


async def test_a_response_has_parameters_of_its_own(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        await client.ask(update(tools=[WEATHER]))
        await client.send(say("Rome?"), respond(output_modalities=["text"], tool_choice="none", metadata={"a": "b"}))
        events = await client.until("rate_limits.updated")
        await client.send(say("Something long."), respond(max_output_tokens=2))
        cut = await client.until("rate_limits.updated")
    assert [each["delta"] for each in events if each["type"] == "response.output_text.delta"] == ["Let", " me", " see."]
    response = events[-2]["response"]
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "Let me see."}]
    assert (len(response["output"]), response["metadata"]) == (1, {"a": "b"})
    assert response["usage"]["output_token_details"] == {"text_tokens": 3, "audio_tokens": 0}
    assert transcript(cut) == "One two"
    assert cut[-2]["response"]["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert cut[-2]["response"]["output"][0]["status"] == "incomplete"


async def test_a_response_beside_the_conversation_leaves_no_trace(emulator: OpenAIRealtime) -> None:
    emulator.latency = Latency(first_secs=0.1)
    given = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Good day."}]}
    async with talking(emulator) as client:
        await client.ask(say("Something long."))
        before = len(emulator.sessions[0].conversation.items)
        await client.send(respond(), respond(conversation="none", input=[given], output_modalities=["text"]))
        events = [*await client.until("rate_limits.updated"), *await client.until("rate_limits.updated")]
    beside, own = sorted(
        (each["response"] for each in events if each["type"] == "response.done"),
        key=lambda response: response["conversation_id"] or "",
    )
    assert beside["output"][0]["content"][0]["text"] == "And to you."
    assert own["output"][0]["content"][0]["transcript"].startswith("One two")
    assert len(emulator.sessions[0].conversation.items) == before + 1


EXACT = 'Say exactly the following and nothing else:\n"Hello: this is Acme."'


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ([respond(instructions=EXACT)], "Hello: this is Acme."),
        ([say("Say exactly this, word for word:\n\nOne. Two.", "system"), respond()], "One. Two."),
        ([say(EXACT, "system"), respond()], "Hello: this is Acme."),
        ([say("good day"), respond(instructions="Say exactly: Good night.")], "Good night."),
        ([respond(instructions="Ask whether the caller is still there.")], "Are you still there?"),
        ([say("good day"), respond(instructions="Ask whether the caller is still there.")], "And to you."),
        ([say("good day"), say("Hello.", "assistant"), respond()], "I have no answer to that."),
        (
            [
                {"type": "conversation.item.create", "item": {"type": "function_call", "name": "f", "arguments": "{}"}},
                {
                    "type": "conversation.item.create",
                    "item": {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call"},
                },
                {
                    "type": "conversation.item.create",
                    "item": {"type": "function_call_output", "call_id": "call", "output": "Say exactly: good day"},
                },
                respond(),
            ],
            "And to you.",
        ),
    ],
)
async def test_what_a_response_is_made_of(emulator: OpenAIRealtime, sent: list[Json], said: str) -> None:
    async with talking(emulator) as client:
        await client.send(*sent)
        assert transcript(await client.until("rate_limits.updated")) == said


async def test_a_caller_who_speaks_cuts_the_answer_short(emulator: OpenAIRealtime) -> None:
    emulator.latency = Latency(each_secs=5)
    emulator.announce("Good day.")
    async with talking(emulator) as client:
        await client.send(say("Something long."), respond())
        first = await client.until("response.output_audio.delta")
        emulator.latency.each_secs = 0
        await client.send(speech(), pause())
        events = await client.until("response.created")
        answer = await client.until("response.done")
    cut = events[events.index(next(each for each in events if each["type"].endswith("speech_started"))) :]
    assert kinds(cut) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    response = cut[6]["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    [item] = response["output"]
    assert item["status"] == "incomplete"
    said = transcript([*first, *events])
    assert item["content"][0]["transcript"] == said
    assert said == "One"
    assert transcript(answer) == "And to you."


async def test_a_caller_need_not_cut_the_answer_short(emulator: OpenAIRealtime) -> None:
    emulator.latency = Latency(each_secs=0.5)
    emulator.announce("Good day.")
    async with talking(emulator) as client:
        await client.ask(listen(turn_detection={"type": "server_vad", "interrupt_response": False}))
        await client.send(say("Something long."), respond())
        await client.until("response.output_audio.delta")
        error = await client.refused(speech(), pause())
        emulator.latency.each_secs = 0
        done = (await client.until("response.done"))[-1]["response"]
    assert done["status"] == "completed"
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", None)


async def test_a_client_cancels(emulator: OpenAIRealtime) -> None:
    emulator.latency = Latency(first_secs=30)
    async with talking(emulator) as client:
        await client.send(say("Something long."), respond(), {"type": "response.cancel"})
        response = (await client.until("response.done"))[-1]["response"]
        assert (await client.refused({"type": "response.cancel", "event_id": "mine"})) == {
            "type": "invalid_request_error",
            "code": "response_cancel_not_active",
            "message": "Cancellation failed: no active response found",
            "param": None,
            "event_id": "mine",
        }
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert response["output"] == []


async def test_what_was_not_heard_of_an_answer_is_forgotten(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        await client.send(say("Good day."), respond())
        item = (await client.until("rate_limits.updated"))[-2]["response"]["output"][0]["id"]
        truncate = {"type": "conversation.item.truncate", "item_id": item, "content_index": 0}
        error = await client.refused({**truncate, "audio_end_ms": 661})
        assert (error["code"], error["message"]) == (
            "invalid_value",
            "Audio content of 660ms is already shorter than 661ms",
        )
        truncated = await client.ask({**truncate, "audio_end_ms": 300})
        assert truncated == {**truncate, "type": "conversation.item.truncated", "audio_end_ms": 300} | {
            "event_id": truncated["event_id"]
        }
        retrieved = await client.ask({"type": "conversation.item.retrieve", "item_id": item})
        assert retrieved["item"]["content"] == [{"type": "output_audio", "transcript": None}]


@pytest.mark.parametrize("speed", [0.25, 1.1, 1.5])
async def test_a_faster_voice_has_less_to_truncate(emulator: OpenAIRealtime, speed: float) -> None:
    async with talking(emulator) as client:
        await client.ask(update(audio={"output": {"speed": speed}}))
        await client.send(say("Something long."), respond())
        events = await client.until("rate_limits.updated")
        # As a client reckons that knows nothing but what it got.
        ms = int(len(audio(events)) / 2 / RATE * 1000)
        item = events[-2]["response"]["output"][0]["id"]
        truncate = {"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": ms}
        assert (await client.ask(truncate))["type"] == "conversation.item.truncated"
    assert ms == pytest.approx(2940 / speed, rel=0.01)


async def test_a_call_can_be_cut_short(emulator: OpenAIRealtime) -> None:
    emulator.latency = Latency(each_secs=5)
    async with talking(emulator) as client:
        await client.ask(update(tools=[WEATHER]))
        await client.send(say("Rome and Paris?"), respond())
        await client.until("response.function_call_arguments.delta")
        await client.send({"type": "response.cancel"})
        events = await client.until("rate_limits.updated")
    assert kinds(events) == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    [call] = events[-2]["response"]["output"]
    assert (call["status"], call["arguments"]) == ("incomplete", '{"city":')


async def test_items_have_an_order_and_can_be_looked_at(emulator: OpenAIRealtime) -> None:
    emulator.announce("Good day.")
    async with talking(emulator) as client:
        await client.ask(listen(turn_detection=None))
        await client.send(speech(), {"type": "input_audio_buffer.commit"})
        heard = (await client.until("conversation.item.done"))[-1]["item"]["id"]
        first = {**say("First.", id="first"), "previous_item_id": "root"}
        second = {**say("Second.", id="second"), "previous_item_id": "first"}
        await client.send(first, second)
        places = [each["previous_item_id"] for each in [await client.next() for _ in range(4)][::2]]
        retrieved = await client.ask({"type": "conversation.item.retrieve", "item_id": heard})
        deleted = await client.ask({"type": "conversation.item.delete", "item_id": "first"})
    assert places == [None, "first"]
    assert base64.b64decode(retrieved["item"]["content"][0]["audio"]) == tone(0.6, rate=RATE)
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", "first")
    assert [item.name for item in emulator.sessions[0].conversation.items] == ["second", heard]


async def test_what_was_received_is_kept(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        await client.ask(pause(3), update())
        await client.line.close()
        await until(lambda: emulator.sessions[0].closed is not None)
    [session] = emulator.sessions
    assert session.received == [update()]
    assert len(session.audio) == 3 * RATE * 2
    assert session.ahead_secs > 2
    assert session.closed == 1000
    assert emulator.exchanges() is emulator.sessions


async def test_audio_at_its_own_pace_is_not_ahead(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        for _ in range(10):
            await client.send(pause(0.02))
            await asyncio.sleep(0.02)
        await until(lambda: len(emulator.sessions[0].audio) == RATE * 2 // 5)
    assert emulator.sessions[0].ahead_secs < 0.05


async def closing(client: Client) -> list[str]:
    """Return what still comes before the connection ends."""
    messages: list[str] = []
    try:
        while True:
            messages.append(str(await asyncio.wait_for(client.line.recv(), 10)))
    except ConnectionClosed:
        return messages


async def test_a_session_expires(emulator: OpenAIRealtime) -> None:
    emulator.session_secs = 0.3
    async with talking(emulator) as client:
        [error] = [json.loads(message) for message in await closing(client)]
    text = "Your session hit the maximum duration of 0.005 minutes."
    assert (error["error"]["code"], error["error"]["message"]) == ("session_expired", text)
    assert (client.line.close_code, client.line.close_reason) == (1001, text)


async def test_an_error_leaves_a_session_open(emulator: OpenAIRealtime) -> None:
    async with talking(emulator) as client:
        emulator.error("odd", "Hm.")
        error = (await client.next())["error"]
        assert (error["type"], error["code"], error["message"]) == ("invalid_request_error", "odd", "Hm.")
        assert (await client.ask(update()))["type"] == "session.updated"


async def test_a_response_fails_and_the_next_does_not(emulator: OpenAIRealtime) -> None:
    emulator.failing = 1
    async with talking(emulator) as client:
        done = []
        for _ in range(2):
            await client.send(respond())
            done.append((await client.until("response.done"))[-1]["response"])
    assert [each["status"] for each in done] == ["failed", "completed"]
    assert done[0]["status_details"]["error"]["type"] == "server_error"
    assert done[0]["output"] == []


@pytest.mark.parametrize("code", [1000, 1011])
async def test_a_server_goes_away(emulator: OpenAIRealtime, code: int) -> None:
    async with talking(emulator) as client:
        emulator.close(code, "bye")
        assert await closing(client) == []
    assert (client.line.close_code, client.line.close_reason) == (code, "bye")
    assert emulator.sessions[0].closed is None


@pytest.mark.parametrize(
    ("fault", "code", "last"),
    [
        (Break("drop", after=4), 1006, "conversation.item.done"),
        (Break("error", after=4), 1011, "conversation.item.done"),
    ],
)
async def test_a_session_breaks_off(emulator: OpenAIRealtime, fault: Fault, code: int, last: str) -> None:
    emulator.faults = iter([fault])
    async with talking(emulator) as client:
        await client.send(update(), say("Good day."), respond())
        messages = await closing(client)
    assert json.loads(messages[-1])["type"] == last
    assert client.line.close_code == code


async def test_a_message_is_garbage(emulator: OpenAIRealtime) -> None:
    emulator.faults = iter([Break("garbage", after=1)])
    async with talking(emulator) as client:
        await client.send(update())
        with pytest.raises(json.JSONDecodeError):
            await client.next()


async def test_nothing_more_comes(emulator: OpenAIRealtime) -> None:
    emulator.faults = iter([Break("hang", after=1)])
    async with talking(emulator) as client:
        await client.send(say("Good day."), respond())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.line.recv(), 0.3)


async def test_a_slow_connection_is_not_run_ahead_of(emulator: OpenAIRealtime) -> None:
    emulator.faults = iter([Slow(0.03)])
    emulator.announce("Good day.")
    async with talking(emulator) as client:
        await client.send(say("Something long."), respond())
        await client.until("response.output_audio.delta")
        await client.send(speech(), pause())
        events = await client.until("response.done")
    assert events[-1]["response"]["status"] == "cancelled"


async def test_an_answer_takes_its_time(emulator: OpenAIRealtime) -> None:
    emulator.latency = Latency(first_secs=0.3, each_secs=0.05)
    async with talking(emulator) as client:
        await client.send(say("Something long."), respond())
        await client.until("response.created")
        times = [asyncio.get_running_loop().time()]
        while len(times) < 6:
            await client.until("response.output_audio.delta")
            times.append(asyncio.get_running_loop().time())
    first, *rest = (after - before for before, after in itertools.pairwise(times))
    assert first > 0.25
    assert sum(rest) < first
