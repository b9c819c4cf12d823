"""Every provider whose SDK can be installed is built from its minimal file, with the SDKs that the lock names."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from voicekit.providers.catalog import Provider, catalog

ROOT: Final = Path(__file__).parent.parent.parent
ENVIRONMENT: Final = ROOT / ".venv" / "providers"

# Not tried, and why. The dependency group `providers` leaves their packages out.
LEFT_OUT: Final = {
    "asr funasr": "needs torch",
    "asr moonshine": "downloads its model when it is made",
    "asr whisper": "downloads its model when it is made",
    "asr whisper-mlx": "runs on Apple silicon only",
    "tts kokoro": "downloads its model when it is made",
    "tts piper": "downloads its voice when it is made",
    "tts pocket-tts": "needs torch",
}


def install() -> Path:
    """Install the group `providers` as locked, into an environment beside this one, and return its Python."""
    uv = Path(sys.executable).with_name("uv")
    wanted = ["--group", "providers", "--no-default-groups", "--extra", "local", "--no-install-project"]
    inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [uv, "sync", "--quiet", "--locked", "--python", sys.executable, *wanted],
        cwd=ROOT,
        env=inherited | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ENVIRONMENT / "bin" / "python"


def wants_newer_python(provider: Provider) -> bool:
    return bool(provider.python) and sys.version_info < tuple(map(int, provider.python.split(".")))


@pytest.mark.long
def test_every_provider_is_built_from_its_minimal_file() -> None:
    everything = {f"{each.kind} {each.name}": each for each in catalog().providers() if not each.one_of}
    left_out = {*LEFT_OUT, *(name for name, each in everything.items() if wants_newer_python(each))}
    assert left_out <= set(everything)
    done = subprocess.run(
        [install(), Path(__file__).with_name("build_providers.py"), *left_out],
        env=os.environ | {"PYTHONPATH": str(ROOT), "LOGURU_AUTOINIT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    assert {name: text for name, text in told.items() if text} == {}
    assert set(told) == set(everything) - left_out
