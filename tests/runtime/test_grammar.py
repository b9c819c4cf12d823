"""`grammar: rules`: the recogniser listens for the phrases of the rules and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest
import soxr

from voicekit.calls.speech import Speaker
from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.problems import Refused
from voicekit.runtime.grammar import rules_grammar
from voicekit.services.child import worker
from voicekit.services.frames import AUDIO, END, START
from voicekit.services.pool import Pool
from voicekit.services.tts_embedded import available
from voicekit.services.utterance import RATE

PIPELINES = Path(__file__).parent.parent.parent / "pipelines"

FILE = """
version: 1
name: agent
asr: {provider: pocketsphinx, grammar: rules}
llm: {provider: rules, rules: [{hear: HEAR, say: Yes.}]}
tts: auto
"""


def agent(tmp_path: Path, hear: str) -> Agent:
    path = tmp_path / "agent.yaml"
    path.write_text(FILE.replace("HEAR", hear), encoding="utf-8")
    loaded = load(path, {})
    assert loaded.agent is not None
    return loaded.agent


@pytest.mark.skipif(available("flite") != "", reason=available("flite"))
async def test_spoken_phrases_are_heard_exactly(tmp_path: Path) -> None:
    jsgf = rules_grammar(agent(tmp_path, '["where is order {n:digits}", what time is it, "{n:digits}"]'))
    speaker, pool = Speaker(), Pool(worker("pocketsphinx_worker"))
    heard = {}
    # The first and the last are heard wrong without the grammar.
    for said in ("Where is order one two three four?", "What time is it?", "Four two seven."):
        speech = soxr.resample((await speaker.speech(said)).astype(np.float32), 48000, RATE).astype(np.int16)
        silence = np.zeros(RATE // 2, dtype=np.int16)
        child = await pool.acquire()
        for operation, payload in (
            (START, json.dumps({"grammar": jsgf, "state": None}).encode()),
            (AUDIO, np.concatenate([silence, speech, silence]).tobytes()),
            (END, b""),
        ):
            await child.send(operation, payload)
            answer = json.loads((await child.receive())[1])
        heard[said] = answer["text"]
        pool.release(child)
    await pool.close()
    await speaker.close()
    assert heard == {
        "Where is order one two three four?": "where is order one two three four",
        "What time is it?": "what time is it",
        "Four two seven.": "four two seven",
    }


def test_the_answers_to_questions_are_listened_for_too() -> None:
    local = load(PIPELINES / "local.yaml", {}).agent
    assert local is not None
    public = next(line for line in rules_grammar(local).splitlines() if line.startswith("public"))
    assert "| <digit>+ |" in public


@pytest.mark.parametrize(
    ("hear", "text"),
    [
        ("xylofoon please", "'xylofoon please' cannot be in a grammar: the recogniser does not know 'xylofoon'"),
        ('"call {name}"', "'call {name}' cannot be in a grammar: its slot takes any words"),
    ],
)
def test_what_cannot_be_listened_for_is_told(hear: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        rules_grammar(agent(tmp_path, hear))
    [problem] = caught.value.problems
    assert (problem.code, problem.text) == ("no-grammar", text)


def test_a_grammar_needs_rules() -> None:
    keys = dict.fromkeys(("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ELEVENLABS_API_KEY"), "x")
    streaming = load(PIPELINES / "streaming.yaml", keys).agent
    assert streaming is not None
    with pytest.raises(Refused, match="'grammar: rules' needs 'llm: rules'"):
        rules_grammar(streaming)
