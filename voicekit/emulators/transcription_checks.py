"""Transcription checks: the form that OpenAI's transcription takes, and what it refuses of one.

Refusals as others met them: of a file that is too short https://github.com/UpstreetAI/usdk/issues/637 and
https://github.com/pipecat-ai/pipecat/issues/1575, of its name
https://github.com/B4PT0R/streamlit-mic-recorder/issues/10, of a format of the answer that the model does not have
https://github.com/vercel/ai/issues/8214.
"""

import io
import re
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from voicekit.emulators.form import Part, read_form
from voicekit.emulators.hearing import ONSET_WINDOWS, VOICED, WINDOW_SECS, Windows
from voicekit.emulators.openai_refusal import Refusal, invalid, invalid_field, no_such_model

Json: TypeAlias = dict[str, Any]

_MODEL: Final = re.compile(r"whisper-1|gpt-([\w.]+-)*transcribe(-diarize)?(-\d{4}-\d\d-\d\d)?")
WHISPER: Final = "whisper-1"
_FILES: Final = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
_LEAST_SECS: Final = 0.1
_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_WRITTEN: Final[Mapping[str, tuple[str, ...]]] = {
    WHISPER: ("json", "text", "verbose_json"),
    "": ("json", "text"),
}
_LISTS: Final = frozenset(
    {"include", "keywords", "known_speaker_names", "known_speaker_references", "languages", "timestamp_granularities"}
)
_TEXTS: Final = frozenset({"chunking_strategy", "language", "model", "prompt", "response_format", "stream"})


@dataclass(frozen=True, slots=True)
class Sound:
    """A file: 16 bits, one channel."""

    name: str
    samples: bytes
    rate: int

    @property
    def secs(self) -> float:
        """How long it is."""
        return round(len(self.samples) / 2 / self.rate, 3)

    def onset_secs(self) -> float | None:
        """Return when speech begins, or None where there is none."""
        windows, run = Windows("linear16", self.rate), 0
        for level in windows.take(self.samples):
            run = run + 1 if level >= VOICED else 0
            if run == ONSET_WINDOWS:
                return windows.heard_secs - ONSET_WINDOWS * WINDOW_SECS
        return None


def read_fields(content_type: str, body: bytes) -> Json:
    """Return the fields of a form: texts, lists of texts for the names that have one, and the file as a `Part`.

    Raises:
        Refusal: It is no form.
    """
    try:
        parts = read_form(content_type, body)
    except ValueError:
        raise invalid("Could not parse multipart form.") from None
    form: Json = {}
    for part in parts:
        name = part.name.removesuffix("[]")
        if part.filename is not None:
            form[name] = part if name == "file" else part.filename
        elif name in _LISTS:
            form.setdefault(name, []).append(part.data.decode(errors="replace"))
        else:
            form[name] = part.data.decode(errors="replace")
    return form


def checked(form: Json, file: object) -> Sound:
    """Refuse a form that OpenAI refuses, or that asks for what is not done here; return the sound.

    Args:
        form: Its fields without the file.
        file: The file, if there is one.

    Raises:
        Refusal: It is refused.
    """
    model = form.get("model", "")
    if not model:
        raise invalid("you must provide a model parameter", "model")
    if not _MODEL.fullmatch(model):
        raise no_such_model(model)
    for name in form:
        if name not in _LISTS | _TEXTS | {"temperature"}:
            raise invalid_field("extra_forbidden", name, "Extra inputs are not permitted", form[name])
    if not isinstance(file, Part):
        raise invalid_field("missing", "file", "Field required", None)
    _check_format(model, form.get("response_format", "json"))
    if not re.fullmatch(r"[a-z]{2,3}", form.get("language", "en")):
        text = f"Invalid language '{form['language']}'. Language parameter must be specified in ISO-639-1 format."
        raise invalid(text, "language", "invalid_language_format")
    _check_temperature(form.get("temperature", "0"))
    return _sound(model, file)


def _check_format(model: str, name: str) -> None:
    if name not in _FORMATS:
        known = ", ".join(f"'{each}'" for each in _FORMATS)
        raise invalid(f"Invalid value: '{name}'. Supported values are: {known}.", "response_format", "invalid_value")
    if model != WHISPER and name in {"srt", "verbose_json", "vtt"}:
        text = f"response_format '{name}' is not compatible with model '{model}'. Use 'json' or 'text' instead."
        raise invalid(text, "response_format", "unsupported_value")
    written = _WRITTEN.get(model, _WRITTEN[""])
    if name not in written:
        raise invalid(f"the emulator writes 'response_format' {', '.join(written)} only.", "response_format")


def _check_temperature(given: str) -> None:
    try:
        fine = 0 <= float(given) <= 1
    except ValueError:
        fine = False
    if not fine:
        raise invalid_field("float_type", "temperature", "Input should be a number from 0 to 1", given)


def _sound(model: str, file: Part) -> Sound:
    name = file.filename or ""
    ending = name.rpartition(".")[2].lower()
    if ending not in _FILES:
        raise invalid(f"Invalid file format. Supported formats: {list(_FILES)}")
    if ending != "wav":
        raise invalid(f"the emulator hears wav only, not {ending}.", "file")
    try:
        with wave.open(io.BytesIO(file.data)) as wav:
            shape = (wav.getnchannels(), wav.getsampwidth())
            # A header that was written before the end says nothing of the length.
            sound = Sound(name, wav.readframes(len(file.data)), wav.getframerate())
    except (wave.Error, EOFError):
        raise invalid("Audio file might be corrupted or unsupported", "file", "invalid_value") from None
    if shape != (1, 2):
        raise invalid("the emulator hears one channel of 16 bits only.", "file")
    if sound.secs < _LEAST_SECS:
        raise _too_short(model, sound.secs)
    return sound


def _too_short(model: str, secs: float) -> Refusal:
    if model == WHISPER:
        return invalid("Audio file is too short. Minimum audio length is 0.1 seconds.", "file", "audio_too_short")
    text = f"audio duration {secs} seconds is shorter than 0.1 seconds which is the minimum for this model"
    return invalid(text, code="invalid_value")
