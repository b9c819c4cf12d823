"""Smart-turn: the model that hears whether a turn has ended. It is loaded once for all calls."""

import copy
from functools import cache

from pipecat.audio.turn.smart_turn.base_smart_turn import BaseSmartTurn, SmartTurnParams
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3


def turn_analyzer(stop_secs: float) -> LocalSmartTurnAnalyzerV3:
    """Return an analyzer for one call.

    Its ONNX session is that of the process: loading one takes tens of milliseconds of the event loop and 10 MB, which
    every new call would cost the live ones. A session keeps nothing of the audio.

    Args:
        stop_secs: After so much silence a turn is over, whatever the model says.
    """
    analyzer = copy.copy(_loaded())
    BaseSmartTurn.__init__(analyzer, params=SmartTurnParams(stop_secs=stop_secs))
    return analyzer


@cache
def _loaded() -> LocalSmartTurnAnalyzerV3:
    return LocalSmartTurnAnalyzerV3()
