import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit.config.hearing import search
from voicekit.config.hearing.phrase import Phrase, PhraseError, grammar, parse, unknown_words, utterance

MATCHES: list[tuple[str, str, dict[str, str] | None]] = [
    # Words anywhere, without case, punctuation and apostrophes.
    ("what time is it", "Hello! What TIME is it, please?", {}),
    ("what time is it", "what is the time", None),
    ("what time is it", "what time it is", None),
    ("what's up", "Whats up?", {}),
    ("whats up", "What\u2019s up?", {}),
    ("check-in", "I want to check in", {}),
    ("art", "start the party", None),
    ("what time is it?", "what time is it", {}),
    # Alternatives and what may be left out.
    ("where is my (order|parcel)", "where is my parcel", {}),
    ("where is my (order|parcel)", "where is my car", None),
    ("(can you|could you)? stop (it|that|the music)?", "stop", {}),
    ("(a|b (c|d)?) e", "b d e", {}),
    ("(a|b (c|d)?) e", "b e", {}),
    ("(a|b (c|d)?) e", "c e", None),
    # Number words and their digits are one word.
    ("press one", "press 1", {}),
    ("room 20", "room twenty", {}),
    ("room 25", "room twenty five", None),
    # Other languages.
    ("straße", "STRASSE", {}),
    ("où est (ma|mon) {chose}", "Où est mon colis bleu ?", {"chose": "colis bleu"}),
    ("cafe\u0301", "CAFÉ", {}),
    ("हिन्दी", "मुझे हिन्दी चाहिए", {}),
    ("订单", "我的订单在哪里\uff1f", {}),
    ("我叫{name}", "你好\uff0c我叫小明。", {"name": "小明"}),
    ("我要{n:number}个", "我要二十五个", {"n": "25"}),
    ("订单{id:digits}", "订单一二三", {"id": "123"}),
    ("สวัสดี", "สวัสดีครับ", {}),
    # Bare slots run to the next word of the phrase, or to the end.
    ("my name is {name}", "Hi, my name is Mary-Jane O'Brien.", {"name": "Mary-Jane O'Brien"}),
    ("my name is {name} (please|thanks)?", "my name is Ann Lee thanks", {"name": "Ann Lee"}),
    ("my name is {name} (please|thanks)?", "my name is Ann Lee", {"name": "Ann Lee"}),
    ("my name is {name}", "my name is", None),
    ("from {a} to {b}", "from New York to Paris to Rome", {"a": "New York", "b": "Paris to Rome"}),
    ("{a} and {b} (now)?", "salt and black pepper now", {"a": "salt", "b": "black pepper"}),
    # Text takes what it can, a word what stands between spaces.
    ("from {a:text} to {b}", "from New York to Paris to Rome", {"a": "New York to Paris", "b": "Rome"}),
    ("say {x:text} (please)?", "say hello please", {"x": "hello please"}),
    ("call {who:word}", "call Anna Maria", {"who": "Anna"}),
    ("mail {who:word} now", "mail ann.lee@example.com now", {"who": "ann.lee@example.com"}),
    ("call {who:word}", "call", None),
    # Slots in what may be left out, and in alternatives.
    ("where is (my)? order {id:digits}", "where is order 42", {"id": "42"}),
    ("order (number {id:digits})?", "order", {}),
    ("(order {id:digits}|{id:digits} it is)", "4 2 it is", {"id": "42"}),
]

