"""The page's parts that know no network, each asked in Chromium for what it makes of messages and times."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from tests.server.browser import CHROMIUM, chromium
from voicekit.server.app import PAGE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM}"),
]

ADDRESS = "http://page.test"
# `talk` is a conversation, `tell` gives it a message, `rows` are those it keeps, `ear` holds the times it reads.
_CONVERSATION = """
const { Conversation } = await import("/page/conversation.js");
const ear = { now: 0, last: { user: { onset: null, end: null }, agent: { onset: null, end: null } } };
const talk = new Conversation({ changed() {}, removed() {} }, ear);
const tell = (type, data = {}) => talk.receive({ type, data });
const say = (text, final = true) => tell("user-input", { text, final });
const segment = (id, text, status, heard = text) => tell("bot-output", {
  segment_id: id, text, spoken_status: status,
  spoken_progress: { accumulated_text: heard, remaining_text: text.slice(heard.length).trim() },
});
const lines = () => talk.turns.map(({ who, text, final }) => [who, text, final]);
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A blank page beside the page's files."""

    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{ADDRESS}/page/")
        if name == route.request.url:
            route.fulfill(body="<!doctype html><ol></ol>", content_type="text/html")
        else:
            route.fulfill(path=PAGE / name)

    with sync_playwright() as playwright:
        browser = chromium(playwright, None)
        page = browser.new_page()
        page.route("**/*", serve)
        page.goto(f"{ADDRESS}/")
        yield page
        browser.close()


def run(page: Page, code: str, before: str = "") -> Any:
    return page.evaluate(f"async () => {{ {before} {code} }}")


def conversation(page: Page, code: str) -> Any:
    return run(page, code, _CONVERSATION)


def test_interim_words_give_way_to_final_ones(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("user-started-speaking");
        say("watched", false);
        const shown = lines();
        say("what time");
        say("is it");
        tell("user-stopped-speaking");
        return [shown, lines(), talk.activity];
        """,
    ) == [[["user", "watched", False]], [["user", "what time is it", True]], "thinking"]


def test_final_words_that_come_late_belong_to_their_row(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("user-started-speaking");
        say("what time", false);
        tell("user-stopped-speaking");
        tell("bot-started-speaking");
        tell("bot-transcription", { text: "It is noon." });
        say("what time is it");
        return lines();
        """,
    ) == [["user", "what time is it", True], ["agent", "It is noon.", False]]


def test_a_noise_leaves_no_row(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("user-started-speaking");
        tell("user-stopped-speaking");
        const open = lines().length;
        tell("bot-started-speaking");
        tell("bot-transcription", { text: "Are you there?" });
        tell("user-started-speaking");
        talk.end();
        return [open, lines()];
        """,
    ) == [1, [["agent", "Are you there?", True]]]


def test_the_words_that_were_heard_are_told_from_those_to_come(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("bot-transcription", { text: "One two. Three four." });
        tell("bot-started-speaking");
        segment(1, "One two.", "new", "");
        segment(1, "One two.", "in-progress", "One");
        const [row] = talk.turns;
        const during = row.parts;
        segment(1, "One two.", "completed");
        const between = row.parts;
        segment(2, "Three four.", "completed");
        tell("bot-stopped-speaking");
        return [during, between, row.parts, row.final];
        """,
    ) == [["One", " two. Three four."], ["One two.", " Three four."], ["One two. Three four.", ""], True]


def test_an_interrupted_line_stays_as_it_was(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("bot-transcription", { text: "One two three." });
        tell("bot-started-speaking");
        segment(1, "One two three.", "in-progress", "One");
        ear.now = 10.5;
        ear.last = { user: { onset: 10 }, agent: { onset: 8, end: 7, active: true } };
        tell("user-started-speaking");
        tell("bot-interrupted");
        const before = [...talk.bargeIns];
        talk.hear({ type: "rest", who: "agent", at: 10.6 });
        segment(1, "One two three.", "completed");
        const [{ interrupted, parts, cutOff, silencedMs }] = talk.turns;
        return [before, talk.bargeIns, interrupted, parts, cutOff, silencedMs];
        """,
    ) == [[], [600], True, ["One", " two three."], "user", 600]


def test_a_user_who_speaks_after_the_answer_interrupts_nothing(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("bot-transcription", { text: "Hello." });
        tell("bot-started-speaking");
        segment(1, "Hello.", "completed");
        tell("bot-stopped-speaking");
        tell("user-started-speaking");
        tell("bot-interrupted");
        return [talk.turns[0].interrupted, talk.bargeIns];
        """,
    ) == [False, []]


