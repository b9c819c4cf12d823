"""What `voicekit schema` prints, to the letter."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from voicekit.cli.main import group
from voicekit.config.schema import schema
from voicekit.problems import Refused
from voicekit.report import render

COMMITTED = Path(__file__).parent.parent.parent / "voicekit" / "config" / "schema.json"

VAD = """\
vad
  Who hears that somebody speaks.

  type     silero, or a mapping
  default  silero
  example  vad:
             provider: silero
             confidence: 0.7
             start_secs: 0.2
             stop_secs: 0.2
             min_volume: 0.6

vad.provider  silero  default: silero
    Which detector.

vad.confidence  a number from 0 to 1  default: 0.7
    How sure it must be; lower is more sensitive.

vad.start_secs  a number from 0.05 to 2  default: 0.2
    Seconds of speech before it counts.

vad.stop_secs  a number from 0.05 to 2  default: 0.2
    Seconds of silence before speech has stopped.

vad.min_volume  a number from 0 to 1  default: 0.6
    Quieter is not speech.
"""
WAIT = """\
turn.wait_ms
  With `fixed`: milliseconds of silence since the last speech; it includes `vad.stop_secs`.

  type     a whole number from 100 to 5000
  default  600
  example  turn:
             wait_ms: 600
"""
PYTHON = """\
tools.NAME.python
  `module:function`, looked for beside the file first.

  type     module:function, as in tools:lookup
  example  tools:
             NAME:
               python: tools:lookup
"""
SAY = """\
llm.steps.NAME.say
  The answer, with `{{slot}}`, `{{result}}` and `{{result.field}}` filled in.

  type     text, or a list of it
  default  none: it is required
  example  llm:
             provider: rules
             steps:
               NAME:
               - say: Order {{order_id}} is on its way.
"""
FAILURE = """\
failure
  What the caller hears when a turn cannot be answered.

  type     a mapping
  default  the language's own words
  example  failure:
             say: I am sorry, something went wrong. Please say that again.
             within_ms: 4000
             tries: 2
             goodbye: I am sorry, this is not working today.

failure.say  text, or a list of it, or a mapping  default: the language's own
    The words. They are made into sound before the first call, and need no provider that lives.

failure.within_ms  a whole number from 1000 to 15000  default: 4000
    Milliseconds: a caller who waits hears something at least this often, whatever breaks.

failure.tries  a whole number from 1 to 10  default: 2
    Turns in a row that may fail; then the agent says goodbye and hangs up.

failure.goodbye  text, or a list of it  default: the language's own
    The last words after that.
"""
COOL_DOWN = """\
fallback.cool_down_secs
  Seconds for which a service that has failed is left alone.

  type     a number from 1 to 3600
  default  60
  example  fallback:
             cool_down_secs: 60
"""
CALL = """\
limits.call_secs
  Seconds that a call may last.

  type     a whole number from 10 to 86400, or false
  default  600
  example  limits:
             call_secs: 600
"""
ENDPOINTING = """\
asr.endpointing

  a whole number, or true or false
    deepgram, deepgram-sagemaker
      Endpointing sensitivity in ms, or False to disable.

  a number
    gladia
      Silence duration in seconds to mark end of speech.

  vad or manual  default: vad
    sarvam-realtime
      Which side detects turn boundaries: vad for Sarvam's own detection, or manual for the
      pipeline's.

  true or false  default: true
    smallest
      Finalize promptly on trailing silence.

  a whole number from 0 to 5000
    xai
      Silence duration in milliseconds that triggers the speech-final event carrying the utterance's
      TranscriptionFrame.
"""


def run(*arguments: str) -> str:
    done = CliRunner().invoke(group, ["schema", *arguments], catch_exceptions=False, standalone_mode=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize(
    ("key", "page"),
    [
        ("vad", VAD),
        ("turn.wait_ms", WAIT),
        ("tools.NAME.python", PYTHON),
        ("tools.lookup_order.python", PYTHON),
        ("tools.python", PYTHON),
        ("llm.steps.orders.say", SAY),
        ("failure", FAILURE),
        ("fallback.cool_down_secs", COOL_DOWN),
        ("limits.call_secs", CALL),
        ("asr.endpointing", ENDPOINTING),
    ],
)
def test_a_key(key: str, page: str) -> None:
    assert run(key) == page


def test_no_key_is_the_keys_of_a_file() -> None:
    page = run()
    assert page.startswith(
        "A file; voicekit schema KEY says more of one.\n"
        "\n"
        "extends  text\n"
        "    A file that this one builds on; what is written here replaces what is written there.\n"
        "\n"
        "version  1  required\n"
        "    Of the language.\n"
    )
    listed = [line.split()[0] for line in page.splitlines()[1:] if line[:1].strip()]
    assert listed == list(schema()["properties"])


def test_a_service_names_its_providers_and_what_they_share() -> None:
    page = run("asr")
    assert page.startswith(
        "asr\n"
        "  Who hears; several are tried in order.\n"
        "\n"
        "  type     provider, provider/model, or a mapping, or a list of them\n"
        "  default  required without realtime\n"
        "  example  asr: deepgram/nova-3\n"
        "\n"
        "asr.provider  assemblyai, assemblyai-sync, "
    )
    assert "\nasr.OPTION  what its provider has; several have these\n    api_key, " in page


def test_a_secret_names_the_variable_of_each_provider() -> None:
    assert run("tts.api_key").startswith("tts.api_key\n\n  text\n    asyncai (${ASYNCAI_API_KEY}), ")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("stt", "error: no key 'stt': voicekit calls it 'asr' [unknown-key]\n  = help: asr: deepgram/nova-3"),
        ("turn.wait_mss", "error: no key 'wait_mss' in turn [unknown-key]\n  = help: did you mean 'wait_ms'?"),
        (
            "llm.temprature",
            "error: no llm provider has an option 'temprature' [unknown-key]\n  = help: did you mean 'temperature'?",
        ),
        (
            "asr.base_url",
            (
                "error: no asr provider has an option 'base_url': voicekit calls it 'endpoint', for every provider"
                " [unknown-key]\n  = help: endpoint: …"
            ),
        ),
        ("llm.rules.here", "error: no key 'here' in llm.rules [unknown-key]\n  = help: did you mean 'hear'?"),
        ("asr.endpointing.ms", "error: no key 'ms' in asr.endpointing [unknown-key]"),
    ],
)
def test_an_unknown_key_is_answered_by_the_one_that_was_meant(key: str, text: str) -> None:
    with pytest.raises(Refused) as refused:
        run(key)
    assert render(refused.value.problems, {}) == text


def test_json_is_the_schema_of_a_file_as_it_is_shipped() -> None:
    page = run("--json")
    assert page == COMMITTED.read_text(encoding="utf-8")
    assert json.loads(page)["title"] == "voicekit"


def test_json_is_of_the_whole_file() -> None:
    done = CliRunner().invoke(group, ["schema", "turn", "--json"])
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == "Error: --json is of the whole file; leave KEY out"
