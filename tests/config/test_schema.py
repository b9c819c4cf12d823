"""The JSON Schema of a file and the reference it is made of: right files pass, what one section shows is refused."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from voicekit.config.keys import Key, OfProviders, find, keys, placed
from voicekit.config.loader import load
from voicekit.config.schema import schema
from voicekit.config.tool import HTTP_KEYS
from voicekit.config.transport import TRANSPORT_KEYS
from voicekit.config.words import worded
from voicekit.problems import Severity
from voicekit.providers.catalog import Provider, catalog

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
COMMITTED = ROOT / "voicekit" / "config" / "schema.json"
SHIPPED = sorted(path for path in (ROOT / "pipelines").rglob("*.yaml") if not path.name.endswith(".test.yaml"))

SCHEMA = schema()
CHECKER = Draft7Validator(SCHEMA)

# What a schema cannot see, and why: `voicekit validate` says these.
ELSEWHERE = {
    "asr-never-final": "it is a warning",
    "bad-phrase": "the words of a phrase",
    "bad-placeholder": "the words of a line",
    "bad-variable": "the words of an expression",
    "bounds-reversed": "one key against another",
    "body-without-use": "one key against another",
    "class-at-run": "it is a note",
    "fallback-slower-than-timeout": "one key against another",
    "bad-include": "other files",
    "cost-unknown": "one section against the prices of others",
    "deprecated-option": "it is a warning",
    "duplicate-key": "a parser keeps one of two keys",
    "endpointing-is-not-turn-end": "it is a note",
    "extends-cycle": "other files",
    "fallback-to-itself": "one item of a list against another",
    "fallback-without-list": "one section against another",
    "filler-order": "one section against another",
    "grammar-without-rules": "one section against another",
    "half-duplex-interruption": "one key against another",
    "include-cycle": "other files",
    "keyterms-twice": "one key against another",
    "key-not-sent-transport": "one key against another",
    "language-mismatch": "one section against another",
    "memory-without-remember": "it is a warning",
    "missing-key-description": "one key against another",
    "missing-key-edge": "one key against another",
    "missing-key-prompt": "one section against another",
    "missing-step": "a name against the names of a section",
    "missing-tool": "a name against the names of a section",
    "needs-interim": "one section against another",
    "never-greeted": "one section against another",
    "no-file-extends": "other files",
    "no-greeting": "it is a warning",
    "no-keyterms": "it is a warning",
    "no-phrases": "which languages have phrases",
    "no-turn-detector": "one section against another",
    "nobody-to-ask": "one section against another",
    "not-a-mapping-base": "other files",
    "nothing-to-unset": "other files",
    "optional-in-address": "one key against another",
    "outside-project": "other files",
    "private-host": "which addresses are private",
    "remember-without-memory": "one section against another",
    "rules-in-list": "one item of a list against another",
    "realtime-and-cascade-base": "other files",
    "realtime-and-cascade-below": "other files",
    "secret-in-file-header": "the name of a header against its value",
    "telephony-only": "one section against another",
    "two-credentials": "one key against another",
    "two-bodies": "one key against another",
    "two-turn-detectors": "one section against another",
    "unknown-placeholder": "the words of a line",
    "unprotected": "one section against another",
    "unset-variable": "the environment",
    "unused-anchor": "a parser puts in what an anchor names",
    "unused-key": "one key against another",
    "unused-parameter": "it is a warning",
    "wait-shorter-than-vad": "one section against another",
    "wrong-type-false": "a text may be any word, and one of them is false",
    "warning-order": "one key against another",
}
CASCADE = {"asr": "pocketsphinx", "llm": "openai", "tts": "auto"}
# What no reader of YAML takes.
NOT_YAML = {
    "bad-character",
    "bad-key",
    "bad-merge",
    "not-utf8",
    "second-document",
    "unknown-anchor",
    "unknown-tag",
    "yaml-syntax",
}


class Told(yaml.CSafeLoader):
    """A parser that was told of the tags, as an editor is. That in C takes `[Are you there?]`, as the loader does."""


def as_written(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node)


for tag in ("!include", "!unset"):
    Told.add_constructor(tag, as_written)


def read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Told)  # noqa: S506 - it is the safe one, told of two tags


def refused(text: str) -> list[str]:
    """Return where the schema marks a file of these lines."""
    written = yaml.safe_load(text)
    services = {} if "realtime" in written else CASCADE
    data = {"version": 1, "name": "a", **services} | written
    return [error.json_path for error in CHECKER.iter_errors(data)]


def test_checking_a_file_needs_none_of_it() -> None:
    code = (
        "import sys; from pathlib import Path; import voicekit.cli.validate; from voicekit.config.loader import load;"
        "assert load(Path('pipelines/local.yaml'), {}).agent;"
        "print([name for name in ('reference', 'schema', 'docstrings') if f'voicekit.config.{name}' in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout == "[]\n"


def names(folder: str) -> list[str]:
    return sorted(path.stem for path in (HERE / folder).glob("*.yaml"))


def test_the_committed_file_is_what_would_be_generated() -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == SCHEMA, "make schema"


def test_it_is_a_schema_of_draft_7_and_small_enough_for_an_editor() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert COMMITTED.stat().st_size < 1_500_000


def test_it_holds_none_of_our_own_words() -> None:
    assert {key for words in every(SCHEMA) for key in words if key.startswith("x-")} == set()


def test_draft_7_sees_nothing_beside_a_reference() -> None:
    assert [words for words in every(SCHEMA) if "$ref" in words and len(words) > 1] == []


def every(words: object) -> Iterator[dict[str, Any]]:
    if isinstance(words, dict):
        yield words
    for each in words.values() if isinstance(words, dict) else words if isinstance(words, list) else ():
        yield from every(each)


@pytest.mark.parametrize("path", [*SHIPPED, *sorted((HERE / "good").glob("*.yaml"))], ids=lambda path: path.stem)
def test_a_right_file_passes(path: Path) -> None:
    assert [error.message for error in CHECKER.iter_errors(read(path))] == []


@pytest.mark.parametrize("name", names("bad"))
def test_a_wrong_file_is_refused_or_the_schema_cannot_see_why(name: str) -> None:
    path = HERE / "bad" / f"{name}.yaml"
    try:
        value = read(path)
    except (yaml.YAMLError, UnicodeDecodeError):
        assert is_one_of(name, NOT_YAML)
    else:
        assert CHECKER.is_valid(value) is is_one_of(name, ELSEWHERE)


def is_one_of(name: str, kinds: Iterable[str]) -> bool:
    """Say whether a file is one of these kinds: `yaml-syntax` has `yaml-syntax-tab`."""
    return any(f"{name}-".startswith(f"{kind}-") for kind in kinds)


@pytest.mark.parametrize(
    "text",
    [
        "asr: {provider: deepgram, endpointing: false}",
        "asr: [deepgram/nova-3]",
        "llm: [openai/gpt-4o-mini, {provider: anthropic, temperature: 0.2}]",
        "llm: together/meta-llama/Llama-4",
        'llm: {provider: openai, temperature: "${TEMP:-0.4}"}',
        'turn: {end: "${END}", wait_ms: "${WAIT}"}',
        'vad: "${VAD}"',
        'greeting: {say: Hello., interruptible: "${MAY}"}',
        "greeting: false",
        "greeting: [Hello., Good day.]",
        "tts: {provider: elevenlabs, voice: 101001}",
        "language: no",
        "tools: {current_time: builtin, other: {builtin: end_call}}",
        "x-anchors: [anything, {at: all}]",
        "llm: {provider: openai, endpoint: 'http://10.1.2.3', api_key: '${KEY}'}",
        "realtime: openai/gpt-realtime",
        "realtime: {provider: openai, voice: marin, turn_detection: semantic_vad, eagerness: high}",
    ],
)
def test_what_the_loader_takes_is_not_marked(text: str) -> None:
    assert refused(text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("turn: {wait_ms: 600ms}", ["$.turn"]),
        ("fallback: {llm_ms: 600ms}", ["$.fallback.llm_ms"]),
        ('fallback: {llm_ms: "600"}', ["$.fallback.llm_ms"]),
        ("fallback: {llm_ms: 100}", ["$.fallback.llm_ms"]),
        ("fallback:", ["$.fallback"]),
        ("languag: de", ["$"]),
        ("asr: deepgam", ["$.asr"]),
        ("asr: {provider: deepgram, grammar: rules}", ["$.asr"]),
        ("asr: []", ["$.asr"]),
        ("llm: []", ["$.llm"]),
        ("llm: {provider: openai, temperature: hot}", ["$.llm.temperature"]),
        ("llm: {provider: openai, api_key: sk-live}", ["$.llm.api_key"]),
        ("llm: {provider: openai, endpoint: 'http://10.1.2.3'}", ["$.llm"]),
        ("tts: {provider: cartesia}", ["$.tts"]),
        ("tools: {no such: {python: 'a:b'}}", ["$.tools"]),
        ("tools: {other: builtin}", ["$.tools.other"]),
        ("tools: {other: {python: 'a:b', builtin: end_call}}", ["$.tools.other"]),
        ("name: Not a name", ["$.name"]),
        ("{realtime: openai, llm: openai}", ["$.llm"]),
        ("realtime: {provider: openai, eagerness: fast}", ["$.realtime.eagerness"]),
    ],
)
def test_what_the_loader_refuses_is_marked(text: str, where: list[str]) -> None:
    assert refused(text) == where


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "greeting: {interruptible: false}",
        "failure: {say: Sorry.}",
        "tts: {voice: other}",
        "tts: {provider: cartesia}",
        "llm: {provider: rules, otherwise: Once more.}",
        "tools: {lookup_order: {timeout_secs: 3}}",
    ],
)
def test_a_file_that_extends_another_may_leave_things_to_it(text: str) -> None:
    data = {"version": 1, "name": "a", **yaml.safe_load(text)}
    assert [error.message for error in CHECKER.iter_errors({**data, "extends": "base.yaml"})] == []
    assert not CHECKER.is_valid(data)


def test_the_items_of_a_list_are_whole_in_every_file() -> None:
    data = {"version": 1, "name": "a", "extends": "base.yaml"}
    assert not CHECKER.is_valid({**data, "llm": [{"temperature": 0.2}, "openai"]})
    assert not CHECKER.is_valid({**data, "llm": {"provider": "rules", "rules": [{"hear": "hello"}]}})


@pytest.mark.parametrize("key", ["turn", "fallback", "asr", "llm", "tools"])
def test_what_a_tag_leaves_behind_is_not_marked(key: str) -> None:
    """A parser that is told of the tags reads `!unset` as an empty text and `!include` as the file's name."""
    assert refused(f'{key}: ""') == []
    assert refused(f"{key}: parts/one.yaml") == []