def test_an_answer_has_its_times_even_when_they_come_before_it(page: Page) -> None:
    assert conversation(
        page,
        """
        say("hello");
        const times = { answer_ms: 900, turn_ms: 600, asr_ms: 200, llm_ms: 5, tts_ms: 60, realtime_ms: null };
        tell("server-message", { type: "turn", ...times });
        talk.hear({ type: "onset", who: "agent", at: 12.34, userLast: 11.1 });
        tell("bot-started-speaking");
        tell("bot-transcription", { text: "Hello." });
        talk.buffered(40);
        const [, { answerMs, breakdown, bufferMs }] = talk.turns;
        return [answerMs, breakdown, bufferMs, talk.medianMs];
        """,
    ) == [
        1240,
        {"answerMs": 900, "turnMs": 600, "asrMs": 200, "llmMs": 5, "ttsMs": 60, "realtimeMs": None},
        40,
        1240,
    ]


def test_what_is_written_is_shown_once_and_cuts_the_agent_off(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("bot-transcription", { text: "One two three." });
        tell("bot-started-speaking");
        talk.userWrote("Stop.", "7");
        const during = lines().length;
        tell("bot-interrupted");
        tell("bot-stopped-speaking");
        tell("user-input", { text: "Stop.", final: true, input_type: "chat", msg_id: "7" });
        tell("user-llm-text", { text: "Stop." });
        const waiting = talk.activity;
        tell("bot-transcription", { text: "Very well." });
        return [during, waiting, talk.turns[0].interrupted, lines()];
        """,
    ) == [
        2,
        "thinking",
        True,
        [["agent", "One two three.", True], ["user", "Stop.", True], ["agent", "Very well.", False]],
    ]


def test_the_answer_to_what_is_written_soon_after_a_line_is_a_line_of_its_own(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("bot-transcription", { text: "Hello." });
        tell("bot-started-speaking");
        segment(1, "Hello.", "completed");
        tell("bot-stopped-speaking");
        talk.userWrote("Good day.", "2");
        tell("bot-interrupted");
        tell("user-input", { text: "Good day.", final: true, input_type: "chat", msg_id: "2" });
        tell("bot-transcription", { text: "How are you?" });
        tell("bot-started-speaking");
        talk.hear({ type: "onset", who: "agent", at: 12, userLast: 2 });
        return [lines().map(([who, text]) => [who, text]), talk.turns[0].interrupted, talk.turns[2].answerMs];
        """,
    ) == [[["agent", "Hello."], ["user", "Good day."], ["agent", "How are you?"]], False, None]


def test_speech_is_never_added_to_what_was_written(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("user-started-speaking");
        say("what", false);
        talk.userWrote("Wait.", "2");
        say("what time");
        tell("user-started-speaking");
        say("is it");
        return lines().map(([, text]) => text);
        """,
    ) == ["what time", "Wait.", "is it"]


def test_a_filler_is_a_row_and_no_turn(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("server-message", { type: "filler", text: "One moment." });
        return [talk.rows, talk.turns];
        """,
    ) == [[{"kind": "filler", "text": "One moment."}], []]


def test_what_cannot_be_sent_stays_in_the_field(page: Page) -> None:
    assert run(
        page,
        """
        const { Writing } = await import("/page/writing.js");
        document.body.insertAdjacentHTML("beforeend", "<form><input><button>Send</button></form><button>Call</button>");
        const [form, field] = [document.querySelector("form"), document.querySelector("input")];
        const [button, otherwise] = document.querySelectorAll("button");
        const sent = [];
        let open = false;
        const writing = new Writing({ form, field, button, otherwise }, (text) => open && sent.push(text) > 0);
        const enter = (text) => { field.value = text; form.requestSubmit(); return field.value; };
        const seen = [enter("  hello  ")];
        open = true;
        seen.push(enter("  hello  "), enter("   "));
        writing.allow({ write: true, send: false });
        seen.push(field.disabled, button.disabled);
        writing.allow({ write: false, send: false });
        const focused = document.activeElement === otherwise;
        for (const part of [form, otherwise]) part.remove();
        return [sent, seen, focused];
        """,
    ) == [["hello"], ["  hello  ", "", "   ", False, True], True]


