"""`voicekit new`: what it writes validates, whatever is named; what it cannot write it does not begin."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from voicekit.cli.new import command
from voicekit.config.document import Mapping, Scalar, read
from voicekit.config.loader import load
from voicekit.config.skeleton import skeleton
from voicekit.config.snippet import Choice, scalar
from voicekit.problems import Problem, Refused, Severity
from voicekit.providers.catalog import Kind, Provider, catalog
from voicekit.providers.packages import pip_line, to_install
from voicekit.report import render

EMBEDDED = """\
# hello: asr PocketSphinx, llm Rules, tts flite or espeak.
#
# Needs no key.
# Install: pip install "espeakng-loader==0.2.4" "pocketsphinx==5.1.1"
# Check:   voicekit validate hello.yaml
# Run:     voicekit run hello.yaml
version: 1
name: hello
language: en

# What the agent says first; without it the caller does.
greeting: Hello. How can I help?

transport: webrtc

# Who hears. Options: voicekit providers asr pocketsphinx
asr: pocketsphinx

# Who thinks. Options: voicekit providers llm rules
llm:
  provider: rules
  rules:                               # tried in order; the first whose phrase was heard answers
    - hear: (hello|good morning)
      say: Hello again.
    - hear: what time is it
      tool: current_time
      say: It is {{result.time}}.
    - hear: (goodbye|bye)
      say: Goodbye.
      tool: end_call
  otherwise: You can ask me for the time, or say goodbye.

# Who speaks. Options: voicekit providers tts auto
tts: auto

tools:
  current_time: builtin
  end_call: builtin
"""

PROVIDERS = """\
# support: asr Deepgram, llm OpenAI-compatible server, tts Cartesia.
# The texts below are English: put them into 'pt-BR'.
#
# Keys, in the environment or in .env beside this file:
#   DEEPGRAM_API_KEY
#   CARTESIA_API_KEY
# Install: pip install "pipecat-ai[cartesia]"
# Check:   voicekit validate support.yaml
# Run:     voicekit run support.yaml
version: 1
name: support
language: pt-BR

# What the model is told.
prompt: |
  You are a helpful voice assistant. Speak in short, complete sentences, without lists or symbols.
  Put the answer first.

# What the agent says first; without it the caller does.
greeting: Hello. How can I help?

transport: webrtc

# Who hears. Options: voicekit providers asr deepgram
asr: deepgram/nova-3

# Who thinks. Options: voicekit providers llm openai-compatible
llm:
  provider: openai-compatible
  endpoint: http://CHANGE-ME           # Custom base URL for OpenAI API.
  model: CHANGE-ME                     # LLM model identifier.

# Who speaks. Options: voicekit providers tts cartesia
tts:
  provider: cartesia
  voice: CHANGE-ME                     # Voice identifier or name.

# What the agent can do:
# tools:
#   current_time: builtin
#   end_call: builtin

# Said when nobody has spoken for a while.
silence:
  goodbye: I cannot hear you. Goodbye.

# Said when a turn cannot be answered, and when too many could not.
failure:
  say: Sorry, something went wrong. Could you say that again?
  goodbye: I am sorry, this is not working today. Please call again later.

# Said when the call has reached a limit.
limits:
  goodbye: Our time is up. Goodbye.
