"""What the tests of the page share: a running server, a recorded caller, and Chromium to play it into."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

from voicekit.calls.microphone import RATE, Samples
from voicekit.calls.speech import Speaker

CHROMIUM = "/usr/bin/chromium"
STOP_SECS = 15.0
TAIL_SECS = 60.0

_QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
# Keeps what the page shows only for a moment, and the peer connections that the page keeps to itself.
_WATCH = """
window.seen = { interims: [], peers: [] };
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...args) { super(...args); window.seen.peers.push(this); }
};
new MutationObserver(() => {
  for (const row of document.querySelectorAll("li.turn.interim .words")) {
    if (row.innerText.trim() && window.seen.interims.at(-1) !== row.innerText) window.seen.interims.push(row.innerText);
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
_ENERGY = """async () => {
  const reports = await Promise.all(window.seen.peers.map((peer) => peer.getStats()));
  const sound = reports.flatMap((report) => [...report.values()]).filter((stat) => stat.type === "inbound-rtp");
  return sound.reduce((sum, stat) => sum + (stat.totalAudioEnergy ?? 0), 0);
}"""


class Server:
    """`voicekit run` as a process of its own, from its first line on."""

    def __init__(self, path: Path, *options: str) -> None:
        command = [sys.executable, "-m", "voicekit", "run", str(path), "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        first = self.process.stdout.readline()
        assert first.startswith("talk at "), "the server did not start"
        self.address = first.split()[2]
        self._drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._drain.start()

    def stop(self) -> int:
        """End it as Ctrl-C does; return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECS)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()
        self._drain.join(STOP_SECS)
        if self.process.stdout:
            self.process.stdout.close()

    def children(self, module: str) -> list[int]:
        """Return the process ids of its children that run a module."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = [pid for thread in threads for pid in thread.read_text(encoding="utf-8").split()]
        return [int(pid) for pid in pids if module in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")]


@contextmanager
def serving(path: Path, *options: str) -> Iterator[Server]:
    """Run a server, and end it in whatever state it is."""
    server = Server(path, *options)
    try:
        yield server
    finally:
        server.kill()


def record(path: Path, script: Sequence[tuple[float, str]]) -> None:
    """Write what a caller says, each sentence so many seconds after the end of the one before, as a WAV file."""
    with ThreadPoolExecutor(1) as thread:  # playwright has an event loop in this one
        spoken = thread.submit(asyncio.run, _speak([text for _, text in script])).result()
    sound = [part for (pause, _), speech in zip(script, spoken, strict=True) for part in (_silence(pause), speech)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate([*sound, _silence(TAIL_SECS)]).tobytes())


async def _speak(texts: Sequence[str]) -> list[Samples]:
    speaker = Speaker()
    try:
        return [await speaker.speech(text) for text in texts]
    finally:
        await speaker.close()


def _silence(secs: float) -> Samples:
    return np.zeros(int(secs * RATE), dtype=np.int16)


def chromium(playwright: Playwright, microphone: Path | None) -> Browser:
    """Start Chromium, with a recording as its microphone or with a microphone that nobody allows."""
    fake = ["--use-fake-device-for-media-stream"]
    if microphone:
        fake += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*_QUIET, *fake])


class TalkPage:
    """The talk page in a browser, opened; what it asked for and what it complained of."""

    def __init__(self, browser: Browser, address: str, *, allowed: bool = True) -> None:
        context = browser.new_context(viewport={"width": 1024, "height": 768})
        context.grant_permissions(["microphone"] if allowed else [])
        context.add_init_script(_WATCH)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page: Page = context.new_page()
        self.page.goto(address)
        self.until("document.title.includes('·')")  # the server has said who answers

    def close(self) -> None:
        self.page.context.close()

    def until(self, expression: str, within_secs: float = 20.0) -> None:
        """Wait until a JavaScript expression is true; `talk` in it is `window.voicekit`."""
        within = f"() => {{ const talk = window.voicekit; return talk && ({expression}); }}"
        self.page.wait_for_function(within, timeout=within_secs * 1000, polling=50)

    def call(self) -> None:
        """Press Call, and wait until the agent is there."""
        self.page.click("#call[data-action=call]")
        self.until("['listening', 'agent-speaking'].includes(talk.state)")

    def write(self, text: str) -> None:
        """Write to the agent, and send it with Enter."""
        self.page.fill("#written", text)
        self.page.press("#written", "Enter")

    def turns(self, who: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.page.evaluate("window.voicekit.turns")
        return [row for row in rows if row["who"] == who]

    def interims(self) -> list[str]:
        seen: list[str] = self.page.evaluate("window.seen.interims")
        return seen

    def energy(self) -> float:
        """Return how much sound of the agent's has come, in what WebRTC counts it."""
        return float(self.page.evaluate(_ENERGY))

    def problems(self) -> list[dict[str, str]]:
        told: list[dict[str, str]] = self.page.evaluate("window.voicekit.problems")
        return told

    def barge_ins(self) -> list[int]:
        times: list[int] = self.page.evaluate("window.voicekit.bargeIns")
        return times

    def breakdown(self) -> str:
        """Return where the time of an answer went, which a press on its time opened."""
        return self.page.inner_text(".breakdown:not([hidden])")

    def problem(self) -> tuple[str, str]:
        """Wait for the problem panel; return its text and what it says to do."""
        self.page.wait_for_selector("#problem:not([hidden])", timeout=20_000)
        return self.page.inner_text("#problem-text"), self.page.inner_text("#problem-help")

    def button(self) -> str:
        return self.page.inner_text("#call-label")

    def picture(self, name: str, folder: Path) -> None:
        self.page.screenshot(path=folder / f"{name}.png")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


def screenshots(otherwise: Path) -> Path:
    """Return where pictures are kept."""
    folder = Path(os.environ.get("VOICEKIT_SCREENSHOTS") or otherwise)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
