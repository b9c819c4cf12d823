"""`voicekit providers`: what is listed is what a file can name, and what is to be pasted validates."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from voicekit.cli.listing import detail, overview
from voicekit.cli.providers import command
from voicekit.config.loader import load
from voicekit.problems import Refused
from voicekit.providers.catalog import KINDS, Kind, Option, Provider, catalog
from voicekit.providers.catalog import provider as entry
from voicekit.report import render

CARTESIA = """\
tts cartesia: Cartesia
  class    CartesiaTTSService of pipecat.services.cartesia.tts
  install  pip install "pipecat-ai[cartesia]"
  reads    CARTESIA_API_KEY as api_key
  needs    voice: there is no default

Options
  api_key: text, secret
      Cartesia API key for authentication.
  cartesia_version: text, deprecated since Pipecat 1.8.0
      API version string for Cartesia service.
  endpoint: text, default wss://api.cartesia.ai/tts/websocket
      WebSocket URL for Cartesia TTS API.
  extra_headers: map
      Optional additional HTTP headers to send with the WebSocket handshake.
  generation_config: map
      Generation configuration for Cartesia models.
  language: text, default en
      Language for speech synthesis.
  max_buffer_delay_ms: int, 0 to 5000
      Server-side buffering window before generation starts.
  model: text, default sonic-3.6
      TTS model identifier.
  pronunciation_dict_id: text
      The ID of the pronunciation dictionary to use for custom pronunciations.
  voice: text, must be given
      Voice identifier or name.

In a file

tts:
  provider: cartesia
  voice: CHANGE-ME                     # Voice identifier or name.
"""

AUTO = """\
tts auto: flite or espeak
  is       the first of these that can be used: flite, espeak
  install  pip install "espeakng-loader==0.2.4"

In a file

tts: auto
"""

RULES = """\
llm rules: Rules
  class    RulesLLMService of voicekit.services.llm_rules
  install  nothing more
  takes    rules, steps, otherwise: the README has them

In a file

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

tools:
  current_time: builtin
  end_call: builtin
"""

OVERVIEW = """\
asr
NAME                     LABEL            VARIABLE                INSTALL
deepgram                 Deepgram         DEEPGRAM_API_KEY        -
deepgram-flux-sagemaker  Deepgram Flux    DEEPGRAM_FLUX_          [sagemaker]
                         SageMaker        SAGEMAKER_STT_
                                          ENDPOINT_NAME
                                          AWS_REGION
pocketsphinx             PocketSphinx     -                       pocketsphinx==
                                                                  5.1.1

tts
NAME      LABEL     VARIABLE          INSTALL
cartesia  Cartesia  CARTESIA_API_KEY  [cartesia]
"""

ELEVENLABS = """\
asr
NAME                 MATCH
elevenlabs           elevenlabs, ElevenLabs
elevenlabs-realtime  elevenlabs-realtime, ElevenLabs Realtime

tts
NAME                 MATCH
elevenlabs           elevenlabs, ElevenLabs
elevenlabs-dialogue  elevenlabs-dialogue, ElevenLabs Dialogue (v3)
elevenlabs-http      elevenlabs-http, ElevenLabs HTTP
"""

MARKED = """\
asr odd: Odd
  class    Class of module
  install  nothing more
  reads    ODD_REGION as region, if it is set

