"""What the tests of several files share: a folder of them, loaded and rendered."""

from collections.abc import Mapping
from pathlib import Path

from voicekit.config.agent import Agent
from voicekit.config.loader import load
from voicekit.config.services import Service
from voicekit.providers.catalog import Kind
from voicekit.report import render

KEYS = {
    "DEEPGRAM_API_KEY": "d",
    "OPENAI_API_KEY": "o",
    "ANTHROPIC_API_KEY": "a",
    "ELEVENLABS_API_KEY": "e",
}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def loaded(folder: Path, *overrides: str, name: str = "agent.yaml") -> Agent:
    """Return the agent of a folder's file; fail with what is wrong with it."""
    found = load(folder / name, KEYS, running=True, overrides=overrides)
    assert found.agent is not None, render(found.problems, found.sources)
    assert found.problems == ()
    return found.agent


def part(agent: Agent, kind: Kind) -> Service:
    """Return the first service of a kind."""
    return next(each for each in agent.services if each.kind == kind)


def refused(folder: Path, *overrides: str, name: str = "agent.yaml") -> str:
    """Return what is printed of a folder's file, with its paths as they are within the folder."""
    found = load(folder / name, KEYS, running=True, overrides=overrides)
    assert found.agent is None
    return render(found.problems, found.sources).replace(f"{folder}/", "")


_SERVICES = "asr: deepgram\nllm: openai\ntts: {provider: elevenlabs, voice: v}\n"


def agent_of(lines: str, services: str = _SERVICES) -> Agent:
    """Return the agent of a file of a few lines; its services are usual ones."""
    data = f"version: 1\nname: desk\nprompt: Be brief.\n{services}{lines}\n".encode()
    found = load(Path("agent.yaml"), KEYS, running=True, data=data)
    assert found.agent is not None, render(found.problems, found.sources)
    return found.agent