SLOTS: list[tuple[str, str, str | None]] = [
    ("digits", "one two oh double three", "12033"),
    ("digits", "triple nine, treble zero", "999000"),
    ("digits", "12 034-5", "120345"),
    ("digits", "twenty five", "25"),
    ("digits", "nineteen eighty four", "1984"),
    ("digits", "five hundred", "500"),
    ("digits", "four thousand and twelve", "4012"),
    ("digits", "\uff11\uff12", "12"),
    ("digits", "幺二〇三", "1203"),
    ("digits", "it's seven, thank you", "7"),
    ("digits", "double trouble", None),
    ("digits", "nothing", None),
    ("number", "25", "25"),
    ("number", "1,250,000", "1250000"),
    ("number", "1,250.5", "1250.5"),
    ("number", "2,5", "2.5"),
    ("number", "3 thousand", "3000"),
    ("number", "-5 degrees", "-5"),
    ("number", "minus three", "-3"),
    ("number", "twenty-five", "25"),
    ("number", "zero", "0"),
    ("number", "a hundred and five", "105"),
    ("number", "nineteen hundred", "1900"),
    ("number", "two thousand three hundred and four", "2304"),
    ("number", "one million", "1000000"),
    ("number", "two point five million", "2500000"),
    ("number", "three point one four", "3.14"),
    ("number", "seven and a half", "7"),
    ("number", "三百零五", "305"),
    ("number", "两万三千", "23000"),
    ("number", "a few", None),
    ("time", "15:30", "15:30"),
    ("time", "9.05", "09:05"),
    ("time", "15h30", "15:30"),
    ("time", "3pm", "15:00"),
    ("time", "3:30 p.m.", "15:30"),
    ("time", "12 am", "00:00"),
    ("time", "12:15 pm", "12:15"),
    ("time", "three", "03:00"),
    ("time", "three o'clock in the afternoon", "15:00"),
    ("time", "7 o'clock", "07:00"),
    ("time", "three thirty pm", "15:30"),
    ("time", "three oh five", "03:05"),
    ("time", "half past three", "03:30"),
    ("time", "a quarter to four in the afternoon", "15:45"),
    ("time", "quarter to one", "12:45"),
    ("time", "twenty five past six", "06:25"),
    ("time", "ten minutes to nine at night", "20:50"),
    ("time", "seven in the evening", "19:00"),
    ("time", "two at night", "02:00"),
    ("time", "fourteen hundred hours", "14:00"),
    ("time", "noon", "12:00"),
    ("time", "midnight", "00:00"),
    ("time", "25:00", None),
    ("time", "later", None),
    ("date", "2026-03-05", "2026-03-05"),
    ("date", "5 March 2026", "2026-03-05"),
    ("date", "March 5th, 2026", "2026-03-05"),
    ("date", "the fifth of March twenty twenty six", "2026-03-05"),
    ("date", "Mar the twenty first two thousand and seven", "2007-03-21"),
    ("date", "5.3.2026", "2026-03-05"),
    ("date", "25/12/2026", "2026-12-25"),
    ("date", "3/5/2026", "3/5/2026"),
    ("date", "the 5th of March", "5th of March"),
    ("date", "March fifth", "March fifth"),
    ("date", "tomorrow", "tomorrow"),
    ("date", "the day after tomorrow", "the day after tomorrow"),
    ("date", "next Friday", "next Friday"),
    ("date", "31 February 2026", None),
    ("date", "someday", None),
]

ERRORS = [
    ("", 0, 1, "this phrase would match anything: some word of it must be needed"),
    ("(please)?", 0, 9, "this phrase would match anything: some word of it must be needed"),
    ("where is (my order", 9, 10, "this parenthesis is never closed"),
    ("where is my) order", 11, 12, "this closes nothing"),
    ("hello|bye", 5, 6, "alternatives stand in parentheses: (one|another)"),
    ("say ()", 4, 5, "an alternative is empty: write (one|another)?"),
    ("say (a|) now", 4, 7, "an alternative is empty: write (one|another)?"),
    ("order {id", 6, 7, "this brace is never closed"),
    ("order id}", 8, 9, "'}' means nothing in a phrase, which is not a regular expression"),
    ("order [0-9]", 6, 7, "'[' means nothing in a phrase, which is not a regular expression"),
    ("order .*", 7, 8, "'*' means nothing in a phrase, which is not a regular expression"),
    ("order {order id}", 6, 16, "'order id' cannot be the name of a slot"),
    (
        "order {id:digts}",
        6,
        16,
        "'digts' is no kind of slot: it is digits, number, word, text, time or date",
    ),
    ("order {{id}}", 6, 8, "a phrase catches words with {name}; {{name}} is for what is said"),
    ("please? stop", 6, 7, "put what may be left out in parentheses: (please)?"),
    ("{id:digits} or {id:digits}", 15, 18, "the slot 'id' stands here twice"),
    ("(" * 21 + "a" + ")" * 21, 20, 21, "parentheses stand more than 20 deep"),
]


