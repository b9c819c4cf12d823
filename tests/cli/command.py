"""The command in a process of its own, and files for it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

RULES = "llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}\n"


def run(*arguments: str, folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "voicekit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False, timeout=60)


def write(folder: Path, text: str, name: str = "agent.yaml") -> Path:
    path = folder / name
    path.write_text(f"version: 1\nname: agent\n{text}", encoding="utf-8")
    return path
