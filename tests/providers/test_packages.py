"""What to install: nothing that comes with voicekit, and one requirement for all of Pipecat's extras."""

import pytest

from voicekit.providers.catalog import Kind, catalog
from voicekit.providers.packages import not_here, pip_line, to_install


@pytest.mark.parametrize(
    ("names", "requirements"),
    [
        ([], ()),
        (["asr deepgram", "llm openai", "llm ollama"], ()),
        (["tts rime", "asr azure", "tts auto"], ("pipecat-ai[azure,rime]", "espeakng-loader==0.2.4")),
        (["asr deepgram-sagemaker"], ("pipecat-ai[sagemaker]",)),
    ],
)
def test_what_is_to_be_installed(names: list[str], requirements: tuple[str, ...]) -> None:
    kinds: dict[str, Kind] = {"asr": "asr", "llm": "llm", "tts": "tts"}
    found = [catalog().find(kinds[kind], name) for kind, name in map(str.split, names)]
    assert to_install(provider for provider in found if provider) == requirements


def test_a_pinned_requirement_is_here_in_its_version_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        return {"one": "1.0"}[name]

    monkeypatch.setattr("voicekit.providers.packages._version", version)
    assert not_here(["one==1.0"]) == ()
    assert not_here(["one==2.0"]) == ("one==2.0",)


def test_what_is_not_installed_or_may_not_be_is_not_here() -> None:
    assert not_here(["no-such-package==1.0", "pipecat-ai[rime]"]) == ("no-such-package==1.0", "pipecat-ai[rime]")


def test_the_line_to_type() -> None:
    assert pip_line(["pipecat-ai[azure,rime]", "one==1.0"]) == 'pip install "pipecat-ai[azure,rime]" "one==1.0"'
    assert pip_line([]) == ""
