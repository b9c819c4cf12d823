"""What `run` prints of an answer: the words, and where the time went."""

import pytest

from voicekit.cli.transcript import Transcript
from voicekit.records.events import (
    AgentFilled,
    AgentSaid,
    AnswerBegan,
    CallEnded,
    CallerSaid,
    LimitReached,
    Restarted,
    Stages,
)


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


def test_a_filler_is_marked_and_the_time_is_that_of_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    listener = Transcript().listen()
    listener(CallerSaid("Where is my order?"))
    listener(AgentFilled("One moment."))
    listener(AnswerBegan(Stages(answer=1900, turn=300, llm=1400, tts=200)))
    listener(AgentSaid("On its way.", interrupted=False))
    assert capsys.readouterr().out == (
        "call 1  caller  Where is my order?\n"
        "call 1  agent   (filler) One moment.\n"
        "call 1  agent   On its way.  [1.90 s: turn 0.30, llm 1.40, tts 0.20]\n"
    )


def test_a_new_session_is_talk_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    Transcript().listen()(Restarted("realtime", "it was closed: 1011 oops", 0.24))
    told = "call 1  restart: realtime: a new session after 0.2 s: it was closed: 1011 oops\n"
    assert capsys.readouterr() == ("", told)


def test_a_limit_is_talk_and_what_a_call_has_cost_stands_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    on_event = Transcript().listen()
    on_event(LimitReached("cost_usd", 0.5))
    on_event(CallEnded("limit", 92.4, 0.50123))
    assert capsys.readouterr() == (
        "call 1  the agent hung up at a limit after 92 s, at a cost of 0.5012 USD\n",
        "call 1  limit: cost_usd: 0.5 is reached\n",
    )


@pytest.mark.parametrize("cost", [0.0, None])
def test_what_is_free_or_has_no_price_is_not_told(cost: float | None, capsys: pytest.CaptureFixture[str]) -> None:
    Transcript().listen()(CallEnded("caller", 8, cost))
    assert capsys.readouterr().out == "call 1  the caller hung up after 8 s\n"
