"""Talk: a script of what a caller says and which words must come back, held over a call and measured."""

import bisect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicekit.calls.caller import Caller, CallFailed
from voicekit.calls.exchange import ANSWER_SECS, SPEECH_SECS, Measured, ask, interrupt
from voicekit.calls.speech import Speaker


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


async def hold(caller: Caller, speaker: Speaker, script: Sequence[Turn], tell: Callable[[Result], None]) -> bool:
    """Hold a talk.

    Args:
        caller: An open call, whose greeting has been heard, over a line that carries what is said as messages, too.
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


async def _turn(caller: Caller, speaker: Speaker, turn: Turn, *, to_its_end: bool) -> Result:
    speech = await speaker.speech(turn.say)
    since = len(caller.messages)
    measured: Measured | None = None
    problem = ""
    try:
        measured = await (interrupt if turn.interrupts else ask)(caller, speech)
        if measured.cut is not None:
            since = bisect.bisect_left(caller.arrivals, measured.cut)
        if to_its_end:
            await caller.ear.silence(SPEECH_SECS)
        else:
            # Its sound may come before its words.
            await caller.message("bot-output", since, ANSWER_SECS)
        if turn.ends:
            await caller.until_ended(SPEECH_SECS)
    except (TimeoutError, CallFailed) as error:
        problem = str(error) or f"no answer within {ANSWER_SECS:g} s"
    said = agent_words(caller.messages[since:])
    if not problem and not re.search(turn.expect, said, re.IGNORECASE):
        problem = f"the answer should contain: {turn.expect}"
    return Result(
        turn,
        caller_words(caller.messages[since:]),
        said,
        measured.answer_secs if measured else None,
        measured.silenced_secs if measured else None,
        problem,
    )


def agent_words(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the agent said, from the messages that announce each sentence."""
    said = (message["data"] for message in messages if message.get("type") == "bot-output")
    return " ".join(data["text"].strip() for data in said if data.get("spoken_status") == "new")


def caller_words(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the agent heard."""
    heard = (message["data"] for message in messages if message.get("type") == "user-transcription")
    return " ".join(data["text"].strip() for data in heard if data.get("final"))