"""

ALL = list(catalog().providers())
# Every name is a model of this one, however odd: it sends what it is told to.
ODD = [
    "qwen3:14b",
    "x/y:free",
    "/models/whisper",
    "a: b",
    "a #b",
    "@cf/x",
    "*",
    "3.10",
    "no",
    "a'b",
    'a"b',
    "x:",
    "é模型",
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for provider in ALL:
        for variable in provider.environment.values():
            monkeypatch.delenv(variable, raising=False)
    return tmp_path


def new(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def refused(*arguments: str) -> str:
    with pytest.raises(Refused) as raised:
        new(*arguments)
    return render(raised.value.problems, {})


def choose(kind: Kind, name: str, model: str | None = None) -> Choice:
    provider = catalog().find(kind, name)
    assert provider is not None
    return Choice(provider, model)


def text_with(choice: Choice) -> str:
    embedded: tuple[tuple[Kind, str], ...] = (("asr", "pocketsphinx"), ("llm", "rules"), ("tts", "auto"))
    choices = {kind: choice if kind == choice.provider.kind else choose(kind, name) for kind, name in embedded}
    choices = {"realtime": choice} if choice.provider.kind == "realtime" else choices
    return skeleton("agent", choices, "webrtc", "en")


def problems(text: str) -> tuple[Problem, ...]:
    return load(Path("agent.yaml"), {}, data=text.encode()).problems


def test_the_embedded_agent_is_this_text(folder: Path) -> None:
    done = new("hello")
    assert (done.exit_code, done.stdout) == (0, "hello.yaml\n")
    assert (folder / "hello.yaml").read_text(encoding="utf-8") == EMBEDDED
    assert [path.name for path in folder.iterdir()] == ["hello.yaml"]
    assert problems(EMBEDDED) == ()


def test_a_file_of_providers_is_this_text(folder: Path) -> None:
    arguments = ["--asr", "deepgram/nova-3", "--llm", "openai-compatible", "--tts", "cartesia", "--language", "pt-BR"]
    done = new("support", *arguments)
    assert (folder / "support.yaml").read_text(encoding="utf-8") == PROVIDERS
    assert (done.exit_code, done.stdout) == (0, "support.yaml\n")
    assert done.stderr == (
        "next: put your own in place of CHANGE-ME: llm.endpoint, llm.model, tts.voice\n"
        '      pip install "pipecat-ai[cartesia]"\n'
        "      set DEEPGRAM_API_KEY, CARTESIA_API_KEY, in the environment or in .env\n"
        "      voicekit run support.yaml\n"
    )


def test_one_service_stands_in_place_of_three(folder: Path) -> None:
    done = new("agent", "--realtime", "openai/gpt-realtime", "--stdout")
    assert done.stdout.startswith("# agent: realtime OpenAI Realtime.\n")
    assert (
        "\n# Who hears, thinks and speaks. Options: voicekit providers realtime openai\nrealtime: openai/gpt-realtime\n"
    ) in done.stdout
    assert [problem.code for problem in problems(done.stdout)] == ["unset-variable"]
    both = new("agent", "--realtime", "openai", "--tts", "flite")
    assert both.exit_code == 2
    assert both.stderr.endswith("Error: --realtime stands in place of --asr, --llm and --tts\n")


def test_what_is_set_is_not_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "x")
    (folder / ".env").write_text("OPENAI_API_KEY=x\n", encoding="utf-8")
    done = new("agent", "--asr", "deepgram", "--llm", "openai")
    assert "DEEPGRAM" not in done.stderr
    assert "OPENAI" not in done.stderr


@pytest.mark.parametrize("provider", ALL, ids=lambda provider: f"{provider.kind}-{provider.name}")
def test_a_file_validates_with_any_provider(provider: Provider) -> None:
    text = text_with(Choice(provider))
    found = problems(text)
    assert {problem.code for problem in found} <= {"unset-variable", "asr-never-final"}
    assert {problem.severity for problem in found} <= {Severity.WARNING}
    told = {word.strip("#, ") for line in text.splitlines() if line.startswith("#   ") for word in line.split()}
    unset = [problem for problem in found if problem.code == "unset-variable"]
    assert {problem.text.split()[-5].strip(",") for problem in unset} == told & set(provider.must_set)
    assert set(provider.must_set) <= told
    assert pip_line(to_install([provider])).removeprefix("pip install ").strip('"') in text


@pytest.mark.parametrize("language", ["de", "en-GB", "zh-CN", "pt", "sw-KE"])
@pytest.mark.parametrize("llm", ["rules", "openai"])
def test_a_file_validates_in_any_language(language: str, llm: str) -> None:
    done = new("agent", "--asr", "deepgram", "--llm", llm, "--language", language, "--stdout")
    assert done.exit_code == 0
    assert {problem.severity for problem in problems(done.stdout)} == {"warning"}


@pytest.mark.parametrize("model", ODD)
@pytest.mark.parametrize("name", ["openrouter", "openai-compatible"])
def test_an_odd_model_is_read_back(name: str, model: str) -> None:
    done = new("agent", "--llm", f"{name}/{model}", "--asr", "deepgram", "--stdout")
    keys = {"OPENROUTER_API_KEY": "x", "DEEPGRAM_API_KEY": "x"}
    loaded = load(Path("agent.yaml"), keys, running=True, data=done.stdout.encode())
    assert loaded.problems == ()
    assert loaded.agent is not None
    assert (loaded.agent.llm[0].provider.name, loaded.agent.llm[0].model) == (name, model)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ollama/qwen3:14b", "ollama/qwen3:14b"),
        ("openrouter/x/y:free", "openrouter/x/y:free"),
        ("a: b", '"a: b"'),
        ("3.10", '"3.10"'),
        ("null", '"null"'),
        ("", '""'),
        ("é", "é"),
        ("a\nb", r'"a\nb"'),
    ],
)
def test_quotes_stand_where_they_must(text: str, written: str) -> None:
    assert scalar(text) == written


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_read_back(text: str) -> None:
    root, problems = read(f"first: 1\nkey: {scalar(text)}  # comment\nlast: 2\n", "")
    assert problems == []
    assert isinstance(root, Mapping)
    node = root.entries["key"]
    assert list(root.entries) == ["first", "key", "last"]
    assert isinstance(node, Scalar)
    assert node.text == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["x", "--asr", "deepgam", "--llm", "gpt-4o", "--tts", "elevenlabs-realtime/x"],
            (
                "error: 'gpt-4o' is a model, not a provider [unknown-provider]\n"
                "  = help: llm: openai/gpt-4o\n"
                "error: elevenlabs-realtime offers asr, not tts [unknown-provider]\n"
                "  = help: asr: elevenlabs-realtime\n"
                "error: no asr provider is named 'deepgam' [unknown-provider]\n"
                "  = help: did you mean 'deepgram'?"
            ),
        ),
        (
            ["Hello", "--transport", "carrier-pigeon"],
            (
                "error: 'name' cannot be 'Hello' [wrong-form]\n"
                "  = help: it takes lower-case letters, digits and hyphens, at most 63\n"
                "error: 'type' cannot be 'carrier-pigeon' [unknown-choice]\n"
                "  = help: one of: webrtc, websocket, twilio"
            ),
        ),
        (
            ["x", "--language", "de", "--llm", "openai"],
            (
                "error: pocketsphinx hears English only, and the language is 'de' [language-mismatch]\n"
                "  = help: no embedded asr knows another language: name a provider"
            ),
        ),
        (["x", "--llm", "rules/x"], "error: no key 'model' in llm [unknown-key]"),
        (["x", "--asr", ""], "error: 'asr' has no value [no-value]\n  = help: give it one, or remove the line"),
        (
            ["x", "--tts", "cartesia/"],
            "error: 'model' has no value [no-value]\n  = help: give it one, or remove the line",
        ),
        (["nowhere/x.yaml"], "error: 'nowhere/x.yaml' cannot be written: No such file or directory [cannot-write]"),
        (
            ["a/b"],
            (
                "error: 'name' cannot be 'a/b' [wrong-form]\n"
                "  = help: it takes lower-case letters, digits and hyphens, at most 63"
            ),
        ),
        (
            ["x\ny: 1"],
            (
                "error: 'name' cannot be 'x y: 1' [wrong-form]\n"
                "  = help: it takes lower-case letters, digits and hyphens, at most 63"
            ),
        ),
    ],
)
def test_what_would_not_validate_is_not_written(arguments: list[str], text: str, folder: Path) -> None:
    assert refused(*arguments) == text
    assert list(folder.iterdir()) == []


def test_bytes_that_are_no_text_are_told(folder: Path) -> None:
    assert "[yaml-syntax]" in refused("x", "--asr", "deepgram/\udcff")
    assert list(folder.iterdir()) == []


def test_a_file_that_exists_is_kept_unless_forced(folder: Path) -> None:
    path = folder / "hello.yaml"
    path.write_text("mine", encoding="utf-8")
    assert refused("hello") == (
        "error: 'hello.yaml' exists already [file-exists]\n  = help: choose another name, or overwrite it: --force"
    )
    assert path.read_text(encoding="utf-8") == "mine"
    assert new("hello", "--force").exit_code == 0
    assert path.read_text(encoding="utf-8") == EMBEDDED


def test_a_write_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(draft: Path, target: Path) -> Path:
        assert draft.parent == folder
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    told = "error: '{}' cannot be written: No space left on device [cannot-write]"
    assert refused(str(folder / "hello.yaml")) == told.format(folder / "hello.yaml")
    assert list(folder.iterdir()) == []


def test_it_can_be_printed_instead(folder: Path) -> None:
    (folder / "hello.yaml").write_text("mine", encoding="utf-8")
    done = new("hello", "--stdout")
    assert (done.stdout, done.stderr) == (EMBEDDED, "")
    assert (folder / "hello.yaml").read_text(encoding="utf-8") == "mine"


def test_a_path_names_the_agent_by_its_last_part(folder: Path) -> None:
    (folder / "two words").mkdir()
    done = new("two words/hello.yaml")
    assert done.stdout == "two words/hello.yaml\n"
    assert done.stderr.endswith("voicekit run 'two words/hello.yaml'\n")
    assert (folder / "two words" / "hello.yaml").read_text(encoding="utf-8") == EMBEDDED


def test_the_embedded_agent_runs(folder: Path) -> None:
    new("hello")
    arguments = [sys.executable, "-m", "voicekit", "run", "hello.yaml", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("talk at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130


def test_pipecat_is_not_imported() -> None:
    code = "import sys, voicekit.cli.new; print(sorted({'pipecat', 'loguru'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