def every_option() -> Iterator[tuple[Provider, str, set[str]]]:
    for provider in catalog().providers():
        if provider.kind in SCHEMA["properties"]:
            yield from ((provider, name, {*option.types}) for name, option in provider.options.items())


def with_option(provider: Provider, name: str, value: object) -> dict[str, Any]:
    """Return a file with one option, and what its provider needs."""
    needed = dict.fromkeys([*provider.needs, *provider.environment], "${NAME}")
    services = {} if provider.kind == "realtime" else CASCADE
    return {
        "version": 1,
        "name": "a",
        **services,
        provider.kind: {"provider": provider.name, **{key: needed[key] for key in needed if key in provider.options}}
        | {name: value},
    }


def test_every_option_may_be_an_expression() -> None:
    marked = [
        (provider.name, name, error.message)
        for provider, name, types in every_option()
        if not types <= {"list", "map"}
        for error in CHECKER.iter_errors(with_option(provider, name, "${NAME:-1}"))
    ]
    assert marked == []


def test_every_number_in_quotes_is_marked() -> None:
    numbers = [(provider, name) for provider, name, types in every_option() if types <= {"int", "num", "bool"}]
    assert len(numbers) > 400
    passed = [(provider.name, name) for provider, name in numbers if CHECKER.is_valid(with_option(provider, name, "1"))]
    assert passed == []


