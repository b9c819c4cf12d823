"""Flux settings: what a stream of Deepgram's Flux is asked for in its address, and what is changed on the way."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from voicekit.emulators.deepgram_stream import Refusal, check_flags, check_number
from voicekit.emulators.hearing import LEVELS

Json: TypeAlias = dict[str, Any]

_MODEL: Final = re.compile(r"flux-general-(en|multi)")
_MULTILINGUAL: Final = "flux-general-multi"
_FLAGS: Final = frozenset({"mip_opt_out", "numerals", "profanity_filter"})
_REDACTED: Final = frozenset({"aggressive_numbers", "numbers"})
# The least and the most of each threshold.
_THRESHOLDS: Final[Mapping[str, tuple[float, float]]] = {
    "eager_eot_threshold": (0.3, 0.9),
    "eot_threshold": (0.5, 1.0),
    "eot_timeout_ms": (500, 60_000),
}
_NAMES: Final = frozenset(
    {*_FLAGS, *_THRESHOLDS, "encoding", "keyterm", "language_hint", "model", "redact", "sample_rate", "tag"}
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a stream is heard with.

    Attributes:
        model: `flux-general-en` or `flux-general-multi`.
        encoding: Of the audio, one of `LEVELS`.
        rate: Of the audio, in Hz.
        eager_eot_threshold: The confidence from which an end of turn is predicted; None predicts none.
        eot_threshold: The confidence from which a turn is over; 1.0 is never reached.
        eot_timeout_ms: The silence after which it is over in any case.
        keyterms: Words that are to be heard.
        language_hints: Languages that are likely; for the multilingual model only.
        numerals: Whether numbers are written in digits; None where nobody said so.
    """

    model: str
    encoding: str
    rate: int
    eager_eot_threshold: float | None = None
    eot_threshold: float = 0.7
    eot_timeout_ms: int = 5000
    keyterms: list[str] = field(default_factory=list)
    language_hints: list[str] = field(default_factory=list)
    numerals: bool | None = None

    def languages(self, spoken: bool) -> Json:
        """Return what an event tells of languages, where words have been spoken or not."""
        if self.model != _MULTILINGUAL:
            return {}
        hinted = {"languages_hinted": self.language_hints} if self.language_hints else {}
        return {"languages": (self.language_hints[:1] or ["en"]) if spoken else []} | hinted


def settings_of(query: Mapping[str, list[str]]) -> Settings:
    """Return what an address asks for.

    Raises:
        Refusal: It asks for something that cannot be served.
    """
    one = {name: values[-1] for name, values in query.items()}
    for name in query:
        if name not in _NAMES:
            raise Refusal(400, f"Flux has no parameter '{name}'.")
    check_flags(query, _FLAGS)
    if not _MODEL.fullmatch(one.get("model", "")):
        raise Refusal(400, f"'model' is flux-general-en or flux-general-multi here, not '{one.get('model', '')}'.")
    if one.get("encoding") not in LEVELS:
        raise Refusal(400, f"the emulator hears 'encoding' {', '.join(LEVELS)} only.")
    check_number(one, "sample_rate", 8000, 48000)
    if not {*query.get("redact", ())} <= _REDACTED:
        raise Refusal(400, f"'redact' is one of {', '.join(sorted(_REDACTED))}, not '{one['redact']}'.")
    settings = Settings(
        one["model"],
        one["encoding"],
        int(one["sample_rate"]),
        keyterms=query.get("keyterm", []),
        language_hints=query.get("language_hint", []),
        numerals=one["numerals"] == "true" if "numerals" in one else None,
    )
    given = {name: one[name] for name in _THRESHOLDS if name in one}
    try:
        return _changed(settings, {name: _number(name, text) for name, text in given.items()})
    except ValueError as error:
        raise Refusal(400, str(error)) from None


def configured(settings: Settings, message: Mapping[str, Any]) -> tuple[Settings, Json]:
    """Return the settings after a `Configure`, and its answer: one that cannot be served changes nothing."""
    try:
        settings = _changed(settings, _changes(message))
    except ValueError as error:
        return settings, {"type": "ConfigureFailure", "code": "INVALID_CONFIGURATION", "description": str(error)}
    answer: Json = {
        "type": "ConfigureSuccess",
        "thresholds": {name: getattr(settings, name) for name in _THRESHOLDS},
        "keyterms": settings.keyterms,
    }
    if settings.model == _MULTILINGUAL:
        answer["language_hints"] = settings.language_hints
    if settings.numerals is not None:
        answer["numerals"] = settings.numerals
    return settings, answer


def _changes(message: Mapping[str, Any]) -> Json:
    """Return what a message changes, by the name of the setting."""
    thresholds = message.get("thresholds") or {}
    if not isinstance(thresholds, dict):
        raise ValueError("'thresholds' is an object.")
    for name in thresholds:
        if name not in _THRESHOLDS:
            raise ValueError(f"there is no threshold '{name}'.")
    changes: Json = {name: _checked(name, value) for name, value in thresholds.items() if value is not None}
    for name, fits, kind in _CHANGEABLE:
        if message.get(name) is not None:
            if not fits(message[name]):
                raise ValueError(f"'{name}' is {kind}.")
            changes[name] = message[name]
    for name in message.keys() - {"type", "thresholds", "profanity_filter", *changes}:
        if message[name] is not None:
            raise ValueError(f"'{name}' cannot be configured.")
    return changes


def _changed(settings: Settings, changes: Json) -> Settings:
    settings = replace(settings, **changes)
    if settings.language_hints and settings.model != _MULTILINGUAL:
        raise ValueError(f"language hints need {_MULTILINGUAL}.")
    eager = settings.eager_eot_threshold
    if eager is not None and eager > settings.eot_threshold:
        raise ValueError("'eager_eot_threshold' must be less than or equal to 'eot_threshold'.")
    return settings


def _number(name: str, text: str) -> float:
    """Return the threshold of this name in an address."""
    try:
        return _checked(name, int(text) if name == "eot_timeout_ms" else float(text))
    except ValueError:
        raise _out_of_range(name, text) from None


def _checked(name: str, value: object) -> float:
    least, most = _THRESHOLDS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _out_of_range(name, value)
    return value


def _out_of_range(name: str, value: object) -> ValueError:
    least, most = _THRESHOLDS[name]
    return ValueError(f"'{name}' is a number from {least} to {most}, not '{value}'.")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


_CHANGEABLE: Final[tuple[tuple[str, Callable[[object], bool], str], ...]] = (
    ("keyterms", _is_texts, "a list of texts"),
    ("language_hints", _is_texts, "a list of texts"),
    ("numerals", _is_flag, "true or false"),
)
