"""What the generator makes of service classes, of Pipecat's and of made-up ones, and of a wrong overlay."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.realtime.events import SessionProperties
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.types import NOT_GIVEN, NotGiven
from pydantic import BaseModel

from voicekit.providers.catalog import catalog, provider
from voicekit.services import signatures
from voicekit.services.annotations import Shape, members, shape
from voicekit.services.generate import generate
from voicekit.services.introspect import OverlayError, describe, kind_of


class Mood(Enum):
    CALM = "calm"
    GLAD = "glad"


class Lexicon(BaseModel):
    """Words and how they sound.

    Parameters:
        path: Where the words are.
    """

    path: str = ""


@dataclass
class AcmeSettings(TTSSettings):
    """Settings of the made-up service.

    Parameters:
        mood: How it sounds. The first sentence
            goes on in a second line.

            .. note:: not this
        lexicon: Its lexicon.
        speed: Its speed (0.5 to 2.0, default 1.0).

            .. deprecated:: 1.2
                Use ``mood`` instead. Will be removed in 2.0.
    """

    mood: Mood | NotGiven = field(default_factory=lambda: NOT_GIVEN)
    lexicon: Lexicon | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    speed: float | NotGiven = field(default_factory=lambda: NOT_GIVEN)


class AcmeTTSService(TTSService):
    """A made-up service."""

    Settings = AcmeSettings

    def __init__(
        self,
        *,
        api_key: str,
        url: str = "wss://acme.example",
        voice_id: str | None = None,
        words: list[str] | None = None,
        opener: type | None = None,
        settings: AcmeSettings | None = None,
        **kwargs: Any,
    ) -> None:
        """Initialize the service.

        Args:
            api_key: The key.
            url: Where it is.
            voice_id: The voice.
            words: Some words.
            opener: Not for YAML.
            settings: The settings.
            **kwargs: Handed on.
        """
        defaults = AcmeSettings(model="acme-1", voice=None, language=Language.EN, mood=Mood.CALM)
        if settings:
            defaults.apply_update(settings)
        super().__init__(settings=defaults, sample_rate=16000, **kwargs)

    def say(self) -> str:
        """Read the voice and the model; the language is read nowhere in this module, so it is no option."""
        return f"{self._settings.voice} {self._settings.model}"


@pytest.mark.long
def test_the_committed_catalogue_is_fresh() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "voicekit.services.introspect", "--check"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOGURU_AUTOINIT": "0"},
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_described_class() -> None:
    assert describe(AcmeTTSService) == {
        "module": __name__,
        "cls": "AcmeTTSService",
        "settings": f"{__name__}:AcmeSettings",
        "http_session": False,
        "passes_extra": False,
        "keyterms": {},
        "needs": ["api_key", "voice"],
        "options": {
            "api_key": {
                "types": ["text"],
                "required": True,
                "doc": "The key.",
                "secret": True,
                "target": "init.api_key",
            },
            "endpoint": {
                "types": ["text"],
                "doc": "Where it is.",
                "target": "init.url",
                "default": "wss://acme.example",
            },
            "words": {"types": ["list"], "items": "text", "doc": "Some words.", "target": "init.words"},
            "model": {
                "types": ["text"],
                "doc": "TTS model identifier.",
                "target": "settings.model",
                "default": "acme-1",
            },
            "voice": {"types": ["text"], "doc": "Voice identifier or name.", "target": "settings.voice"},
            "mood": {
                "types": ["text"],
                "choices": ["calm", "glad"],
                "doc": "How it sounds. The first sentence goes on in a second line.",
                "target": "settings.mood",
                "default": "calm",
            },
            "lexicon": {"types": ["map"], "doc": "Its lexicon.", "target": "settings.lexicon"},
            "speed": {
                "types": ["num"],
                "doc": "Its speed (0.5 to 2.0, default 1.0).",
                "deprecated": "1.2",
                "instead": "write 'mood' instead",
                "low": 0.5,
                "high": 2,
                "target": "settings.speed",
            },
        },
    }


def test_a_description_reads_as_a_provider() -> None:
    read = provider("tts", "acme", describe(AcmeTTSService))
    assert (read.kind, read.name, read.label, read.cls) == ("tts", "acme", "acme", "AcmeTTSService")
    assert read.options["endpoint"].default == "wss://acme.example"


def test_the_entry_of_a_class_is_what_describing_it_gives() -> None:
    committed = catalog().find("tts", "openai")
    assert committed is not None
    described = provider("tts", "openai", describe(OpenAITTSService))
    assert described.options == committed.options


def test_corrections() -> None:
    entry = describe(
        AcmeTTSService,
        {
            "endpoint": "url",
            "rename": {"mood": "feeling"},
            "hide": ["lexicon"],
            "types": {"words": ["text", "list"]},
            "ranges": {"speed": [1, None]},
            "instead": {"speed": "speak slower"},
            "paths": {"lexicon_path": "settings.lexicon.path"},
            "hooks": {"opens": "init.opener.url"},
        },
    )
    options = entry["options"]
    assert options["feeling"]["target"] == "settings.mood"
    assert "lexicon" not in options
    assert {key: options["speed"].get(key) for key in ("low", "high", "instead")} == {
        "low": 1,
        "high": None,
        "instead": "speak slower",
    }
    assert options["words"]["types"] == ["text", "list"]
    assert options["lexicon_path"] == {
        "types": ["text"],
        "doc": "Where the words are.",
        "target": "settings.lexicon.path",
    }
    assert options["opens"]["target"] == "init.opener.url"


@pytest.mark.parametrize(
    ("correction", "text"),
    [
        ({"hide": ["vioce"]}, "AcmeTTSService has no option vioce"),
        ({"rename": {"mod": "model"}}, "AcmeTTSService has no option mod"),
        ({"endpoint": "base_url"}, "AcmeTTSService has no option base_url"),
        ({"types": {"word": ["text"]}}, "AcmeTTSService has no option word"),
        ({"ranges": {"rate": [0, 1]}}, "AcmeTTSService has no option rate"),
        ({"instead": {"rate": "x"}}, "AcmeTTSService has no option rate"),
        ({"paths": {"x": "settings.lexicon.pth"}}, "AcmeTTSService has no option settings.lexicon.pth"),
        ({"hooks": {"x": "init.client.base_url"}}, "AcmeTTSService has no option init.client.base_url"),
    ],
)
def test_a_correction_of_what_is_not_there(correction: Mapping[str, Any], text: str) -> None:
    with pytest.raises(OverlayError) as caught:
        describe(AcmeTTSService, correction)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("overlay", "text"),
    [
        ({"tts": {"x": {"pipecat": "NoSuch"}}}, "tts x: Pipecat has no service NoSuch"),
        ({"tts": {"opena": {"label": "X"}}}, "tts opena: there is no such provider to correct"),
        ({"tts": {"openai": {"hide": ["x"]}}}, "tts openai: OpenAITTSService has no option x"),
        ({"tts": {"openai": {"needs": ["x"]}}}, "tts openai: OpenAITTSService has no option x"),
        ({"tts": {"openai": {"defaults": {"x": 1}}}}, "tts openai: OpenAITTSService has no option x"),
        ({"tts": {"openai": {"environment": {"x": "X"}}}}, "tts openai: OpenAITTSService has no option x"),
        ({"tts": {"x": {"class": "voicekit.nowhere:X"}}}, "tts x: No module named 'voicekit.nowhere'"),
        (
            {"tts": {"x": {"class": "voicekit.services.introspect:X"}}},
            "tts x: module 'voicekit.services.introspect' has no attribute 'X'",
        ),
        (
            {"tts": {"x": {"class": "voicekit.services.introspect:OverlayError"}}},
            "tts x: voicekit.services.introspect:OverlayError is not a service class",
        ),
        ({"tts": {"openai": {"models": {"a-*": "x"}}}}, "tts openai: there is no provider x"),
        ({"tts": {"openai": {"needs": ["x|y"]}}}, "tts openai: OpenAITTSService has no option x, y"),
        ({"tts": {"auto": {"one_of": ["openai", "x"], "label": "A"}}}, "auto: there is no provider x"),
    ],
)
def test_a_wrong_overlay(overlay: Mapping[str, Any], text: str) -> None:
    with pytest.raises(OverlayError) as caught:
        generate([OpenAITTSService], overlay)
    assert str(caught.value) == text


def test_two_classes_of_one_name() -> None:
    overlay = {"tts": {"openai": {"class": f"{__name__}:AcmeTTSService", "label": "Acme", "extra": ""}}}
    with pytest.raises(OverlayError) as caught:
        generate([OpenAITTSService], overlay)
    assert str(caught.value) == "tts openai: OpenAITTSService is the second class of that name"


def test_a_service_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from test_introspect import AcmeTTSService\nclass OwnTTSService(AcmeTTSService):\n    'Ours.'\n"
    (tmp_path / "own_service.py").write_text(source.replace("test_introspect", __name__))
    monkeypatch.syspath_prepend(str(tmp_path))
    correction = {"class": "own_service:OwnTTSService", "label": "Own", "extra": "voicekit[own]", "prefix": "OWN"}
    entry = generate([], {"tts": {"own": correction}})["providers"]["tts"]["own"]
    assert (entry["module"], entry["cls"], entry["extra"]) == ("own_service", "OwnTTSService", "voicekit[own]")
    assert (entry["environment"], entry["needs"]) == ({"api_key": "OWN_API_KEY"}, ["voice"])
    assert entry["options"] == describe(AcmeTTSService)["options"]


def test_kinds() -> None:
    assert [kind_of(cls) for cls in (OpenAITTSService, OpenAILLMService, dict)] == ["tts", "llm", ""]


class Elsewhere:
    pass


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str | None, Shape(("text",))),
        (int | NotGiven, Shape(("int",))),
        (int | float, Shape(("num",))),
        (bool, Shape(("bool",))),
        (Language | str, Shape(("text",))),
        (Literal["a", "b"] | None, Shape(("text",), choices=("a", "b"))),
        (Literal["a"] | str, Shape(("text",))),
        (Literal[-1, 0], Shape(("int",))),
        (Literal["a", False], Shape(("text", "bool"), choices=("a",))),
        (list[str], Shape(("list",), items="text")),
        (list[dict[str, int]], Shape(("list",), items="map")),
        (list, Shape(("list",))),
        (dict[str, str] | str, Shape(("map", "text"))),
        (Lexicon, Shape(("map",))),
        (Mood, Shape(("text",), choices=("calm", "glad"))),
        (Any, Shape(("any",))),
        (str | Elsewhere, Shape(("text",))),
        (Elsewhere, Shape()),
    ],
)
def test_shapes(annotation: object, expected: Shape) -> None:
    assert shape(annotation, {"pipecat", __name__.partition(".")[0]}) == expected


def test_classes_of_other_packages_are_not_looked_into() -> None:
    assert shape(Lexicon, {"pipecat"}) == Shape()


def test_paths_lead_to_where_pipecat_looks() -> None:
    written = {
        "voice": "marin",
        "speed": 1.1,
        "turn_detection": "semantic_vad",
        "eagerness": "high",
        "noise_reduction": "far_field",
        "transcription_model": "gpt-4o-transcribe",
        "reasoning_effort": "low",
    }
    options = catalog().find("realtime", "openai")
    assert options is not None
    tree: dict[str, Any] = {}
    for name, value in written.items():
        *branch, leaf = options.options[name].target.split(".")[2:]
        node = tree
        for step in branch:
            node = node.setdefault(step, {})
        node[leaf] = value
    [model] = members(signatures.settings(OpenAIRealtimeLLMService)["session_properties"].annotation)
    assert model is SessionProperties
    assert SessionProperties.model_validate(tree).model_dump(exclude_none=True, exclude_unset=True) == {
        "audio": {
            "input": {
                "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
                "noise_reduction": {"type": "far_field"},
                "transcription": {"model": "gpt-4o-transcribe"},
            },
            "output": {"voice": "marin", "speed": 1.1},
        },
        "reasoning": {"effort": "low"},
    }
