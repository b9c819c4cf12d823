"""What `run` prints of an answer: the words, and where the time went."""

import pytest

from voicekit.cli.transcript import Transcript
from voicekit.records.events import AgentSaid, AnswerBegan, Stages


@pytest.mark.parametrize(
    ("stages", "shown"),
    [
        (Stages(answer=800, turn=500, realtime=300), "[0.80 s: turn 0.50, realtime 0.30]"),
        (Stages(answer=900, turn=400, asr=100, llm=300, tts=100), "[0.90 s: turn 0.40, asr 0.10, llm 0.30, tts 0.10]"),
    ],
)
def test_an_answer_says_how_long_each_stage_took(
    stages: Stages, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    on_event = Transcript().listen()
    on_event(AnswerBegan(stages))
    on_event(AgentSaid("Noon.", interrupted=False))
    assert capsys.readouterr().out == f"call 1  agent   Noon.  {shown}\n"
