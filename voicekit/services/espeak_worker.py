"""The child process that speaks with espeak-ng, apart because that library is GPL-3 and its state is global.

SPEAK takes `{"voice": ..., "rate": words per minute, "text": ...}` and is answered by AUDIO frames, 16-bit
mono PCM at 22.05 kHz of at most 60 ms each, as they are made, then DONE. Whatever the parent sends meanwhile
ends the speech without DONE. Constants: `espeak-ng/speak_lib.h`.
"""

import ctypes
from importlib.util import find_spec
from typing import Any

from voicekit.services.frames import AUDIO, Pipe, run, speak_on_request

RATE = 22050
SYNCHRONOUS = 2
DO_NOT_EXIT = 0x8000
CHARS_UTF8 = 1
POSITION_CHARACTER = 1
PARAMETER_RATE = 1
BUFFER_MS = 60
GO_ON, STOP = 0, 1

_OnAudio = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


def _library() -> tuple[ctypes.CDLL, bytes | None]:
    """Return the library and where its data is; None for the place it was built with."""
    if find_spec("espeakng_loader"):
        import espeakng_loader  # noqa: PLC0415 - optional

        return ctypes.CDLL(espeakng_loader.get_library_path()), espeakng_loader.get_data_path().encode()
    return ctypes.CDLL("libespeak-ng.so.1"), None


class Espeak:
    """The C library, which speaks one text at a time."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._library, data = _library()
        rate = self._library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data, DO_NOT_EXIT)
        if rate != RATE:
            raise OSError(f"espeak-ng started with {rate} Hz, not {RATE}: is its data here?")
        self._library.espeak_Info.restype = ctypes.c_char_p
        version = self._library.espeak_Info(None).decode().split()[0]
        self._old = tuple(int(part) for part in version.split(".")[:2]) < (1, 52)
        self._on_audio = _OnAudio(self._pass_on)
        self._library.espeak_SetSynthCallback(self._on_audio)

    def choose(self, voice: str, rate: int) -> bool:
        """Set the voice and the words per minute; False when there is no such voice."""
        # Before 1.52 this voice reads the digits of the tones aloud, in English.
        if self._old and voice.partition("+")[0] == "cmn":
            voice = voice.replace("cmn", "cmn-latn-pinyin", 1)
        self._library.espeak_SetParameter(PARAMETER_RATE, rate, 0)
        return bool(self._library.espeak_SetVoiceByName(voice.encode()) == 0)

    def speak(self, text: str) -> bool:
        """Say the text; False when the parent wants something else before its end."""
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
        return not self._pipe.waiting()

    def _pass_on(self, samples: int | None, count: int, _events: int) -> int:
        if self._pipe.waiting():
            return STOP
        if samples and count > 0:
            self._pipe.send(AUDIO, ctypes.string_at(samples, 2 * count))
        return GO_ON


def serve(pipe: Pipe) -> None:
    """Answer the parent's frames until it closes the pipe."""
    espeak = Espeak(pipe)

    def say(request: dict[str, Any]) -> bool:
        if not espeak.choose(request["voice"], request["rate"]):
            raise ValueError(f"espeak-ng has no voice '{request['voice']}'")
        return espeak.speak(request["text"])

    speak_on_request(pipe, say)


if __name__ == "__main__":
    run(serve)
