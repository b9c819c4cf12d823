"""The bench of turns reads a corpus, recorded or not, and tells a cut-off from a turn that was waited for."""

import wave
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.calls.bench_turns import CORPORA, Tally, interject, measure_turns, read
from tests.runtime.memory_line import RATE
from tests.services.embedded import needs_flite, speech

pytestmark = [
    pytest.mark.long,
    needs_flite,
    # The SDK of Deepgram still connects with the names that websockets is going to drop.
    pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning"),
]

CORPUS = """\
language: en
answer: Fine.
turns:
  - ["What time is it?"]
  - [My number is, 0.9, {wav: seven.wav, words: seven eleven.}]
interjections:
  question: "What is new?"
  story: There is a lot to tell, and it takes a while to tell it all, so that there is time to say something.
  passing: ["yes, okay"]
  meant: ["What about Tuesday?"]
"""


def record(path: Path, sound: bytes) -> None:
    """Write a recording in stereo, at a rate of its own."""
    mono = np.frombuffer(sound, np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack([mono, mono], axis=1).tobytes())


async def test_it_tells_what_is_cut_off_and_what_interrupts(tmp_path: Path) -> None:
    record(tmp_path / "seven.wav", await speech("seven eleven."))
    corpus = await read(tmp_path / "corpus.yaml", yaml.safe_load(CORPUS))
    assert [[part.words for part in turn] for turn in corpus.turns][1] == ["My number is", "seven eleven."]
    assert 0.5 < corpus.turns[1][1].secs < 2
    hasty, patient = Tally(), Tally()
    await measure_turns(corpus, "fixed 600", hasty)
    await measure_turns(corpus, "semantic", patient)
    assert (hasty.cut_off, len(hasty.waits), hasty.lost) == (1, 2, 0)
    assert (patient.cut_off, len(patient.waits), patient.lost) == (0, 2, 0)
    silenced: list[float] = []
    assert not await interject(corpus, corpus.passing[0], [])
    assert await interject(corpus, corpus.meant[0], silenced)
    assert 0.1 < silenced[0] < 1.5


SHIPPED = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CORPORA.glob("*.yaml"))}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
async def test_each_corpus_can_be_spoken(path: Path) -> None:
    corpus = await read(path, SHIPPED[path])
    every = [*(part for turn in corpus.turns for part in turn), corpus.question, *corpus.passing, *corpus.meant]
    assert [part.words for part in every if part.secs < 0.1] == []
    assert any(part.pause for turn in corpus.turns for part in turn)
