"""What interrupts, and what does not."""

import pytest

from voicekit.config.phrasebook import languages, phrasebook
from voicekit.config.turn import Interruption
from voicekit.runtime.interjection import Interjections, Verdict, words


def terms(language: str = "en", min_words: int = 1) -> Interruption:
    book = phrasebook(language)
    assert book is not None
    return Interruption(min_words=min_words, never=book.backchannels, always=book.stop_words)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Uh-huh."),
        ("en", "Yeah, yeah, okay."),
        ("en", "I see. Right!"),
        ("de", "Mhm, genau."),
        ("de", "Ach so, alles klar."),
        ("fr", "D'accord, oui oui."),
        ("fr", "D\u2019accord."),
        ("es", "Sí, claro."),
        ("zh", "嗯嗯,好的。"),
        ("zh", "对 对 对"),
        ("ja", "はい、なるほど。"),
        ("ja", "そうですね"),
    ],
)
def test_a_backchannel_does_not_interrupt(language: str, text: str) -> None:
    judge = Interjections(terms(language))
    assert judge.verdict(text, final=False) is Verdict.OPEN
    assert judge.verdict(text, final=True) is Verdict.NOTHING


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Okay, but what about Tuesday?"),
        ("en", "Righteous anger"),
        ("de", "Ja, aber ich wollte"),
        ("zh", "好的那个订单"),
        ("zh", "我想问一下"),
        ("ja", "はい、でも明日は"),
    ],
)
def test_what_is_more_than_a_backchannel_interrupts(language: str, text: str) -> None:
    assert Interjections(terms(language)).verdict(text, final=False) is Verdict.INTERRUPTS


def test_words_on_their_way_may_still_become_a_backchannel() -> None:
    judge = Interjections(terms())
    assert judge.verdict("Okay, I", final=False) is Verdict.OPEN
    assert judge.verdict("Okay, I see", final=True) is Verdict.NOTHING
    assert judge.verdict("Okay, I", final=True) is Verdict.NOTHING
    assert judge.verdict("Okay, I want", final=False) is Verdict.INTERRUPTS


def test_what_always_interrupts_is_never_too_short() -> None:
    judge = Interjections(terms(min_words=5))
    assert judge.verdict("Stop!", final=False) is Verdict.INTERRUPTS
    assert judge.is_always("Hold on.")
    assert judge.verdict("Stop the train", final=True) is Verdict.NOTHING


def test_fewer_words_than_wanted_are_nothing_once_they_are_all() -> None:
    judge = Interjections(terms(min_words=3))
    assert judge.verdict("what about", final=False) is Verdict.OPEN
    assert judge.verdict("what about", final=True) is Verdict.NOTHING
    assert judge.verdict("what about Tuesday", final=False) is Verdict.INTERRUPTS


def test_without_phrases_any_word_interrupts_and_no_word_does_not() -> None:
    judge = Interjections(Interruption(never=(), always=()))
    assert judge.verdict("uh-huh", final=False) is Verdict.INTERRUPTS
    assert judge.verdict(" … ", final=True) is Verdict.NOTHING


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("don't you know", 3),
        ("uh-huh", 2),
        ("停", 1),
        ("请等一下", 2),
        ("我的订单号是1234", 4),
        ("ちょっと待って", 4),
        ("รอสักครู่", 3),
        ("Grüß Gott!", 2),
    ],
)
def test_words_are_counted_where_there_are_no_spaces(text: str, count: int) -> None:
    assert words(text) == count


@pytest.mark.parametrize("language", languages())
def test_no_phrase_of_a_language_both_interrupts_and_does_not(language: str) -> None:
    said = terms(language)
    judge = Interjections(said)
    assert len({*said.never}) == len(said.never)
    assert len({*said.always}) == len(said.always)
    for phrase in said.never:
        assert judge.verdict(phrase, final=True) is Verdict.NOTHING
    for phrase in said.always:
        assert judge.verdict(phrase, final=True) is Verdict.INTERRUPTS
