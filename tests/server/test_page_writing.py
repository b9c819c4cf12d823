"""Writing on the talk page in Chromium, against `voicekit run --emulate`: cascaded and realtime."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.server.browser import CHROMIUM, TalkPage, chromium, record, screenshots, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM}"),
]

CASCADED = """
version: 1
name: desk
description: Answers questions about orders.
greeting: Good day, this is the desk.
prompt: Be brief.
asr: deepgram/nova-3
llm: openai/gpt-4o-mini
tts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}
"""
REALTIME = """
version: 1
name: desk
greeting: Good day.
prompt: Be brief.
realtime: openai/gpt-realtime
"""
STORY = "It left on Monday and it passed a river and a hill and a town and another town and will be here on Thursday."
TESTS = f"""
name: desk
emulate:
  script:
    - {{heard: order, say: "{STORY}"}}
    - {{heard: thank, say: You are welcome.}}
scenarios:
  - name: an order
    turns:
      - user: Where is my order?
        expect: [{{event: response, text_contains: Thursday}}]
"""
EMULATED = "Emulated: the agent hears “Hello.” whatever you say. Write to it instead."


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone is silent."""
    microphone = tmp_path_factory.mktemp("microphone") / "silence.wav"
    record(microphone, ())
    with sync_playwright() as playwright:
        browser = chromium(playwright, microphone)
        yield browser
        browser.close()


@contextmanager
def page_of(text: str, folder: Path, browser: Browser) -> Iterator[TalkPage]:
    """Give the page of a file that is emulated."""
    (folder / "desk.yaml").write_text(text, encoding="utf-8")
    (folder / "desk.test.yaml").write_text(TESTS, encoding="utf-8")
    with serving(folder / "desk.yaml", "--emulate") as server:
        said = httpx.get(f"{server.address}/api/agent").json()
        assert (said["emulated"], said["hears"]) == (True, "Hello.")
        talk = TalkPage(browser, server.address)
        yield talk
        talk.close()


def test_what_is_written_is_answered_aloud_and_interrupts(browser: Browser, tmp_path: Path) -> None:
    pictures = screenshots(tmp_path)
    with page_of(CASCADED, tmp_path, browser) as talk:
        assert talk.page.inner_text("#emulated") == EMULATED
        assert talk.page.is_disabled("#written")
        assert talk.page.is_disabled("#send")
        talk.picture("writing-idle", pictures)
        talk.call()
        talk.until("talk.turns.length === 1 && talk.turns[0].final")

        silent = talk.energy()
        talk.write("Where is my order?")
        assert talk.page.input_value("#written") == ""
        assert talk.turns("user")[0]["text"] == "Where is my order?"  # before any answer to it
        talk.until("document.querySelectorAll('.turn .heard')[2]?.textContent.includes('Monday')")
        assert talk.energy() > silent
        talk.write("Thank you, that will do.")
        talk.until("talk.turns.at(-1).text === 'You are welcome.' && talk.turns.at(-1).final")
        assert [turn["text"] for turn in talk.turns("user")] == ["Where is my order?", "Thank you, that will do."]
        assert [turn["interrupted"] for turn in talk.turns("agent")] == [False, True, False]
        assert talk.page.locator("li.turn").count() == 5

        talk.picture("writing-light", pictures)
        talk.page.emulate_media(color_scheme="dark")
        talk.picture("writing-dark", pictures)
        talk.page.set_viewport_size({"width": 360, "height": 740})
        talk.page.fill("#written", "And")
        talk.picture("writing-360-dark", pictures)
        talk.page.emulate_media(color_scheme="light")
        talk.picture("writing-360", pictures)
        assert talk.page.evaluate("document.documentElement.scrollWidth") == 360
        assert talk.problems() == []

        talk.page.press("#written", "m")
        talk.page.press("#written", "Escape")
        assert talk.page.get_attribute("#mute", "aria-pressed") == "false"
        assert talk.page.input_value("#written") == "Andm"
        talk.page.click("#call")
        talk.until("talk.state === 'ended'")
        assert talk.page.is_disabled("#written")
        assert talk.page.input_value("#written") == "Andm"
        talk.picture("writing-360-ended", pictures)
        assert talk.complaints == []


def test_a_realtime_model_is_written_to(browser: Browser, tmp_path: Path) -> None:
    with page_of(REALTIME, tmp_path, browser) as talk:
        talk.call()
        talk.until("talk.turns.length === 1 && talk.turns[0].final")
        talk.write("Thank you.")
        talk.until("talk.turns.length === 3 && talk.turns[2].final")
        assert [turn["text"] for turn in talk.turns("user")] == ["Thank you."]
        assert talk.turns("agent")[-1]["text"] == "You are welcome."
        assert talk.problems() == []
