"""The child process that speaks with flite, apart so that a crash of the C library cannot take the server.

SPEAK takes `{"voice": ..., "text": ...}` and is answered by AUDIO frames, 16-bit mono PCM at 16 kHz of at
most 100 ms each, as they are made, then DONE. Whatever the parent sends meanwhile ends the speech without
DONE. Structures: `flite/cst_voice.h`, `cst_wave.h`, `cst_audio.h` of flite 2.2.
"""

import ctypes
import unicodedata
from typing import Any

from voicekit.services.frames import AUDIO, Pipe, run, speak_on_request

RATE = 16000
CHUNK_SAMPLES = RATE // 10
GO_ON, STOP = 0, -1

# What Unicode does not decompose into ASCII. flite reads a few signs of its own accord: $, %, &, @.
_PLAIN = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": ", ",
        "\u2014": ", ",
        "\u2026": "...",
        "€": " euros ",
        "£": " pounds ",
        "°": " degrees ",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
    }
)


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class _Voice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


_OnAudio = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_Wave), ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p
)


class _Streaming(ctypes.Structure):
    _fields_ = (("min_buffsize", ctypes.c_int), ("on_audio", _OnAudio))


def to_ascii(text: str) -> str:
    """Return text in the characters flite reads: accents fall off, typographic signs become plain ones."""
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    # NFKD makes a fraction of digits around U+2044.
    return plain.replace("\u2044", "/").encode("ascii", "ignore").decode().strip()


class Flite:
    """The C library and the voices asked for so far."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._c = ctypes.CDLL(None)
        self._library = ctypes.CDLL("libflite.so.1", ctypes.RTLD_GLOBAL)
        for name in ("usenglish", "cmulex"):
            ctypes.CDLL(f"libflite_{name}.so.1", ctypes.RTLD_GLOBAL)
        self._library.flite_init()
        self._library.new_audio_streaming_info.restype = ctypes.POINTER(_Streaming)
        self._library.audio_streaming_info_val.restype = ctypes.c_void_p
        self._library.audio_streaming_info_val.argtypes = [ctypes.c_void_p]
        self._library.feat_set.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        self._library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
        self._library.flite_text_to_wave.argtypes = [ctypes.c_char_p, ctypes.POINTER(_Voice)]
        self._library.delete_wave.argtypes = [ctypes.POINTER(_Wave)]
        self._on_audio = _OnAudio(self._pass_on)
        self._voices: dict[str, ctypes._Pointer[_Voice]] = {}

    def speak(self, voice: str, text: str) -> bool:
        """Say the text; False when the parent wants something else before its end."""
        loaded = self._voices.get(voice) or self._load(voice)
        # Breath is made of random numbers: the same sentence should sound the same each time.
        self._c.srand(1)
        wave = self._library.flite_text_to_wave(to_ascii(text).encode(), loaded)
        self._library.delete_wave(wave)
        return not self._pipe.waiting()

    def _load(self, voice: str) -> "ctypes._Pointer[_Voice]":
        library = ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1", ctypes.RTLD_GLOBAL)
        register = getattr(library, f"register_cmu_us_{voice}")
        register.restype, register.argtypes = ctypes.POINTER(_Voice), [ctypes.c_char_p]
        loaded: ctypes._Pointer[_Voice] = register(None)
        streaming = self._library.new_audio_streaming_info()
        streaming.contents.min_buffsize = CHUNK_SAMPLES
        streaming.contents.on_audio = self._on_audio
        value = self._library.audio_streaming_info_val(streaming)
        self._library.feat_set(loaded.contents.features, b"streaming_info", value)
        self._voices[voice] = loaded
        return loaded

    def _pass_on(self, wave: "ctypes._Pointer[_Wave]", start: int, size: int, *_rest: int) -> int:
        samples = ctypes.addressof(wave.contents.samples.contents) + 2 * start
        for first in range(0, size, CHUNK_SAMPLES):
            if self._pipe.waiting():
                return STOP
            length = min(CHUNK_SAMPLES, size - first)
            self._pipe.send(AUDIO, ctypes.string_at(samples + 2 * first, 2 * length))
        return GO_ON


def serve(pipe: Pipe) -> None:
    """Answer the parent's frames until it closes the pipe."""
    flite = Flite(pipe)

    def say(request: dict[str, Any]) -> bool:
        if not to_ascii(request["text"]):
            raise ValueError("flite reads English only, and nothing of this text is")
        return flite.speak(request["voice"], request["text"])

    speak_on_request(pipe, say)


if __name__ == "__main__":
    run(serve)
