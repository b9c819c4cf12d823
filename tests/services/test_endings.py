"""What the source of an asr says of turns and final words, against Pipecat's own classes."""

import pytest
from pipecat.services.cartesia.stt import CartesiaSTTService
from pipecat.services.cartesia.turns.stt import CartesiaTurnsSTTService
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.soniox.stt import SonioxSTTService

from voicekit.providers.catalog import catalog
from voicekit.services.asr_pocketsphinx import PocketSphinxSTTService
from voicekit.services.endings import marks_finals, proposes_turns


@pytest.mark.parametrize(
    ("cls", "turns", "finals"),
    [
        (CartesiaSTTService, False, False),
        (CartesiaTurnsSTTService, True, True),
        (DeepgramSTTService, False, True),
        (DeepgramFluxSTTService, True, True),
        (OpenAISTTService, False, True),
        (SonioxSTTService, True, True),
        (PocketSphinxSTTService, False, True),
    ],
)
def test_a_class_is_read(cls: type, turns: bool, finals: bool) -> None:
    assert (proposes_turns(cls), marks_finals(cls)) == (turns, finals)


@pytest.mark.parametrize(
    ("name", "options", "ends"),
    [
        ("deepgram", {}, False),
        ("deepgram-flux", {}, True),
        ("soniox", {}, False),
        ("soniox", {"vad_force_turn_endpoint": False}, True),
        ("openai-realtime", {}, False),
        ("openai-realtime", {"turn_detection": {"type": "server_vad"}}, True),
        ("speechmatics", {}, False),
        ("speechmatics", {"turn_detection_mode": "external"}, False),
        ("speechmatics", {"turn_detection_mode": "adaptive"}, True),
        ("sarvam-realtime", {}, True),
        ("sarvam-realtime", {"endpointing": "manual"}, False),
    ],
)
def test_the_catalogue_knows_with_which_options_an_asr_ends_turns(
    name: str, options: dict[str, object], ends: bool
) -> None:
    provider = catalog().find("asr", name)
    assert provider is not None
    assert provider.ends_turns(options) is ends
