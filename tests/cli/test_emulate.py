"""`emulate`: the emulators in a process of their own."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from websockets.sync.client import connect

from tests.cli.command import run


@contextmanager
def emulating(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "voicekit", "emulate", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_prints_what_a_file_has_to_name_and_serves_until_interrupted() -> None:
    with emulating("openai", "deepgram", "--key", "k") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(2)]
        address = lines[0].rpartition("/")[2].strip()
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
        answer = httpx.post(
            f"http://{address}/v1/chat/completions", json=body, headers={"Authorization": "Bearer k"}, timeout=5
        )
        announced = httpx.post(f"http://{address}/emulated/announce", json={"text": "Hi."}, timeout=5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        told = process.stderr.read().splitlines()
    assert lines == [
        f"deepgram  asr       endpoint: ws://{address}\n",
        f"openai    llm       endpoint: http://{address}/v1\n",
    ]
    assert answer.json()["choices"][0]["message"]["content"].endswith("I heard: hello")
    assert announced.status_code == 204
    assert told[0] == f"2 at http://{address}, with the key 'k' (Ctrl-C ends it)"


def test_it_has_the_voices_that_it_is_told() -> None:
    with emulating("elevenlabs", "--key", "k", "--voice", "MineMineMineMineMine") as process:
        assert process.stdout is not None
        address = process.stdout.readline().rpartition("/")[2].strip()
        path = "/v1/text-to-speech/{}/multi-stream-input?model_id=eleven_flash_v2_5&output_format=pcm_24000"
        headers = {"xi-api-key": "k"}
        with connect(f"ws://{address}{path.format('MineMineMineMineMine')}", additional_headers=headers) as line:
            line.send('{"close_socket": true}')
            assert list(line) == []
        with connect(f"ws://{address}{path.format('Another')}", additional_headers=headers) as line:
            assert json.loads(line.recv())["error"] == "voice_id_does_not_exist"


def test_a_name_that_is_none_is_answered_with_the_nearest() -> None:
    done = run("emulate", "elvenlabs", "--port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: no emulator here is named 'elvenlabs' [unknown-emulator]\n  = help: did you mean 'elevenlabs'?\n"
    )
