"""What emulators say, as emulators hear it: every encoding keeps a tone as loud as it was."""

import pytest

from voicekit.emulators.hearing import LEVELS, WINDOW_SECS, Windows
from voicekit.emulators.voice import ENCODERS, tone, words


@pytest.mark.parametrize("encoding", sorted(ENCODERS))
def test_what_is_said_is_heard_as_loud_as_it_was_said(encoding: str) -> None:
    spoken = tone("Hello", 8000)
    assert LEVELS[encoding](ENCODERS[encoding](spoken)) == pytest.approx(abs(spoken).mean(), rel=0.03)
    assert LEVELS[encoding](ENCODERS[encoding](spoken * 0)) < 10


@pytest.mark.parametrize("text", ["One two three.", " One  two ", "", "\nOne"])
def test_words_keep_the_text(text: str) -> None:
    assert "".join(words(text)) == text


def test_windows_have_the_clock_of_the_audio() -> None:
    windows = Windows("linear16", 24000, since=2.0)
    sound = ENCODERS["linear16"](tone("Hello", 24000))
    ends = [windows.heard_secs for piece in (sound[:7], sound[7:]) for _ in windows.take(piece)]
    assert ends == [pytest.approx(2 + WINDOW_SECS * number) for number in range(1, 16)]
    assert windows.ahead_secs == pytest.approx(0.3, abs=0.05)
