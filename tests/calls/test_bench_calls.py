"""The benchmark of calls runs, and prints all of its figures."""

import re
import subprocess
import sys

import pytest

from voicekit.services.tts_embedded import available

BOT = r"""{}: 2 turns, calls: 1
  answer     p50 \d+\.\d{{3}} s, p95 \d+\.\d{{3}} s, at the ear
  barge-in   p50 \d+\.\d{{3}} s, p95 \d+\.\d{{3}} s to silence, of 1
  gaps       \d+ inside answers
  processor  \d+\.\d\d s a call
"""
RATIO = r"\d+\.\d\d; \d+\.\d\d to \d+\.\d\d"
PRINTED = (
    "".join(BOT.format(name) for name in ("streaming.yaml, WebRTC", "hand-written, WebRTC", "callcenter.yaml, Twilio"))
    + f"""streaming.yaml as a multiple of hand-written: of medians, and the least and the greatest of a pair of calls
  answer     {RATIO}
  barge-in   {RATIO}
  processor  {RATIO}
"""
)


@pytest.mark.long
@pytest.mark.skipif(available("flite") != "", reason=available("flite"))
def test_it_measures_three_bots() -> None:
    command = [sys.executable, "-m", "voicekit.calls.bench_calls", "--turns", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(PRINTED, done.stdout), done.stdout
