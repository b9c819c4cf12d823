"""The committed catalogue: who can be named, with which options, and that reading it stays cheap."""

import fnmatch
import importlib.metadata
import math
import re
import subprocess
import sys

import pytest

from voicekit.config.keyterms import FORMS
from voicekit.providers.catalog import KINDS, Kind, Option, Provider, catalog

EVERYTHING = list(catalog().providers())


def found(kind: Kind, name: str) -> Provider:
    provider = catalog().find(kind, name)
    assert provider is not None
    return provider


@pytest.mark.parametrize(
    ("kind", "name", "cls"),
    [
        ("asr", "deepgram", "DeepgramSTTService"),
        ("asr", "deepgram-flux", "DeepgramFluxSTTService"),
        ("asr", "elevenlabs", "ElevenLabsSTTService"),
        ("asr", "elevenlabs-realtime", "ElevenLabsRealtimeSTTService"),
        ("asr", "google", "GoogleSTTService"),
        ("asr", "openai", "OpenAISTTService"),
        ("asr", "openai-realtime", "OpenAIRealtimeSTTService"),
        ("asr", "pocketsphinx", "PocketSphinxSTTService"),
        ("asr", "whisper", "WhisperSTTService"),
        ("llm", "anthropic", "AnthropicLLMService"),
        ("llm", "deepseek", "DeepSeekLLMService"),
        ("llm", "google", "GoogleLLMService"),
        ("llm", "google-vertex", "GoogleVertexLLMService"),
        ("llm", "groq", "GroqLLMService"),
        ("llm", "nvidia", "NvidiaLLMService"),
        ("llm", "ollama", "OLLamaLLMService"),
        ("llm", "openai", "OpenAILLMService"),
        ("llm", "openai-compatible", "OpenAILLMService"),
        ("llm", "openrouter", "OpenRouterLLMService"),
        ("llm", "qwen", "QwenLLMService"),
        ("llm", "rules", "RulesLLMService"),
        ("llm", "together", "TogetherLLMService"),
        ("tts", "cartesia", "CartesiaTTSService"),
        ("tts", "deepgram", "DeepgramTTSService"),
        ("tts", "elevenlabs", "ElevenLabsTTSService"),
        ("tts", "elevenlabs-http", "ElevenLabsHttpTTSService"),
        ("tts", "espeak", "EspeakTTSService"),
        ("tts", "flite", "FliteTTSService"),
        ("tts", "google", "GoogleTTSService"),
        ("tts", "openai", "OpenAITTSService"),
        ("realtime", "azure", "AzureRealtimeLLMService"),
        ("realtime", "gemini", "GeminiLiveLLMService"),
        ("realtime", "gemini-vertex", "GeminiLiveVertexLLMService"),
        ("realtime", "openai", "OpenAIRealtimeLLMService"),
        ("realtime", "xai", "GrokRealtimeLLMService"),
    ],
)
def test_names_that_files_rely_on(kind: Kind, name: str, cls: str) -> None:
    assert found(kind, name).cls == cls


def test_every_service_of_pipecat_has_a_name() -> None:
    assert {kind: len(catalog().names(kind)) for kind in KINDS} == {
        "asr": 38,
        "llm": 31,
        "tts": 55,
        "realtime": 10,
    }
    assert catalog().pipecat == importlib.metadata.version("pipecat-ai")


