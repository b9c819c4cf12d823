"""Exchange: one turn of a call over any line, spoken and measured at the caller's ear. It compares no words."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from voicekit.calls.caller import Caller
from voicekit.calls.microphone import Samples

ANSWER_SECS: Final = 10.0
SPEECH_SECS: Final = 30.0
# Far enough into an answer that it is under way, and not at its end.
INTERRUPT_AFTER_SECS: Final = 0.8


@dataclass(frozen=True, slots=True)
class Measured:
    """What was heard of one answer.

    Attributes:
        began: The moment of its first audible sample.
        answer_secs: From the caller's last audible sample to that.
        silenced_secs: From the first audible sample of an interruption to the last of what it cut off; None where
            nobody interrupted.
        cut: The moment at which the agent's side said that it was interrupted, likewise.
    """

    began: float
    answer_secs: float
    silenced_secs: float | None = None
    cut: float | None = None


async def greeted(caller: Caller, called: float) -> Measured:
    """Wait for the first words of an agent, to their end.

    Args:
        caller: A call that has just been answered.
        called: The moment at which it was placed.

    Raises:
        TimeoutError: None came, or they had no end.
    """
    began = await caller.ear.sound(0.0, ANSWER_SECS)
    await caller.ear.silence(SPEECH_SECS)
    return Measured(began, began - called)


async def ask(caller: Caller, speech: Samples) -> Measured:
    """Say something and wait until the answer begins; `caller.ear.silence` waits for its end.

    Args:
        caller: A call in which the agent is silent.
        speech: int16 samples at 48 kHz, shape (n,).

    Raises:
        TimeoutError: Nothing was heard.
    """
    await caller.microphone.speak(speech)
    spoken = caller.microphone.last_audible or time.monotonic()
    began = await caller.ear.sound(spoken, ANSWER_SECS)
    return Measured(began, began - spoken)


async def interrupt(caller: Caller, speech: Samples, after_secs: float = INTERRUPT_AFTER_SECS) -> Measured:
    """Speak into what the agent says, and wait until the answer to it begins.

    Args:
        caller: A call in which the agent speaks.
        speech: int16 samples at 48 kHz, shape (n,).
        after_secs: From now.

    Raises:
        TimeoutError: Nothing was heard.
        CallFailed: The agent was not interrupted.
    """
    await asyncio.sleep(after_secs)
    since = time.monotonic()
    await caller.microphone.speak(speech)
    cut = await caller.cut(since, ANSWER_SECS)
    began = await caller.ear.sound(cut, ANSWER_SECS)
    ended, first = caller.ear.last_before(cut), caller.microphone.first_audible
    silenced = max(0.0, ended - first) if ended is not None and first is not None else None
    return Measured(began, began - (caller.microphone.last_audible or since), silenced, cut)


async def stay_silent(caller: Caller, within_secs: float) -> float:
    """Say nothing until the agent speaks; return how long that took.

    Raises:
        TimeoutError: It did not.
    """
    since = time.monotonic()
    return await caller.ear.sound(since, within_secs) - since