def test_every_default_of_an_option_is_one_of_its_values() -> None:
    """What an editor offers as the default must not be marked once it stands there."""
    wrong = []
    for provider, name, _ in every_option():
        words = SCHEMA["definitions"].get(f"{provider.kind}-{provider.name}", {"properties": {}})["properties"]
        if "default" in words.get(name, {}) and not CHECKER.is_valid(
            with_option(provider, name, words[name]["default"])
        ):
            wrong.append((provider.name, name, words[name]["default"]))
    assert wrong == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_file_leads_an_editor_to_the_schema(path: Path) -> None:
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if "yaml-language-server" in line)
    comment, _, reference = line.partition("$schema=")
    assert comment == "# yaml-language-server: "
    assert (path.parent / reference).resolve() == COMMITTED


def every_key(key: Key) -> Iterator[Key]:
    for inner in keys(key):
        yield inner
        yield from every_key(inner)


def whole() -> Key:
    found = find("")
    assert isinstance(found, Key)
    return found


KEYS = list(every_key(whole()))


def test_every_key_has_a_meaning_a_type_and_an_example() -> None:
    assert len(KEYS) > 40
    assert [key.path for key in KEYS if not key.words.get("description") or not worded(key.words)] == []
    assert [key.path for key in KEYS if placed(key) is None] == []