@pytest.mark.parametrize(("phrase", "said", "slots"), MATCHES)
def test_what_a_phrase_finds(phrase: str, said: str, slots: dict[str, str] | None) -> None:
    assert parse(phrase).match(said) == slots


@pytest.mark.parametrize(("kind", "said", "value"), SLOTS)
def test_what_a_slot_reads(kind: str, said: str, value: str | None) -> None:
    expected = None if value is None else {"x": value}
    if kind == "time" and said == "25:00":
        # Alone, "00" would be found; after a word the slot has to begin at 25.
        assert parse("at {x:time}").match(f"at {said}") == expected
    else:
        assert parse(f"{{x:{kind}}}").match(said) == expected


@pytest.mark.parametrize(("text", "start", "end", "message"), ERRORS)
def test_what_is_no_phrase(text: str, start: int, end: int, message: str) -> None:
    with pytest.raises(PhraseError) as caught:
        parse(text)
    assert (caught.value.message, caught.value.start, caught.value.end) == (message, start, end)


def test_a_phrase_names_its_slots_and_their_kinds() -> None:
    phrase = parse("(order {id:digits}|{name}'s order) on {day:date}")
    assert phrase.slots == {"id": "digits", "name": "", "day": "date"}
    assert phrase == parse(phrase.text)


PIECES = ["a", "b", "1", "double", "hundred", "point", "to", "past", "half", "march", "and"]
NASTY = [
    "{x} {y} {z} a",
    "{x:text} {y:text} {z:text} nowhere",
    "(a|a a|a a a) (a|a a)? (a|a a)? (a)? (a)? b nowhere",
    "{x:digits} {y:digits} {z:digits} nowhere",
    "{x:number} {y:time} {z:date} nowhere",
    "((((a)? b)? a)? b)? (((a)? b)? a)? {x} nowhere",
]


