"""The talk page in Chromium, against `voicekit run`: a caller who speaks, and everything that can go wrong."""

import json
import os
import re
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.server.browser import CHROMIUM, Server, TalkPage, chromium, record, screenshots, serving
from voicekit.services import asr_pocketsphinx, tts_embedded

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM}"),
    pytest.mark.skipif(asr_pocketsphinx.available() != "", reason=asr_pocketsphinx.available()),
    pytest.mark.skipif(tts_embedded.available("flite") != "", reason=tts_embedded.available("flite")),
]

LOCAL = Path(__file__).parents[2] / "pipelines" / "local.yaml"
# Seconds of silence before each sentence: what is said before it has to be answered and heard by then.
TALK = ((7.0, "what time is it"), (5.0, "what can you do"), (10.0, "good morning"))
QUESTION = ((4.0, "what time is it"),)
INTERRUPTION = ((4.0, "what can you do"), (4.5, "good morning"))

FILE = """
version: 1
name: desk
turn: {end: fixed, wait_ms: 600}
asr: pocketsphinx
llm:
  provider: rules
  rules:
    - hear: what time is it
      tool: clock
      say: It is {{result}}.
      failed: The clock does not answer.
    - hear: what can you do
      say: I can tell you the time of day, and I can tell you a very long story about a clock that nobody could hear.
    - hear: good morning
      say: Good morning to you.
tts: flite
tools:
  clock: {python: "desk_tools:clock", description: Read the clock., timeout_secs: 1}
"""
TOOLS = '''
    """The clock of the tests' agent."""

    import asyncio


    async def clock() -> str:
        """Take longer than anybody waits."""
        await asyncio.sleep(30)
        return "late"
'''

Open = Callable[..., TalkPage]


@pytest.fixture(scope="module")
def local() -> Iterator[Server]:
    """The embedded default."""
    with serving(LOCAL) as server:
        yield server
        assert server.stop() == 130


@pytest.fixture(scope="module")
def desk_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "desk_tools.py").write_text(textwrap.dedent(TOOLS), encoding="utf-8")
    (folder / "desk.yaml").write_text(FILE, encoding="utf-8")
    return folder / "desk.yaml"


@pytest.fixture(scope="module")
def desk(desk_file: Path) -> Iterator[Server]:
    """An agent without a greeting, whose one tool hangs."""
    with serving(desk_file) as server:
        yield server
        assert server.stop() == 130


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser_with(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Browser]]:
    """Give the browser whose microphone says something, or is refused."""
    browsers: dict[object, Browser] = {}

    def start(script: tuple[tuple[float, str], ...] | None) -> Browser:
        if script not in browsers:
            microphone = tmp_path_factory.mktemp("microphone") / "caller.wav" if script else None
            if microphone and script:
                record(microphone, script)
            browsers[script] = chromium(playwright, microphone)
        return browsers[script]

    yield start
    for browser in browsers.values():
        browser.close()


@pytest.fixture
def open_page(browser_with: Callable[..., Browser]) -> Iterator[Open]:
    """Give the page of a server in a browser with a microphone."""
    opened: list[TalkPage] = []

    def open_one(server: Server, script: tuple[tuple[float, str], ...] | None = QUESTION) -> TalkPage:
        opened.append(TalkPage(browser_with(script), server.address, allowed=script is not None))
        return opened[-1]

    yield open_one
    for page in opened:
        page.close()


def test_a_talk(local: Server, open_page: Open, tmp_path: Path) -> None:
    pictures = screenshots(tmp_path)
    talk = open_page(local, TALK)
    talk.picture("before-light", pictures)
    talk.call()
    silent = talk.energy()
    talk.until("talk.turns.filter((turn) => turn.who === 'agent' && turn.final).length === 4", within_secs=60)

    assert [turn["text"] for turn in talk.turns("user")] == [text for _, text in TALK]
    greeting, *answers = talk.turns("agent")
    assert greeting["answerMs"] is None
    for answer, words in zip(answers, (r"it is \d+:\d\d [AP]M", "tell you the time", "again|good to"), strict=True):
        assert re.search(words, answer["text"], re.IGNORECASE)
        assert 200 < answer["answerMs"] < 8000
        assert 200 < answer["breakdown"]["answerMs"] < answer["answerMs"]
        assert not answer["interrupted"]
    assert talk.energy() - silent > 0.1
    assert len(set(talk.interims()) - {text for _, text in TALK}) >= 2
    assert talk.barge_ins() == []
    assert talk.problems() == []

    talk.page.click("button.time:visible >> nth=0")
    stages = r"waited .*\ss · heard .*\ss · .*voice .*\ss\nat the server .*\ss · .*at your ear .*\ss"
    assert re.fullmatch(stages, talk.breakdown())
    talk.picture("talk-light", pictures)
    talk.page.emulate_media(color_scheme="dark")
    talk.picture("talk-dark", pictures)
    talk.page.set_viewport_size({"width": 360, "height": 740})
    talk.picture("talk-360-dark", pictures)
    talk.page.emulate_media(color_scheme="light")
    talk.picture("talk-360", pictures)
    assert talk.page.evaluate("document.documentElement.scrollWidth") == 360

    talk.page.keyboard.press("Escape")
    talk.until("talk.state === 'ended'")
    assert talk.page.inner_text("#state") == "Call ended: you hung up"
    assert [url for url in talk.requests if not url.startswith((f"{local.address}/", "blob:", "data:"))] == []
    assert talk.complaints == []


