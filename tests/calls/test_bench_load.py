"""The benchmark of load runs, and prints all of its figures."""

import re
import subprocess
import sys

import pytest

from voicekit.services.tts_embedded import available

STEP = r" +{} at once: answers p50 \d+\.\d{{3}} s, p95 \d+\.\d{{3}} s of {}; \d+\.\d\d cores{}\n"
# On a busy machine it may stop before the second step, which is what it is for.
PRINTED = (
    STEP.format(1, 20, "")
    + f"(?:{STEP.format(2, 8, ', -?[0-9]+ MB each')})?"
    + r"2 calls in a row: \d+ MB before, \d+ MB after, 0 failed\n"
)


@pytest.mark.long
@pytest.mark.skipif(available("flite") != "", reason=available("flite"))
def test_it_places_calls_at_once_and_in_a_row() -> None:
    command = [sys.executable, "-m", "voicekit.calls.bench_load", "--most", "2", "--in-a-row", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(PRINTED, done.stdout), done.stdout