class Counted(tuple[object, ...]):
    """Words that count how often one of them is looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        Counted.looks += 1
        return super().__getitem__(index)


def cost(phrase: Phrase, words: Iterable[str]) -> tuple[int, int]:
    """Visits and looks at words that a search takes."""
    heard = utterance(" ".join(words))
    object.__setattr__(heard, "words", Counted(heard.words))
    heard.__dict__["texts"] = heard.texts | {"nowhere"}
    Counted.looks = 0
    found = search.find(phrase.program, heard)
    assert found.slots is None or not phrase.text.endswith("nowhere")
    return found.visits, Counted.looks


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("words", [["a"], ["1"], ["double", "1"], ["1", "hundred", "and"], ["1", "point"], PIECES])
def test_the_cost_grows_with_the_words_and_no_faster(text: str, words: list[str]) -> None:
    phrase = parse(text)
    short = cost(phrase, itertools.islice(itertools.cycle(words), 100))
    long = cost(phrase, itertools.islice(itertools.cycle(words), 1000))
    assert short[0] <= 2 * len(phrase.program.states) * 101
    # Ten times the words, ten times the work; a little more for the words at the edge.
    assert long[0] <= 11 * short[0] + 50
    assert long[1] <= 11 * short[1] + 50


def phrases() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(["a", "b", "{x}", "{y:text}", "{z:digits}", "{n:number}", "{t:time}", "{d:date}"])
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(" ".join),
            st.lists(inner, min_size=1, max_size=3).map(lambda options: f"({'|'.join(options)})"),
            inner.map(lambda option: f"({option})? a"),
        ),
        max_leaves=12,
    )


@given(phrases(), st.lists(st.sampled_from(PIECES), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_phrase_stays_within_its_bound(text: str, words: list[str]) -> None:
    try:
        phrase = parse(text)
    except PhraseError as error:
        assert error.message.startswith("the slot")  # noqa: PT017 - the only thing that can be wrong here
        return
    visits, looks = cost(phrase, words)
    bound = 2 * len(phrase.program.states) * (len(words) + 1)
    assert visits <= bound
    assert looks <= 60 * bound


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_phrase_or_an_error_within_it(text: str) -> None:
    try:
        phrase = parse(text)
    except PhraseError as error:
        assert 0 <= error.start < error.end <= max(1, len(text))  # noqa: PT017 - the error is one of two outcomes
        return
    assert phrase.match(text) is not None or phrase.slots


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_heard(said: str) -> None:
    for kind in ("digits", "number", "time", "date", "word", "text"):
        found = parse(f"{{x:{kind}}}").match(said)
        assert found is None or found["x"]


GRAMMAR = """\
#JSGF V1.0;
grammar phrases;
public <phrase> = where is my (order | parcel) | [please] stop | press one;
"""


def test_phrases_become_a_grammar() -> None:
    texts = ["where is my (order|parcel)", "(please)? stop", "press 1", "my name is {name}", "press 1"]
    assert grammar(map(parse, texts)) == GRAMMAR


def test_a_slot_becomes_a_rule() -> None:
    assert parse("order {id:digits} (by {day:date})?").jsgf() == "order <digit>+ [by <date>]"
    text = grammar([parse("order {id:digits}")], known={"order", "one", "oh", "double", "two"})
    assert text == (
        "#JSGF V1.0;\n"
        "grammar phrases;\n"
        "public <phrase> = order <digit>+;\n"
        "<digit> = one | two | oh | double one | double two | double oh;\n"
    )


@pytest.mark.parametrize("text", ["my name is {name}", "say {x:text}", "call {who:word}"])
def test_slots_that_take_any_words_have_no_grammar(text: str) -> None:
    phrase = parse(text)
    assert phrase.jsgf() is None
    with pytest.raises(ValueError, match=r"^no phrase can be written as a grammar$"):
        grammar([phrase])


def test_unknown_words_are_left_out_and_named() -> None:
    known = {"where", "is", "my", "order", "what's", "up"}
    texts = ["(hey|where) is my (order|blorb)", "(now)? what's up", "frobnicate order"]
    found = [parse(text) for text in texts]
    assert [phrase.jsgf(known) for phrase in found] == ["(where) is my (order)", "what's up", None]
    assert unknown_words(found, known) == ("hey", "blorb", "now", "frobnicate")


def test_pocketsphinx_takes_the_grammar() -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx")
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")

    class Dictionary:
        def __contains__(self, word: object) -> bool:
            return decoder.lookup_word(word) is not None

    texts = [
        "what time is it",
        "what's up",
        "where is order {id:digits}",
        "wake me at {when:time}",
        "book a table for {n:number} on {day:date}",
        "where is my (order|parcel|blorbify)",
        "blorbify {n:number}",
        "press 1",
    ]
    found = [parse(text) for text in texts]
    text = grammar(found, known=Dictionary())
    assert "blorbify" not in text
    assert unknown_words(found, Dictionary()) == ("blorbify",)
    decoder.add_jsgf_string("rules", text)
    decoder.activate_search("rules")
    assert decoder.current_search() == "rules"
    # Without the dictionary the same grammar is refused: the parameter is needed.
    with pytest.raises(ValueError, match=r"^Failed to parse JSGF in decoder$"):
        decoder.add_jsgf_string("all", grammar([parse("blorbify {n:number}")]))
