"""VAD: who hears that somebody speaks. The model is loaded once for all calls."""

import copy
from functools import cache

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams

from voicekit.config.agent import Vad


def vad_analyzer(section: Vad) -> VADAnalyzer:
    """Return a detector for one call.

    Its ONNX session is that of the process: loading one takes 30 ms of the event loop and 10 MB, which every
    new call would cost the live ones. What the model remembers of the audio is outside the session.
    """
    analyzer = copy.copy(_loaded())
    params = VADParams(
        confidence=section.confidence,
        start_secs=section.start_secs,
        stop_secs=section.stop_secs,
        min_volume=section.min_volume,
    )
    VADAnalyzer.__init__(analyzer, params=params)
    analyzer._model = copy.copy(analyzer._model)
    analyzer._model.reset_states()
    return analyzer


@cache
def _loaded() -> SileroVADAnalyzer:
    return SileroVADAnalyzer()
