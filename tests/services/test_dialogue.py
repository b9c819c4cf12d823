import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from voicekit.config.hearing import search
from voicekit.config.hearing.phrase import parse
from voicekit.services.book import slot_kind
from voicekit.services.dialogue import (
    Book,
    Call,
    Called,
    Event,
    Heard,
    Nothing,
    Prompted,
    Reply,
    Rule,
    Said,
    Say,
    Told,
    answer,
)


def rule(*hear: str, say: str | tuple[str, ...] = (), failed: str = "", ask: str = "", **more: Any) -> Rule:
    return Rule(
        hear=tuple(parse(text) for text in hear),
        say=(say,) if isinstance(say, str) else say,
        failed=(failed,) if failed else (),
        ask={"order_id": (ask,)} if ask else {},
        **more,
    )


BOOK = Book(
    rules=(
        rule("what time is it", tool="current_time", say="It is {{result.time}}."),
        rule(
            "where is order {order_id:digits}",
            "where is my (order|parcel)",
            ask="Which order number?",
            tool="lookup_order",
            say="Order {{order_id}} is {{result.status}}.",
            failed="I cannot reach the order desk just now.",
        ),
        rule("(hello|good morning)", say=("Hello again.", "Good to hear you.")),
        rule("(goodbye|bye)", say="Goodbye.", tool="end_call"),
        rule("a person", say="I am putting you through.", tool="transfer", with_={"to": "desk"}),
        rule("turn it off", tool="switch", with_={"state": "off", "by": "{{caller.name:-someone}}"}),
        rule("broken", tool="switch", say="Done."),
        rule("menu", say="You are in the menu.", go="menu"),
        rule("save", tool="save", say="Saved.", go="menu"),
        rule("my name is {name}", say="Hello {{name}}, this is {{agent.name}}."),
        rule("hello from nobody", say="never reached"),
    ),
    steps={
        "menu": (
            rule("hello", say="Hello from the menu."),
            rule("leave", say="You are out.", go="start"),
        )
    },
    otherwise=("Sorry?", "Once more, please?", "I did not catch that."),
)
VALUES: Mapping[str, object] = {"agent": {"name": "Acme"}, "caller": {"name": "Ann"}}


def talk(book: Book, *steps: str | Event) -> list[Reply]:
    """The replies to a conversation in which each answer is said and each call is placed."""
    events: list[Event] = []
    replies: list[Reply] = []
    for step in steps:
        events.append(Heard(step) if isinstance(step, str) else step)
        reply = answer(book, events, VALUES)
        replies.append(reply)
        if isinstance(reply, Say):
            events.append(Said())
        elif isinstance(reply, Call):
            events.append(Called(f"call{sum(isinstance(each, Called) for each in events)}", reply.name))
    return replies


