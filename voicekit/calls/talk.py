"""Talk: a script of what a caller says and what must come back, held over a call and measured."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicekit.calls.microphone import Samples
from voicekit.calls.speech import Speaker
from voicekit.calls.webrtc_caller import CallFailed, WebRtcCaller

ANSWER_SECS = 10.0
SPEECH_SECS = 30.0
# Far enough into an answer that it is under way, and not at its end.
INTERRUPT_AFTER_SECS = 0.8


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a script.

    Attributes:
        say: What the caller says.
        expect: A regular expression that the agent's words must contain; case does not matter.
        interrupts: Whether the caller begins while the agent is still speaking.
        ends: Whether the agent hangs up after it.
    """

    say: str
    expect: str
    interrupts: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a turn.

    Attributes:
        turn: The turn.
        heard: What the agent understood.
        said: What it answered.
        answer_secs: From the caller's last audible sample to the agent's first, at the caller's ear.
        silenced_secs: From the first audible sample of an interruption to the agent's last; else None.
        problem: What is wrong, or empty.
    """

    turn: Turn
    heard: str
    said: str
    answer_secs: float | None
    silenced_secs: float | None
    problem: str


async def hold(caller: WebRtcCaller, speaker: Speaker, script: Sequence[Turn], tell: Callable[[Result], None]) -> bool:
    """Hold a talk.

    Args:
        caller: An open call, whose greeting has been heard.
        speaker: The caller's voice.
        script: The turns.
        tell: Told of each turn when it is over.

    Returns:
        Whether every turn was answered rightly.
    """
    right = True
    for position, turn in enumerate(script):
        following = script[position + 1] if position + 1 < len(script) else None
        result = await _turn(caller, speaker, turn, to_its_end=not (following and following.interrupts))
        tell(result)
        right = right and not result.problem
        if not result.said:
            break
    return right


async def _turn(caller: WebRtcCaller, speaker: Speaker, turn: Turn, *, to_its_end: bool) -> Result:
    speech = await speaker.speech(turn.say)
    since = len(caller.messages)
    answer: float | None = None
    silenced: float | None = None
    problem = ""
    try:
        if turn.interrupts:
            since, answer, silenced = await _interrupt(caller, speech)
        else:
            await caller.microphone.speak(speech)
            spoken = caller.microphone.last_audible or 0.0
            answer = await caller.ear.sound(spoken, ANSWER_SECS) - spoken
        if to_its_end:
            await caller.ear.silence(SPEECH_SECS)
        if turn.ends:
            await caller.until_ended(SPEECH_SECS)
    except (TimeoutError, CallFailed) as error:
        problem = str(error) or f"no answer within {ANSWER_SECS:g} s"
    said = agent_words(caller.messages[since:])
    if not problem and not re.search(turn.expect, said, re.IGNORECASE):
        problem = f"the answer should contain: {turn.expect}"
    return Result(turn, caller_words(caller.messages[since:]), said, answer, silenced, problem)


async def _interrupt(caller: WebRtcCaller, speech: Samples) -> tuple[int, float, float | None]:
    """Speak into the agent's answer.

    Returns:
        The number of messages before the interruption, the seconds to the new answer, and the seconds that the
        old one went on.
    """
    since = len(caller.messages)
    await asyncio.sleep(INTERRUPT_AFTER_SECS)
    await caller.microphone.speak(speech)
    position = await caller.message("bot-interrupted", since, ANSWER_SECS)
    stopped = caller.arrivals[position]
    answer = await caller.ear.sound(stopped, ANSWER_SECS)
    ended, began = caller.ear.last_before(stopped), caller.microphone.first_audible
    silenced = max(0.0, ended - began) if ended is not None and began is not None else None
    return position, answer - (caller.microphone.last_audible or 0.0), silenced


def agent_words(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the agent said, from the messages that announce each sentence."""
    said = (message["data"] for message in messages if message.get("type") == "bot-output")
    return " ".join(data["text"].strip() for data in said if data.get("spoken_status") == "new")


def caller_words(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the agent heard."""
    heard = (message["data"] for message in messages if message.get("type") == "user-transcription")
    return " ".join(data["text"].strip() for data in heard if data.get("final"))