def test_names_are_unique_and_well_formed() -> None:
    for kind in KINDS:
        names = catalog().names(kind)
        assert len(set(names)) == len(names)
        assert [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_a_class_has_one_name_except_where_a_name_stands_for_a_use_of_it() -> None:
    seen: dict[tuple[str, str], list[str]] = {}
    for provider in EVERYTHING:
        if not provider.one_of:
            seen.setdefault((provider.module, provider.cls), []).append(f"{provider.kind} {provider.name}")
    assert [names for names in seen.values() if len(names) > 1] == [["llm openai", "llm openai-compatible"]]


def test_lookups() -> None:
    assert catalog().find("asr", "deepgam") is None
    assert catalog().kinds_of("openai") == ("asr", "llm", "tts", "realtime")
    assert catalog().kinds_of("anthropic") == ("llm",)
    assert catalog().kinds_of("vapi") == ()
    assert catalog() is catalog()


def test_hidden_options_are_absent() -> None:
    hidden = [key for each in catalog().decided for key in each.keys]
    shown = [
        f"{provider.kind} {provider.name}: {option.name}"
        for provider in EVERYTHING
        for option in provider.options.values()
        for pattern in hidden
        if fnmatch.fnmatchcase(option.target.rpartition(".")[2], pattern)
    ]
    assert shown == []
    assert {"sample_rate", "aiohttp_session", "settings", "params", "system_instruction", "extra"} <= set(hidden)


def test_words_of_the_language_are_not_taken_by_a_provider() -> None:
    taken: dict[Kind, set[str]] = {
        "asr": {"provider", "class", "extra", "timeout_secs"},
        "llm": {"provider", "class", "extra", "timeout_secs", "parallel_tools"},
        "tts": {"provider", "class", "extra", "timeout_secs", "chunk", "format", "replace"},
        "realtime": {"provider", "class", "extra", "timeout_secs", "speaks"},
    }
    assert [(each.kind, each.name) for each in EVERYTHING if taken[each.kind] & set(each.options)] == []


def test_every_option_has_known_types_and_a_target() -> None:
    words = {"text", "int", "num", "bool", "list", "map", "any"}
    for provider in EVERYTHING:
        for name, option in provider.options.items():
            where = f"{provider.kind} {provider.name} {name}"
            assert option.name == name, where
            assert option.types, where
            assert set(option.types) <= words, where
            assert option.items in words, where
            assert re.fullmatch(r"(init|settings)(\.\w+)+", option.target), where


def test_model_voice_and_language_are_settings() -> None:
    elsewhere = {
        f"{provider.kind} {provider.name}: {option.target}"
        for provider in EVERYTHING
        for name in ("model", "voice", "language")
        if (option := provider.options.get(name)) and not option.target.startswith("settings.")
    }
    assert elsewhere == {
        "realtime inworld: init.voice",
        "realtime ultravox: init.params.model",
        "realtime ultravox: init.params.voice",
    }


def test_secrets_are_marked() -> None:
    secret = {option.name for each in EVERYTHING for option in each.options.values() if option.secret}
    assert secret == {
        "access_key_id",
        "api_key",
        "aws_access_key",
        "aws_access_key_id",
        "aws_secret_key",
        "aws_session_token",
        "credentials",
        "secret_access_key",
        "session_token",
    }


@pytest.mark.parametrize(
    ("kind", "name", "option", "low", "high"),
    [
        ("asr", "assemblyai", "previous_context_n_turns", 0, 100),
        ("asr", "azure", "segmentation_silence_timeout_ms", 100, 5000),
        ("asr", "cartesia-turns", "turn_end_timeout_ms", 640, 11200),
        ("asr", "elevenlabs-realtime", "vad_threshold", 0.1, 0.9),
        ("asr", "gradium", "delay_in_frames", None, None),
        ("asr", "openai", "temperature", 0, 1),
        ("llm", "anthropic", "temperature", 0, 1),
        ("llm", "groq", "temperature", 0, 2),
        ("llm", "google", "top_k", 0, None),
        ("llm", "openai", "max_tokens", 1, None),
        ("llm", "openai", "seed", None, None),
        ("tts", "cartesia", "max_buffer_delay_ms", 0, 5000),
        ("tts", "elevenlabs", "speed", 0.7, 1.2),
        ("tts", "elevenlabs-http", "speed", 0.25, 4),
        ("tts", "groq", "speed", None, None),
        ("tts", "minimax", "pitch", -12, 12),
        ("tts", "sarvam", "pace", 0.3, 3),
        ("realtime", "ultravox", "max_duration", 10, 3600),
        ("realtime", "xai", "threshold", 0.1, 0.9),
    ],
)
def test_ranges(kind: Kind, name: str, option: str, low: float | None, high: float | None) -> None:
    read = found(kind, name).options[option]
    assert (read.low, read.high) == (low, high)


def test_every_range_is_a_numbers_and_holds_its_default() -> None:
    for provider in EVERYTHING:
        for option in provider.options.values():
            where = f"{provider.kind} {provider.name} {option.name}"
            low = -math.inf if option.low is None else option.low
            high = math.inf if option.high is None else option.high
            assert low < high, where
            if (option.low, option.high) != (None, None):
                assert {"int", "num"} & {*option.types}, where
            if isinstance(option.default, int | float):
                assert low <= option.default <= high, where


def test_what_is_deprecated() -> None:
    told = {
        f"{each.kind} {each.name} {option.name}": f"{option.deprecated}: {option.instead}"
        for each in EVERYTHING
        for option in each.options.values()
        if option.deprecated
    }
    assert told == {
        "asr google language_codes": "0.0.104: write 'languages' instead",
        "asr gradium json_config": "0.0.101: ",
        "asr sarvam-realtime language_code": "1.13.0: write 'language' instead",
        "asr speechmatics operating_point": "1.10.0: write 'model' instead",
        "llm azure api_version": "1.8.0: end 'endpoint' in /openai/v1 instead",
        "tts cartesia cartesia_version": "1.8.0: ",
        "tts cartesia-http cartesia_version": "1.8.0: ",
        "tts elevenlabs pronunciation_dictionary_locators": "1.6.0: ",
        "tts elevenlabs-http pronunciation_dictionary_locators": "1.6.0: ",
        "tts fish model_id": "0.0.105: write 'model' instead",
        "tts fish reference_id": "0.0.105: write 'voice' instead",
    }


def test_keyterms_have_a_form() -> None:
    takers = {each.name: each.keyterms for each in EVERYTHING if each.keyterms}
    assert {form for _, form in takers.values()} == set(FORMS)
    assert {name for name, (option, _) in takers.items() if option not in found("asr", name).options} == set()
    assert {name: takers[name] for name in ("deepgram", "assemblyai", "whisper", "soniox", "smallest")} == {
        "deepgram": ("keyterm", "list"),
        "assemblyai": ("keyterms_prompt", "list"),
        "whisper": ("hotwords", "joined"),
        "soniox": ("keyterms", "list"),
        "smallest": ("keywords", "boosted"),
    }


def test_models_with_a_provider_name_of_their_own() -> None:
    moved = {f"{each.kind} {each.name}": dict(each.models) for each in EVERYTHING if each.models}
    assert moved == {
        "asr deepgram": {"flux-*": "deepgram-flux"},
        "asr deepgram-sagemaker": {"flux-*": "deepgram-flux-sagemaker"},
        "asr elevenlabs": {"scribe*_realtime": "elevenlabs-realtime"},
        "asr elevenlabs-realtime": {"scribe_v1": "elevenlabs", "scribe_v2": "elevenlabs"},
        "asr openai": {"gpt-realtime-*": "openai-realtime"},
        "asr sarvam": {"saaras:*-realtime": "sarvam-realtime"},
        "tts deepgram": {"flux-*": "deepgram-flux"},
        "tts deepgram-http": {"flux-*": "deepgram-flux"},
    }
    for each in EVERYTHING:
        default = str(each.defaults.get("model") or (each.options["model"].default if "model" in each.options else ""))
        assert not any(fnmatch.fnmatchcase(default, pattern) for pattern in each.models), each.name


def test_servers_of_many_makers_are_providers() -> None:
    assert set(catalog().servers) <= set(catalog().names("llm"))
    assert set(catalog().makers).isdisjoint(catalog().names("llm"))


@pytest.mark.parametrize(
    ("kind", "name", "variables"),
    [
        (
            "asr",
            "deepgram-sagemaker",
            {"endpoint_name": "DEEPGRAM_SAGEMAKER_STT_ENDPOINT_NAME", "region": "AWS_REGION"},
        ),
        ("llm", "azure", {"api_key": "AZURE_OPENAI_API_KEY", "endpoint": "AZURE_OPENAI_ENDPOINT"}),
        ("llm", "qwen", {"api_key": "DASHSCOPE_API_KEY"}),
        ("tts", "google", {"credentials_path": "GOOGLE_APPLICATION_CREDENTIALS"}),
    ],
)
def test_variables_are_the_vendors_own(kind: Kind, name: str, variables: dict[str, str]) -> None:
    assert found(kind, name).environment == variables


def test_what_a_user_must_give() -> None:
    needs = {f"{each.kind} {each.name}": each.needs for each in EVERYTHING if each.needs}
    assert needs == {
        "asr azure": ("region|endpoint",),
        "llm openai-compatible": ("endpoint", "model"),
        "tts azure": ("region|endpoint",),
        "tts azure-http": ("region|endpoint",),
        "tts asyncai": ("voice",),
        "tts asyncai-http": ("voice",),
        "tts cartesia": ("voice",),
        "tts cartesia-http": ("voice",),
        "tts elevenlabs": ("voice",),
        "tts elevenlabs-dialogue": ("voice",),
        "tts elevenlabs-http": ("voice",),
        "tts fish": ("voice",),
        "tts hume": ("voice",),
        "tts kokoro": ("voice",),
        "tts mistral": ("voice",),
        "tts neuphonic": ("voice",),
        "tts neuphonic-http": ("voice",),
        "tts piper": ("voice",),
        "tts piper-http": ("endpoint", "voice"),
        "tts resemble": ("voice",),
        "tts rime": ("voice",),
        "tts rime-http": ("voice",),
        "tts rime-v1": ("model", "voice"),
    }


def test_deepgram() -> None:
    provider = found("asr", "deepgram")
    assert (provider.module, provider.cls) == ("pipecat.services.deepgram.stt", "DeepgramSTTService")
    assert (provider.label, provider.extra) == ("Deepgram", "pipecat-ai[deepgram]")
    assert provider.settings == "pipecat.services.deepgram.stt:DeepgramSTTSettings"
    assert provider.environment == {"api_key": "DEEPGRAM_API_KEY"}
    assert not provider.http_session
    assert provider.options["api_key"] == Option(
        name="api_key",
        types=("text",),
        items="any",
        choices=(),
        required=True,
        default=None,
        doc="Deepgram API key for authentication.",
        secret=True,
        deprecated="",
        target="init.api_key",
    )
    assert provider.options["endpoint"].target == "init.base_url"
    assert provider.options["endpointing"].types == ("int", "bool")
    assert provider.options["model"].default == "nova-3-general"
    assert provider.options["ttfs_p99_latency"].target == "init.ttfs_p99_latency"
    assert sorted(provider.options) == [
        "api_key",
        "detect_entities",
        "diarize",
        "dictation",
        "endpoint",
        "endpointing",
        "interim_results",
        "keyterm",
        "keywords",
        "language",
        "mip_opt_out",
        "model",
        "numerals",
        "profanity_filter",
        "punctuate",
        "redact",
        "replace",
        "search",
        "smart_format",
        "tag",
        "ttfs_p99_latency",
        "utterance_end_ms",
        "version",
    ]


def test_openai_takes_only_what_it_heeds() -> None:
    provider = found("llm", "openai")
    assert {name: option.target for name, option in provider.options.items()} == {
        "api_key": "init.api_key",
        "default_headers": "init.default_headers",
        "endpoint": "init.base_url",
        "frequency_penalty": "settings.frequency_penalty",
        "max_completion_tokens": "settings.max_completion_tokens",
        "max_tokens": "settings.max_tokens",
        "model": "settings.model",
        "organization": "init.organization",
        "presence_penalty": "settings.presence_penalty",
        "project": "init.project",
        "seed": "settings.seed",
        "service_tier": "init.service_tier",
        "temperature": "settings.temperature",
        "top_p": "settings.top_p",
    }
    assert provider.options["temperature"].types == ("num",)
    assert provider.options["api_key"].types == ("text",)
    compatible = found("llm", "openai-compatible")
    assert compatible.options == provider.options
    assert compatible.environment == {}


def test_anthropic_has_a_pinned_model() -> None:
    provider = found("llm", "anthropic")
    assert provider.defaults == {"model": "claude-haiku-4-5"}
    assert provider.environment == {"api_key": "ANTHROPIC_API_KEY"}
    assert provider.options["system_prompt_cache_ttl"].choices == ("5m", "1h")
    assert provider.options["thinking"].types == ("map",)
    assert provider.options["endpoint"].target == "init.client.base_url"
    assert sorted(provider.options) == [
        "api_key",
        "effort",
        "enable_prompt_caching",
        "endpoint",
        "max_tokens",
        "model",
        "system_prompt_cache_ttl",
        "temperature",
        "thinking",
        "top_k",
        "top_p",
        "use_provider_thinking_default",
    ]


def test_elevenlabs() -> None:
    provider, http = found("tts", "elevenlabs"), found("tts", "elevenlabs-http")
    assert provider.environment == {"api_key": "ELEVENLABS_API_KEY"}
    assert provider.options["voice"].target == "settings.voice"
    assert provider.options["endpoint"].target == "init.url"
    assert provider.options["apply_text_normalization"].choices == ("auto", "on", "off")
    assert provider.options["pronunciation_dictionary_locators"].items == "map"
    assert provider.options["pronunciation_dictionary_locators"].deprecated == "1.6.0"
    assert (provider.http_session, http.http_session) == (False, True)
    assert (http.label, http.extra) == ("ElevenLabs HTTP", "pipecat-ai[elevenlabs]")
    assert http.options["endpoint"].target == "init.base_url"


def test_openai_realtime_options_lie_inside_its_session() -> None:
    session = "settings.session_properties"
    provider = found("realtime", "openai")
    assert {name: option.target for name, option in provider.options.items()} == {
        "api_key": "init.api_key",
        "eagerness": f"{session}.audio.input.turn_detection.eagerness",
        "endpoint": "init.base_url",
        "language": f"{session}.audio.input.transcription.language",
        "model": "settings.model",
        "noise_reduction": f"{session}.audio.input.noise_reduction.type",
        "reasoning_effort": f"{session}.reasoning.effort",
        "silence_duration_ms": f"{session}.audio.input.turn_detection.silence_duration_ms",
        "speed": f"{session}.audio.output.speed",
        "threshold": f"{session}.audio.input.turn_detection.threshold",
        "transcription_model": f"{session}.audio.input.transcription.model",
        "turn_detection": f"{session}.audio.input.turn_detection.type",
        "user_audio_preroll_secs": "init.user_audio_preroll_secs",
        "voice": f"{session}.audio.output.voice",
    }
    assert provider.options["turn_detection"].choices == ("server_vad", "semantic_vad")
    assert provider.options["noise_reduction"].choices == ("near_field", "far_field")
    assert provider.options["silence_duration_ms"].types == ("int",)
    azure = found("realtime", "azure")
    assert azure.environment == {"api_key": "AZURE_REALTIME_API_KEY", "endpoint": "AZURE_REALTIME_BASE_URL"}
    assert sorted(azure.options) == sorted(provider.options)


def test_auto_is_a_choice_between_two() -> None:
    provider = found("tts", "auto")
    assert provider.one_of == ("flite", "espeak")
    assert (provider.module, provider.cls, dict(provider.options)) == ("", "", {})
    assert [each.name for each in EVERYTHING if each.one_of] == ["auto"]


def test_our_own_services_say_what_installs_them() -> None:
    assert found("asr", "pocketsphinx").extra == "pocketsphinx==5.1.1"
    assert found("tts", "espeak").extra == "espeakng-loader==0.2.4"
    assert found("tts", "flite").extra == ""
    assert found("llm", "rules").extra == ""
    assert dict(found("llm", "rules").options) == {}


def test_openrouter_routing_does_not_clash_with_provider() -> None:
    assert found("llm", "openrouter").options["routing"].target == "settings.provider"


def test_reading_the_catalogue_imports_neither_pipecat_nor_pydantic() -> None:
    code = (
        "import sys; from voicekit.providers.catalog import catalog; list(catalog().providers());"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pipecat', 'pydantic', 'yaml'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