CASES: dict[str, tuple[list[str | Event], list[Reply]]] = {
    "nothing was said": ([], []),
    "lines take turns": (
        ["hello", "what", "hello", "hm", "hello"],
        [
            Say("Hello again."),
            Say("Sorry?"),
            Say("Good to hear you."),
            Say("Once more, please?"),
            Say("Hello again."),
        ],
    ),
    "the first rule that matches answers": (["hello from nobody"], [Say("Hello again.")]),
    "a slot and a value of the call": (
        ["My name is Bo Li."],
        [Say("Hello Bo Li, this is Acme.")],
    ),
    "a tool succeeds": (
        ["what time is it", Told("call0", {"time": "noon"})],
        [Call("current_time", {}), Say("It is noon.")],
    ),
    "a tool fails, with a line for it": (
        ["where is order one two", Told("call0", {"error": "HTTP 500"})],
        [Call("lookup_order", {"order_id": "12"}), Say("I cannot reach the order desk just now.")],
    ),
    "a tool fails, without": (
        ["what time is it", Told("call0", {"error": "no clock"})],
        [Call("current_time", {}), Say("Sorry?")],
    ),
    "a tool is cancelled or late": (
        ["where is order one two", Told("call0", None, failed=True)],
        [Call("lookup_order", {"order_id": "12"}), Say("I cannot reach the order desk just now.")],
    ),
    "an error that is none": (
        ["where is order 7", Told("call0", {"error": None, "status": "here"})],
        [Call("lookup_order", {"order_id": "7"}), Say("Order 7 is here.")],
    ),
    "a result without the field that the line names": (
        ["where is order 7", Told("call0", {"state": "here"}), "what time is it", Told("call1", "noon")],
        [
            Call("lookup_order", {"order_id": "7"}),
            Say("I cannot reach the order desk just now."),
            Call("current_time", {}),
            Say("Sorry?"),
        ],
    ),
    "a tool without a line": (
        ["turn it off", Told("call0", "ok")],
        [Call("switch", {"state": "off", "by": "Ann"}), Nothing()],
    ),
    "a tool that takes the call away has its line before": (
        ["bye", Told("call0", {"ended": True})],
        [Call("end_call", {}, "Goodbye."), Nothing()],
    ),
    "such a tool fails": (
        ["a person please", Told("call0", {"error": "busy"})],
        [Call("transfer", {"to": "desk"}, "I am putting you through."), Say("Sorry?")],
    ),
    "a question and its answer": (
        ["where is my order", "it's four two", Told("call0", {"status": "here"})],
        [Say("Which order number?"), Call("lookup_order", {"order_id": "42"}), Say("Order 42 is here.")],
    ),
    "a question answered by the whole sentence": (
        ["where is my order", "where is order double one"],
        [Say("Which order number?"), Call("lookup_order", {"order_id": "11"})],
    ),
    "a question answered by another wish": (
        ["where is my order", "good morning", "four two"],
        [Say("Which order number?"), Say("Hello again."), Say("Sorry?")],
    ),
    "a question that is not answered": (
        ["where is my order", "hm", "hm", "four two"],
        [
            Say("Which order number?"),
            Say("Which order number?"),
            Say("Sorry?"),
            Say("Once more, please?"),
        ],
    ),
    "the wish repeated instead of an answer": (
        ["where is my order", "where is my parcel", "hm", "nine"],
        [
            Say("Which order number?"),
            Say("Which order number?"),
            Say("Which order number?"),
            Call("lookup_order", {"order_id": "9"}),
        ],
    ),
    "a step is heard first, then everything else": (
        ["leave", "menu", "hello", "good morning", "leave", "hello"],
        [
            Say("Sorry?"),
            Say("You are in the menu."),
            Say("Hello from the menu."),
            Say("Hello again."),
            Say("You are out."),
            Say("Good to hear you."),
        ],
    ),
    "a tool's rule moves when it has succeeded": (
        ["save", Told("call0", {"error": "full"}), "hello", "save", Told("call1", {"ok": True}), "hello"],
        [
            Call("save", {}),
            Say("Sorry?"),
            Say("Hello again."),
            Call("save", {}),
            Say("Saved."),
            Say("Hello from the menu."),
        ],
    ),
    "a result for a call of another service": ([Told("other", {"a": 1})], [Say("Sorry?")]),
    "results in another order than their calls": (
        ["where is order 1", "where is order 2", Told("call1", {"status": "b"}), Told("call0", {"status": "a"})],
        [
            Call("lookup_order", {"order_id": "1"}),
            Call("lookup_order", {"order_id": "2"}),
            Say("Order 2 is b."),
            Say("Order 1 is a."),
        ],
    ),
    "asked to speak though nobody spoke": (
        ["hello", Prompted(), "where is my order", Prompted(), "nine"],
        [
            Say("Hello again."),
            Say("Sorry?"),
            Say("Which order number?"),
            Say("Which order number?"),
            Call("lookup_order", {"order_id": "9"}),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_conversations(name: str) -> None:
    steps, replies = CASES[name]
    assert talk(BOOK, *steps) == replies


HISTORIES: dict[str, tuple[list[Event], Reply]] = {
    "the call was placed and runs": ([Heard("what time is it"), Called("1", "current_time")], Nothing()),
    "everything is answered": ([Heard("hello"), Said()], Nothing()),
    "a withdrawn guess leaves no trace": (
        [Heard("where is order 1 2"), Heard("where is order 1 2 3")],
        Call("lookup_order", {"order_id": "123"}),
    ),
    "a call that another service placed": (
        [Heard("hello"), Called("1", "search"), Told("1", {"found": 3})],
        Say("Sorry?"),
    ),
    # Pipecat writes the result into the place of its call, before what the caller said since.
    "a result that came after the caller's next turn": (
        [
            Heard("what time is it"),
            Called("1", "current_time"),
            Told("1", {"time": "noon"}),
            Heard("hello"),
            Said(),
        ],
        Say("It is noon."),
    ),
    "a result that was never said because the caller went on": (
        [
            Heard("what time is it"),
            Called("1", "current_time"),
            Told("1", {"time": "noon"}),
            Heard("hello"),
        ],
        Say("Hello again."),
    ),
    "an old result stays unsaid": (
        [
            Heard("what time is it"),
            Called("1", "current_time"),
            Told("1", {"time": "noon"}),
            Heard("hello"),
            Said(),
            Heard("hello"),
            Said(),
        ],
        Nothing(),
    ),
    "the agent's greeting answers nothing": ([Said(), Heard("hello")], Say("Hello again.")),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_histories(name: str) -> None:
    events, reply = HISTORIES[name]
    assert answer(BOOK, events, VALUES) == reply


def test_a_value_that_is_missing_leaves_no_sentence_with_a_hole() -> None:
    assert answer(BOOK, [Heard("my name is Bo")]) == Say("Sorry?")
    holes = Book(rules=(), otherwise=("Sorry {{caller.name}}?",))
    assert answer(holes, [Heard("hm")]) == Say("Sorry ?")
    call = Book(rules=(rule("go", tool="t", with_={"who": "{{caller.name}}"}, failed="No."),), otherwise=("Hm?",))
    assert answer(call, [Heard("go")]) == Say("No.")


def test_a_slot_that_no_phrase_names_is_read_as_the_tool_wants_it() -> None:
    wanted = {"order_id": slot_kind({"type": "string", "pattern": "^[0-9]{4,10}$"})}
    book = Book(rules=(rule("my order", ask="Which?", tool="lookup_order", kinds=wanted),), otherwise=("Hm?",))
    asked: list[Event] = [Heard("my order"), Said()]
    assert answer(book, [*asked, Heard("four two one seven, I think")]) == Call("lookup_order", {"order_id": "4217"})
    assert answer(book, [*asked, Heard("I think")]) == Say("Which?")


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [
        ({"type": "integer"}, "number"),
        ({"type": "number"}, "number"),
        ({"type": "string", "pattern": "^[0-9]{4,10}$"}, "digits"),
        ({"type": "string", "pattern": r"^\d+$"}, "digits"),
        ({"type": "string", "pattern": "^[A-Z0-9]+$"}, "text"),
        ({"type": "string", "pattern": "[0-9]"}, "text"),
        ({"type": "string", "pattern": "("}, "text"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "time"}, "time"),
        ({"type": ["string", "null"]}, "text"),
        ({}, "text"),
    ],
)
def test_kinds_of_parameters(parameter: dict[str, object], kind: str) -> None:
    assert slot_kind(parameter) == kind


def test_two_variants_never_follow_each_other_twice() -> None:
    said = [reply.text for reply in talk(BOOK, *["hm"] * 12) if isinstance(reply, Say)]
    assert len(said) == 12
    assert all(first != second for first, second in itertools.pairwise(said))


def test_each_event_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    find = search.find

    def counted(*args: Any) -> search.Found:
        nonlocal looks
        looks += 1
        return find(*args)

    monkeypatch.setattr(search, "find", counted)
    counts = []
    for length in (10, 100, 1000):
        looks = 0
        answer(BOOK, (event for _ in range(length) for event in (Heard("hm"), Said())), VALUES)
        counts.append(looks)
    assert counts == [counts[0], counts[0] * 10, counts[0] * 100]


def test_the_answer_depends_on_nothing_but_the_conversation() -> None:
    events: list[Event] = [Heard("menu"), Said(), Heard("hello")]
    assert [answer(BOOK, events) for _ in range(3)] == [Say("Hello from the menu.")] * 3