Options
  hot: int or bool, default 0 (voicekit's)
  mode: text, one of slow | fast, default fast
      Say e.g. fast.
  region: text
  words: text or list of text
      Words to expect, among them names of people, places and products, and
      whatever else is rare.

In a file

asr: odd
"""

FOOTER = '[x] is pip install "pipecat-ai[x]"; one in full: voicekit providers KIND NAME\n'
ALL = list(catalog().providers())
REST = {
    "asr": "asr: pocketsphinx\n",
    "llm": "llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}\n",
    "tts": "tts: auto\n",
}


def providers(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def find(kind: Kind, name: str) -> Provider:
    found = catalog().find(kind, name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["tts", "cartesia"], CARTESIA),
        (["auto"], AUTO),
        (["rules"], RULES),
        (["espeak", "--format", "text"], click.unstyle(detail(find("tts", "espeak"), 80))),
    ],
)
def test_one_provider_is_this_text(arguments: list[str], text: str) -> None:
    done = providers(*arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (0, text, "")


def test_a_name_shows_every_kind_that_has_it() -> None:
    done = providers("cartesia")
    assert done.stdout == click.unstyle(detail(find("asr", "cartesia"), 80)) + "\n" + CARTESIA


def test_marks_are_these_words() -> None:
    options = {
        "hot": {"types": ["int", "bool"], "default": 1, "target": "init.hot"},
        "mode": {
            "types": ["text"],
            "choices": ["slow", "fast"],
            "default": "fast",
            "doc": "Say e.g. fast. Slow is slow.",
            "target": "init.mode",
        },
        "region": {"types": ["text"], "default": "", "target": "init.region"},
        "words": {
            "types": ["text", "list"],
            "items": "text",
            "doc": "Words to expect, among them names of people, places and products, and whatever else is rare.",
            "target": "init.words",
        },
    }
    facts = {"module": "module", "cls": "Class", "label": "Odd", "http_session": False, "settings": ""}
    odd = entry(
        "asr", "odd", {**facts, "options": options, "environment": {"region": "ODD_REGION"}, "defaults": {"hot": 0}}
    )
    assert click.unstyle(detail(odd, 80)) == MARKED


def test_the_overview_is_this_table() -> None:
    some = [find("asr", name) for name in ("deepgram", "deepgram-flux-sagemaker", "pocketsphinx")]
    assert click.unstyle(overview([*some, find("tts", "cartesia")], 80)) == OVERVIEW


def test_a_wide_terminal_folds_nothing() -> None:
    assert len(overview([find("asr", "deepgram-flux-sagemaker")], 200).splitlines()) == 4


@pytest.mark.parametrize(("arguments", "kinds"), [([], {*KINDS}), (["tts"], {"tts"})])
def test_every_provider_that_a_file_can_name_is_listed(arguments: list[str], kinds: set[str]) -> None:
    done = providers(*arguments)
    lines = done.stdout.splitlines()
    names = [line.split()[0] for line in lines if line and not line.startswith((" ", "NAME"))]
    assert [name for name in names if name not in kinds] == [each.name for each in ALL if each.kind in kinds]
    assert {name for name in names if name in kinds} == kinds
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert done.stderr == FOOTER


def test_colours_are_for_terminals() -> None:
    assert "\x1b" in detail(find("tts", "cartesia"), 80)
    assert "\x1b" in CliRunner().invoke(command, ["tts", "cartesia"], color=True).stdout
    assert "\x1b" not in providers("tts", "cartesia").stdout


def test_a_search_shows_where_the_word_is() -> None:
    done = providers("--search", "ElevenLabs")
    assert (done.exit_code, done.stdout, done.stderr) == (0, ELEVENLABS, FOOTER)
    assert providers("asr", "deepgram", "--search", "keyterm").stdout == "asr\nNAME      MATCH\ndeepgram  keyterm\n"


def test_a_search_fits_the_terminal() -> None:
    assert max(map(len, providers("--search", "e").stdout.splitlines())) <= 80


@pytest.mark.parametrize("provider", ALL, ids=lambda provider: f"{provider.kind}-{provider.name}")
def test_it_is_shown_in_full_and_its_yaml_validates(provider: Provider) -> None:
    text = click.unstyle(detail(provider, 80))
    shown, _, yaml = text.partition("\nIn a file\n\n")
    assert [name for name in provider.options if f"\n  {name}: " not in shown] == []
    assert [option.name for option in provider.options.values() if option.summary not in " ".join(shown.split())] == []
    assert max(map(len, text.splitlines())) <= 100
    assert max(map(len, shown.splitlines())) <= 80
    rest = "".join(section for kind, section in REST.items() if provider.kind not in (kind, "realtime"))
    prompt = "prompt: Be brief.\n" if provider.kind in ("llm", "realtime") and provider.name != "rules" else ""
    loaded = load(Path("x.yaml"), {}, data=f"version: 1\nname: x\n{prompt}{rest}{yaml}".encode())
    warned = {("warning", code) for code in ("unset-variable", "asr-never-final")}
    assert {(problem.severity, problem.code) for problem in loaded.problems} <= warned


def test_json_is_all_there_is_of_the_selection() -> None:
    done = providers("tts", "cartesia", "--format", "json")
    [cartesia] = json.loads(done.stdout)
    options = cartesia.pop("options")
    assert cartesia == {
        "kind": "tts",
        "name": "cartesia",
        "label": "Cartesia",
        "class": "pipecat.services.cartesia.tts:CartesiaTTSService",
        "install": "pipecat-ai[cartesia]",
        "environment": {"api_key": "CARTESIA_API_KEY"},
        "must_set": ["CARTESIA_API_KEY"],
        "needs": ["voice"],
        "defaults": {},
        "one_of": [],
        "yaml": "tts:\n  provider: cartesia\n  voice: CHANGE-ME                     # Voice identifier or name.\n",
    }
    assert list(options) == list(find("tts", "cartesia").options)
    assert options["model"] == {
        "types": ["text"],
        "items": "any",
        "choices": [],
        "required": False,
        "default": "sonic-3.6",
        "doc": "TTS model identifier.",
        "secret": False,
        "deprecated": "",
        "instead": "",
        "low": None,
        "high": None,
    }


def test_json_has_the_same_keys_for_all() -> None:
    every = json.loads(providers("--format", "json").stdout)
    assert [(each["kind"], each["name"]) for each in every] == [(each.kind, each.name) for each in ALL]
    assert len({tuple(each) for each in every}) == 1
    assert len({tuple(option) for each in every for option in each["options"].values()}) == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["stt"],
            (
                "error: no provider and no kind of provider is named 'stt' [unknown-provider]\n"
                "  = help: voicekit calls it 'asr'"
            ),
        ),
        (
            ["deepgam"],
            (
                "error: no provider and no kind of provider is named 'deepgam' [unknown-provider]\n"
                "  = help: did you mean 'deepgram'?"
            ),
        ),
        (
            ["zzz"],
            (
                "error: no provider and no kind of provider is named 'zzz' [unknown-provider]\n"
                "  = help: voicekit providers lists them"
            ),
        ),
        (
            ["stt", "deepgram"],
            "error: no kind of provider is named 'stt' [unknown-provider]\n  = help: voicekit calls it 'asr'",
        ),
        (
            ["tts", "cartesa"],
            "error: no tts provider is named 'cartesa' [unknown-provider]\n  = help: did you mean 'cartesia'?",
        ),
        (
            ["llm", "elevenlabs"],
            (
                "error: no llm provider is named 'elevenlabs' [unknown-provider]\n"
                "  = help: it offers asr and tts: voicekit providers elevenlabs"
            ),
        ),
        (["--search", "zzz"], "error: no name, label or option has 'zzz' in it [nothing-found]"),
    ],
)
def test_what_does_not_exist_is_told(arguments: list[str], text: str) -> None:
    with pytest.raises(Refused) as raised:
        providers(*arguments)
    assert render(raised.value.problems, {}) == text


def test_wrong_usage_is_2() -> None:
    done = providers("asr", "deepgram", "more")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == "Error: Got unexpected extra argument (more)"


@pytest.mark.parametrize(
    ("doc", "summary"),
    [
        ("One. Two.", "One."),
        ("Say e.g. one. Then two.", "Say e.g. one."),
        ("Version 2.5 of it", "Version 2.5 of it"),
        ("", ""),
    ],
)
def test_a_summary_is_the_first_sentence(doc: str, summary: str) -> None:
    option = Option("x", ("text",), "any", (), False, None, doc, False, "", "init.x")
    assert option.summary == summary


def test_pipecat_is_not_imported() -> None:
    code = "import sys, voicekit.cli.providers; print(sorted({'pipecat', 'loguru'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
