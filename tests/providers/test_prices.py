"""List prices: whose, from when, and which of them counts for a model."""

from datetime import date

import pytest

from voicekit.providers.catalog import Kind, Provider, catalog
from voicekit.providers.prices import FREE, Price, Prices, read_prices

PRICED = [each for each in catalog().providers() if each.prices and each.prices.as_of]


def price(kind: Kind, provider: str, model: str = "") -> Price | None:
    found = catalog().find(kind, provider)
    assert found is not None
    return found.price(model)


@pytest.mark.parametrize("provider", PRICED, ids=lambda each: f"{each.kind} {each.name}")
def test_each_list_has_a_date_a_source_and_prices_of_its_kind(provider: Provider) -> None:
    assert provider.prices is not None
    assert date.fromisoformat(provider.prices.as_of) >= date(2026, 1, 1)
    assert provider.prices.source.startswith("https://")
    for each in provider.prices.models.values():
        counted = {
            "asr": (each.minute,),
            "llm": (each.input, each.output),
            "tts": (each.minute or each.characters,),
            "realtime": (each.input, each.output, each.audio_input, each.audio_output),
        }
        assert all(counted[provider.kind])
        assert each.cached <= each.input


@pytest.mark.parametrize(
    ("kind", "provider", "model", "expected"),
    [
        ("asr", "deepgram", "nova-3", Price(minute=0.0058)),
        ("asr", "deepgram", "", Price(minute=0.0058)),
        ("asr", "deepgram", "nova-1", None),
        ("asr", "whisper", "large", FREE),
        (
            "llm",
            "openai",
            "gpt-4o",
            Price(
                input=2.5, cached=1.25, cache_write=2.5, output=10, audio_input=2.5, audio_cached=2.5, audio_output=10
            ),
        ),
        ("llm", "rules", "", FREE),
        ("llm", "groq", "", None),
        ("tts", "elevenlabs", "eleven_flash_v2_5", Price(characters=50)),
        ("tts", "auto", "", FREE),
    ],
)
def test_what_a_model_costs(kind: Kind, provider: str, model: str, expected: Price | None) -> None:
    assert price(kind, provider, model) == expected


def test_a_release_of_a_model_costs_what_the_model_does_unless_it_has_a_price_of_its_own() -> None:
    assert price("llm", "openai", "gpt-4o-2024-11-20") == price("llm", "openai", "gpt-4o")
    assert price("llm", "openai", "gpt-4o-mini-2024-07-18") == price("llm", "openai", "gpt-4o-mini")
    assert price("llm", "openai", "gpt-4o-mini") != price("llm", "openai", "gpt-4o")
    older = price("llm", "openai", "gpt-4o-2024-05-13")
    assert older is not None
    assert older.input == 5
    assert price("llm", "openai", "gpt-4o-audio-preview") is None


def test_what_has_no_price_of_its_own_costs_what_it_is_a_kind_of() -> None:
    listed = read_prices({"prices": {"as_of": "2026-01-01", "source": "", "models": {"m": {"input": 2, "output": 3}}}})
    each = Price(2, 2, 2, 3, audio_input=2, audio_cached=2, audio_output=3)
    assert listed == Prices("2026-01-01", "", {"m": each})


def test_a_price_of_nothing_known_is_no_list() -> None:
    with pytest.raises(TypeError):
        read_prices({"prices": {"as_of": "2026-01-01", "source": "", "models": {"m": {"inputs": 2}}}})


def test_the_default_of_each_priced_provider_that_has_one_is_priced() -> None:
    unpriced = [f"{each.kind} {each.name}" for each in PRICED if each.options["model"].default and not each.price("")]
    assert unpriced == []