def test_every_key_is_found_by_its_path() -> None:
    assert [key.path for key in KEYS if find(key.path) != key] == []


REQUESTS = [f"tools.NAME.{key}" for key in ("http", *HTTP_KEYS)]
REQUEST = """
    tools:
      NAME:
        description: Find an order.
        http: POST https://example.org/orders
        parameters: {order_id: string, status: string}
    """

# What stands beside a key of a transport, besides its type.
BESIDE = {"region": {"edge": "dublin"}, "edge": {"region": "ie1"}, "endpoint": {"auth_token": "${TOKEN}"}}
TRANSPORTS = {
    f"transport.{key}": yaml.safe_dump({"transport": {"type": kind, **BESIDE.get(key, {})}})
    for kind, keys_of in TRANSPORT_KEYS.items()
    for key in keys_of
}

# What an example is put into: a right file, without what the example says.
AROUND = {
    "": "prompt: Be brief.",
    "turn": "turn: {end: fixed}",
    **dict.fromkeys(("turn.min_wait_ms", "turn.max_wait_ms"), "turn: {end: smart}"),
    **dict.fromkeys(("turn.short_pause_secs", "turn.long_pause_secs"), "turn: {end: semantic}"),
    "turn.mute": "greeting: Hello.",
    "memory.turns": "memory: {keep: window}",
    **dict.fromkeys(("memory.max_tokens", "memory.recent_turns"), "memory: {keep: summary}"),
    "fallback": """
        asr: [deepgram, openai]
        llm: [openai/gpt-4o-mini, anthropic]
        tts: [{provider: elevenlabs, voice: one}, openai]
        """,
    "greeting.": "{greeting: {say: Hello.}}",
    "failure.say.": "failure: {say: {say: I am sorry.}}",
    "limits.warn_say.": "limits: {warn_say: {say: Half a minute is left.}}",
    "tools.NAME.": "{tools: {NAME: {python: 'tools:lookup'}}}",
    "tools.NAME.late_ms": "{tools: {NAME: {say: {late: Nearly there.}}}}",
    "llm.": """
        llm: {provider: rules, rules: [{hear: "order {order_id:digits}", say: Yes., tool: lookup_order}]}
        tools: {lookup_order: {python: 'tools:lookup_order'}}
        """,
    "llm.steps.NAME.": """
        llm: {steps: {NAME: [{hear: "order {order_id:digits}", say: Yes., tool: lookup_order}]}}
        """,
    **dict.fromkeys(REQUESTS, REQUEST),
    **dict.fromkeys(("telephony", "limits"), "transport: {type: twilio, hang_up: false}"),
    **dict.fromkeys(("server.host", "server.public_url"), "server: {origins: ['https://app.example.com']}"),
    **TRANSPORTS,
}

# What stands there excludes what would stand around it.
ALONE = {"tools.NAME.builtin", "llm.provider", "llm.class", *REQUESTS}


def merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}
    if isinstance(below, list) and isinstance(above, list):
        return [merged(below[0], above[0]), *above[1:]]
    return above


@pytest.mark.parametrize("key", [key for key in KEYS if key.path != "extends"], ids=lambda key: key.path)
def test_every_example_is_right(key: Key, tmp_path: Path) -> None:
    data: Any = {"version": 1, "name": "a"} | ({} if key.path.startswith("realtime") else CASCADE)
    for prefix, text in AROUND.items():
        if key.path.startswith(prefix) and (key.path not in ALONE or prefix in ("", key.path)):
            data = merged(data, yaml.safe_load(text))
    data = merged(data, placed(key))
    assert [error.message for error in CHECKER.iter_errors(data)] == []
    path = tmp_path / "agent.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    problems = load(path, {}).problems
    assert [problem.text for problem in problems if problem.severity is Severity.ERROR] == []


def test_an_option_says_what_it_is_with_each_provider() -> None:
    found = find("asr.endpointing")
    assert isinstance(found, OfProviders)
    said = {provider.name: worded(words) for provider, words in found.having}
    assert said["deepgram"] == "a whole number, or true or false"
    assert said["sarvam-realtime"] == "vad or manual"