def test_a_tool_ends_with_its_answer_or_with_the_call(page: Page) -> None:
    assert conversation(
        page,
        """
        for (const id of ["a", "b"]) {
          tell("llm-function-call-started", { function_name: id });
          tell("llm-function-call-in-progress", { tool_call_id: id });
        }
        tell("llm-function-call-stopped", { tool_call_id: "a" });
        const during = talk.activity;
        talk.end();
        return [during, talk.rows.map(({ kind, name, state }) => [kind, name, state])];
        """,
    ) == ["thinking", [["tool", "a", "done"], ["tool", "b", "cancelled"]]]


def test_sound_that_begins_as_it_is_interrupted_is_no_line(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("bot-transcription", { text: "I can tell you a story." });
        tell("user-started-speaking");
        tell("bot-interrupted");
        tell("bot-started-speaking");
        tell("bot-stopped-speaking");
        const during = lines();
        say("good morning");
        tell("user-stopped-speaking");
        tell("bot-transcription", { text: "Good morning to you." });
        tell("bot-started-speaking");
        segment(1, "Good morning to you.", "new");
        segment(1, "Good morning to you.", "completed");
        tell("bot-stopped-speaking");
        return [during, lines()];
        """,
    ) == [
        [["agent", "I can tell you a story.", True], ["user", "", False]],
        [
            ["agent", "I can tell you a story.", True],
            ["user", "good morning", True],
            ["agent", "Good morning to you.", True],
        ],
    ]


def test_sound_may_overtake_the_text_it_is_of(page: Page) -> None:
    assert conversation(
        page,
        """
        tell("bot-started-speaking");
        tell("bot-output", { segment_id: 1, text: "You", spoken_status: "new" });
        tell("bot-output", { segment_id: 2, text: " are", spoken_status: "new" });
        tell("bot-transcription", { text: "You are welcome." });
        const before = lines();
        tell("bot-output", { segment_id: 3, text: " welcome.", spoken_status: "new" });
        tell("bot-stopped-speaking");
        return [before, lines()];
        """,
    ) == [[["agent", "You are welcome.", False]], [["agent", "You are welcome.", True]]]


@pytest.mark.parametrize(
    ("left", "right", "joined"),
    [
        ("", "one", "one"),
        ("one", "", "one"),
        ("one", "two", "one two"),
        ("one ", "two", "one two"),
        ("你好", "世界", "你好世界"),
        ("你好。", "OK", "你好。OK"),
        ("你好", "OK", "你好 OK"),
    ],
)
def test_pieces_are_joined_as_their_script_is(page: Page, left: str, right: str, joined: str) -> None:
    code = "const { join } = await import('/page/speech.js'); return (left, right) => join(left, right);"
    assert (
        page.evaluate(f"async ([left, right]) => (await (async () => {{ {code} }})())(left, right)", [left, right])
        == joined
    )


def test_the_stopwatch_takes_the_first_sound_after_the_user_s_last(page: Page) -> None:
    assert run(
        page,
        """
        const { Stopwatch } = await import("/page/stopwatch.js");
        const watch = new Stopwatch(null);
        const greeting = watch.answered(1, null);
        watch.userSpoke();
        const over = watch.answered(4.01, 4);
        const first = watch.answered(5.5, 4);
        return [greeting, over, first, watch.answered(7, 4), watch.interrupted()];
        """,
    ) == [None, None, 1500, None, None]


def test_what_is_said_is_never_markup(page: Page) -> None:
    evil = "<img src=x onerror=alert(1)>"
    assert page.evaluate(
        """async (evil) => {
        const { Transcript } = await import("/page/transcript.js");
        const list = document.querySelector("ol");
        const said = [];
        const transcript = new Transcript({ list, scroller: document.body, say: (text) => said.push(text) });
        transcript.begin({ name: evil });
        const row = { interrupted: false, answerMs: null, breakdown: null, bufferMs: null, final: true };
        transcript.draw({ kind: "turn", who: "agent", text: evil, parts: [evil, ""], ...row });
        transcript.draw({ kind: "turn", who: "user", text: evil, ...row });
        transcript.draw({ kind: "tool", name: evil, state: "running" });
        transcript.draw({ kind: "filler", text: evil });
        transcript.draw({ kind: "notice", text: evil, help: evil });
        return [list.querySelectorAll("img").length, list.textContent.split(evil).length - 1, said.length];
        }""",
        evil,
    ) == [0, 7, 3]