def test_an_interruption_cuts_the_agent_off(desk: Server, open_page: Open, tmp_path: Path) -> None:
    talk = open_page(desk, INTERRUPTION)
    talk.call()
    talk.until("talk.turns.length === 4 && talk.turns[3].final", within_secs=40)
    talk.picture("interrupted", screenshots(tmp_path))
    cut, answer = talk.turns("agent")
    assert (cut["interrupted"], answer["interrupted"]) == (True, False)
    assert answer["text"] == "Good morning to you."
    (silenced,) = talk.barge_ins()
    assert 0 < silenced < 2000
    row = talk.page.locator("li.turn.interrupted")
    assert row.count() == 1
    note = row.locator(".note").inner_text()
    assert re.fullmatch(r"cut off · silent \d\.\d\d\ss after you began", note)
    assert talk.page.inner_text("#figures").endswith(f"silent after {silenced / 1000:.2f}\u00a0s")


def test_the_keyboard_is_enough(desk: Server, open_page: Open) -> None:
    talk = open_page(desk)
    assert talk.button() == "Call"
    talk.page.keyboard.press("Enter")
    talk.until("talk.state === 'listening'")
    assert talk.button() == "Hang up"
    talk.page.keyboard.press("m")
    assert talk.page.inner_text("#state") == "You are muted"
    talk.page.keyboard.press("m")
    assert talk.page.inner_text("#state") == "Listening"
    talk.page.keyboard.press("Escape")
    talk.until("talk.state === 'ended'")
    assert talk.button() == "Call again"
    talk.page.keyboard.press("Enter")
    talk.until("talk.state === 'listening'")
    talk.page.keyboard.press("Enter")
    talk.until("talk.state === 'ended'")


def test_a_refused_microphone_is_told(desk: Server, open_page: Open, tmp_path: Path) -> None:
    talk = open_page(desk, None)
    talk.page.click("#call")
    assert talk.problem() == (
        "The microphone is not allowed.",
        (
            "Allow it for this page (the icon left of the address), check that the system lets the browser use it, "
            "then try again."
        ),
    )
    talk.picture("refused", screenshots(tmp_path))
    assert talk.button() == "Try again"
    assert talk.page.inner_text("#state") == "Not connected"


def test_busy_lines_are_told_in_the_server_s_words(desk: Server, open_page: Open) -> None:
    talk = open_page(desk)
    body = {"problem": "all 10 lines are busy", "help": "try again in a moment"}
    talk.page.route("**/api/offer", lambda route: route.fulfill(status=503, body=json.dumps(body)))
    talk.page.click("#call")
    assert talk.problem() == ("all 10 lines are busy", "try again in a moment")
    assert talk.button() == "Try again"
    talk.page.unroute("**/api/offer")
    talk.call()
    assert talk.page.is_hidden("#problem")


def test_a_tool_that_hangs_is_told_and_spoken_of(desk: Server, open_page: Open, tmp_path: Path) -> None:
    talk = open_page(desk, QUESTION)
    talk.call()
    talk.until("talk.turns.at(-1)?.who === 'agent' && talk.turns.at(-1).final", within_secs=30)
    talk.picture("tool-hangs", screenshots(tmp_path))
    assert talk.turns("agent")[-1]["text"] == "The clock does not answer."
    assert talk.energy() > 0.01
    assert talk.page.inner_text("li.notice") == "tool clock: it did not answer within 1 s"
    assert talk.problems() == [{"kind": "server", "text": "tool clock: it did not answer within 1 s", "help": ""}]


def test_a_lost_decoder_costs_no_word(desk: Server, open_page: Open) -> None:
    talk = open_page(desk, INTERRUPTION)
    talk.call()
    talk.until("talk.turns.at(-1)?.text.includes('what')")
    lost = desk.children("pocketsphinx_worker")
    for pid in lost:
        os.kill(pid, signal.SIGKILL)
    talk.until("talk.turns.length >= 2 && talk.turns[1].who === 'agent' && talk.turns[1].text", within_secs=30)
    asked, answered = talk.turns("user")[0], talk.turns("agent")[0]
    assert asked["text"] == "what can you do"
    assert answered["text"].startswith("I can tell you the time")
    assert not set(lost) & set(desk.children("pocketsphinx_worker"))
    assert talk.page.inner_text("li.notice") == f"asr: {asr_pocketsphinx.TAKEN_OVER}"


def test_a_server_that_dies_is_told(desk_file: Path, open_page: Open, tmp_path: Path) -> None:
    with serving(desk_file) as server:
        talk = open_page(server)
        talk.call()
        server.kill()
        died = time.monotonic()
        assert talk.problem() == (
            "The connection was lost.",
            "The network or the server went away. Check that voicekit is still running, then call again.",
        )
        assert time.monotonic() - died < 20
        assert talk.page.inner_text("#state") == "Call ended: the connection was lost"
        talk.page.click("#call")
        talk.until("talk.state === 'failed'")
        assert talk.problem() == (
            "The server cannot be reached.",
            "Check that voicekit is still running and that this machine is on its network, then try again.",
        )
        talk.picture("unreachable", screenshots(tmp_path))
        assert talk.button() == "Try again"


def test_ctrl_c_ends_the_call_and_the_server(desk_file: Path, open_page: Open) -> None:
    with serving(desk_file) as server:
        talk = open_page(server)
        talk.call()
        assert server.stop() == 130
        talk.until("talk.state === 'ended'")
        assert talk.page.inner_text("#state") == "Call ended: the agent hung up"
