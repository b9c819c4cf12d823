"""An app's own page, from its own origin, in a browser: it is let in, and another site's page is not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.server.browser import CHROMIUM, chromium, serving
from voicekit.services.tts_embedded import available

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium"),
    pytest.mark.skipif(available("flite") != "", reason=available("flite")),
]

TOKEN = "zq7-token-4711-4711"  # noqa: S105 - of nobody
FILE = """
version: 1
name: desk
greeting: "Hello {{{{var.name}}}}."
transport: websocket
asr: pocketsphinx
llm: {{provider: rules, rules: [{{hear: hello, say: Hello.}}]}}
tts: flite
server: {{token: "${{VOICEKIT_TOKEN}}", origins: ["{origin}"]}}
"""
# What an app does; its own server would ask for the ticket.
CALL = """async ([address, token]) => {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ body: { name: "Ann" } });
  const started = await fetch(`${address}/start`, { method: "POST", headers, body });
  const { token: ticket } = await started.json();
  const socket = new WebSocket(`${address.replace("http", "ws")}/ws?token=${ticket}`);
  const ready = { label: "rtvi-ai", type: "client-ready", id: "1", data: { version: "2.2.0" } };
  return await new Promise((resolve, reject) => {
    let text = "";
    socket.onopen = () => socket.send(JSON.stringify(ready));
    socket.onerror = () => reject(new Error("the socket is refused"));
    socket.onmessage = (event) => {
      const { type, data } = JSON.parse(event.data);
      if (type === "bot-tts-text") text += ` ${data.text}`;
      if (type === "bot-stopped-speaking") resolve(text.trim());
    };
  });
}"""
SNEAK = """async (address) => {
  const asked = await fetch(`${address}/start`, { method: "POST" }).then(() => "read", (error) => error.name);
  const connected = await new Promise((resolve) => {
    const socket = new WebSocket(`${address.replace("http", "ws")}/ws`);
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  });
  return [asked, connected];
}"""


class Blank(BaseHTTPRequestHandler):
    """Answers with an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
        """Say nothing."""


@contextmanager
def site() -> Iterator[int]:
    """Serve an empty page; give its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_apps_page_is_let_in_and_another_site_s_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEKIT_TOKEN", TOKEN)
    with site() as port, sync_playwright() as playwright:
        origin, other = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
        (tmp_path / "desk.yaml").write_text(FILE.format(origin=origin))
        with serving(tmp_path / "desk.yaml") as server:
            browser = chromium(playwright, None)
            page = browser.new_page()
            page.goto(origin)
            assert page.evaluate(CALL, [server.address, TOKEN]) == "Hello Ann."
            page.goto(other)
            assert page.evaluate(SNEAK, server.address) == ["TypeError", "refused"]
            browser.close()
