"""The child process that holds one pocketsphinx decoder, which keeps the GIL while it works.

Nothing of one caller stays for the next: what the decoder learns of a caller's microphone (the level and the
cepstral mean) travels with each utterance, as a state that the parent keeps and never looks into.

START takes `{"grammar": JSGF text or "", "state": ... or null}`, AUDIO 16-bit mono PCM at 16 kHz, END
nothing. Each is answered by one TEXT: `{"text": ... or null}` while the utterance lasts, where null is no news,
and `{"text": ..., "state": ...}` at its end.
"""

import json
import re
from array import array
from typing import TypedDict

from pocketsphinx import Decoder

from voicekit.services.frames import AUDIO, END, READY, REFUSED, RESET, START, TEXT, Pipe, run

RATE = 16000
INTERIM_SAMPLES = RATE // 5
BLOCK_SAMPLES = RATE // 50
"""Audio is taken in such steps however it comes, so that the same speech always gives the same words."""
TARGET_PEAK = 10000.0
MOST_GAIN = 20.0  # 26 dB
HALF_LIFE = 3 * RATE
"""Samples after which the estimate of a caller's level has fallen by half, when nothing louder comes."""

LESSON_SAMPLES = RATE
"""How much of a new caller's speech is decoded twice, the second time with the microphone's own mean."""
CMN_WINDOW = 500
"""Frames for which pocketsphinx lets the mean it was given count (CMN_WIN in its `feat/cmn.h`)."""

OPEN = "_default"
"""pocketsphinx's name for the search with its own language model."""

_NOT_WORDS = re.compile(r"\(\d+\)|<[^>]*>|\[[^\]]*\]|\+\+\w+\+\+")
_NOT_GRAMMAR_WORDS = re.compile(
    r"//[^\n]*|/\*.*?\*/|#JSGF[^;]*;|\b(?:grammar|import)\b[^;]*;|\bpublic\b|<[^>]*>|\{[^}]*\}|/[\d.]+/", re.S
)


class State(TypedDict):
    """What an utterance teaches about the caller's microphone."""

    peak: float
    cmn: str


def clean(text: str) -> str:
    """Return a hypothesis without the marks of pronunciation variants, silences and noises."""
    return " ".join(_NOT_WORDS.sub("", text).split())


class Level:
    """Lifts a quiet microphone so that its speech peaks near `TARGET_PEAK`, as the acoustic model expects.

    A louder sample counts at once, so that nothing clips; the estimate falls slowly, so that the pauses of
    a sentence are not pumped up. Loud speech is left as it is.
    """

    def __init__(self, peak: float = 0.0) -> None:
        self.peak = peak

    def lift(self, samples: "array[int]") -> "array[int]":
        """Return the samples with the gain for this caller."""
        if not samples:
            return samples
        faded = self.peak * 0.5 ** (len(samples) / HALF_LIFE)
        self.peak = max(*samples, -min(samples), faded)
        gain = min(MOST_GAIN, TARGET_PEAK / max(self.peak, 1.0))
        if gain <= 1.0:
            return samples
        return array("h", [int(sample * gain) for sample in samples])


class Recogniser:
    """One decoder and the utterance it is in."""

    def __init__(self) -> None:
        # A second pass makes the final words come five times later, for no gain that could be measured.
        self._decoder = Decoder(loglevel="FATAL", fwdflat=False)
        self._untaught = self._decoder.get_cmn(False)
        self._grammar = ""
        self._level = Level()
        self._unheard = 0
        self._lesson: array[int] | None = None
        self._speaking = False

    def start(self, grammar: str, state: State | None) -> None:
        """Begin an utterance. Raises ValueError for a grammar that cannot be used."""
        self.drop()
        self._use(grammar)
        self._level = Level(state["peak"] if state else 0.0)
        self._decoder.set_cmn(state["cmn"] if state else self._untaught)
        self._decoder.start_utt()
        self._lesson = None if state else array("h")
        self._unheard = 0
        self._speaking = True

    def hear(self, audio: bytes) -> str | None:
        """Decode some audio; return the text so far at most every 200 ms of audio, and None in between."""
        samples = array("h", audio[: len(audio) & ~1])
        for first in range(0, len(samples), BLOCK_SAMPLES):
            self._take(samples[first : first + BLOCK_SAMPLES])
        self._unheard += len(samples)
        if self._unheard < INTERIM_SAMPLES:
            return None
        self._unheard = 0
        return self._text()

    def end(self) -> tuple[str, State]:
        """End the utterance; return its words, and what it teaches about the caller's microphone."""
        if self._lesson:
            self._learn(self._lesson)
        self.drop()
        return self._text(), {"peak": self._level.peak, "cmn": self._decoder.get_cmn(False)}

    def drop(self) -> None:
        """Leave the utterance, if there is one."""
        if self._speaking:
            self._decoder.end_utt()
        self._speaking = False

    def _take(self, block: "array[int]") -> None:
        self._decode(self._level.lift(block))
        if self._lesson is not None:
            self._lesson += block
            if len(self._lesson) >= LESSON_SAMPLES:
                self._learn(self._lesson)

    def _decode(self, samples: "array[int]") -> None:
        self._decoder.process_raw(samples.tobytes(), False, False)

    def _learn(self, lesson: "array[int]") -> None:
        """Decode what was said so far again, with its own mean: the default fits nobody's microphone."""
        self._lesson = None
        self._decoder.end_utt()
        if frames := self._decoder.n_frames():
            given = [float(value) for value in self._untaught.split(",")]
            mixed = [float(value) for value in self._decoder.get_cmn(True).split(",")]
            own = [m + (m - g) * CMN_WINDOW / frames for m, g in zip(mixed, given, strict=True)]
            self._decoder.set_cmn(",".join(f"{value:.4f}" for value in own))
        self._decoder.start_utt()
        self._decode(self._level.lift(lesson))

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        return clean(hypothesis.hypstr) if hypothesis else ""

    def _use(self, grammar: str) -> None:
        if grammar == self._grammar:
            return
        self._grammar = ""
        self._decoder.activate_search(OPEN)
        if grammar:
            try:
                self._decoder.add_jsgf_string("grammar", grammar)
            except ValueError:
                raise ValueError(self._what_is_wrong(grammar)) from None
            self._decoder.activate_search("grammar")
            self._grammar = grammar

    def _what_is_wrong(self, grammar: str) -> str:
        words = re.findall(r"[^\W_][\w'.-]*", _NOT_GRAMMAR_WORDS.sub(" ", grammar))
        unknown = sorted({word for word in words if self._decoder.lookup_word(word) is None})
        if unknown:
            return f"the grammar has words that pocketsphinx's dictionary lacks: {', '.join(unknown)}"
        return "the grammar is not JSGF that pocketsphinx can read"


def serve(pipe: Pipe) -> None:
    """Answer the parent's frames until it closes the pipe."""
    recogniser = Recogniser()
    pipe.send(READY)
    while frame := pipe.receive():
        operation, payload = frame
        if operation == RESET:
            recogniser.drop()
            pipe.send(READY)
        elif operation == AUDIO:
            pipe.send(TEXT, json.dumps({"text": recogniser.hear(payload)}).encode())
        elif operation == END:
            text, state = recogniser.end()
            pipe.send(TEXT, json.dumps({"text": text, "state": state}).encode())
        elif operation == START:
            try:
                recogniser.start(**json.loads(payload))
            except ValueError as error:
                pipe.send(REFUSED, str(error).encode())
            else:
                pipe.send(TEXT, b"{}")


if __name__ == "__main__":
    run(serve)
