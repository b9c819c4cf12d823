"""Suite: the tests of an agent, FILE.test.yaml beside FILE.yaml, read and checked. Pure: it imports no Pipecat.

Its scenarios are those of Pipecat's evals, so that `pipecat eval run` takes the same file
(`pipecat.evals.script` says what each key means). Pipecat ignores a key that it does not know; here that is an error.
`emulate` is ours: what the emulated providers and tools do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from voicekit.calls.beside import agent_of
from voicekit.calls.emulate import NAMED, Emulate
from voicekit.config.document import DocumentError, Node, Scalar
from voicekit.config.document import Mapping as Tree
from voicekit.config.document import Sequence as List
from voicekit.config.fact import Fact
from voicekit.config.includes import Includer
from voicekit.config.lines import NOT_EMPTY
from voicekit.config.messages import Places, plain, translate
from voicekit.config.ranges import between, formed
from voicekit.config.scalars import Anything, Bool, Int, Text, read_text, wrong_type
from voicekit.config.section import Section
from voicekit.config.sources import Sources
from voicekit.problems import Place, Problem, each_once, has_errors

Steps: TypeAlias = tuple[str | int, ...]

# What Pipecat's evals see of a call.
EVENTS: Final = (
    "bot_backchannel",
    "bot_ended",
    "bot_interrupted",
    "bot_started_speaking",
    "bot_stopped_speaking",
    "function_call",
    "function_call_stopped",
    "llm_marker",
    "llm_response",
    "llm_started",
    "response",
    "tts_response",
    "user_backchannel",
    "user_started_speaking",
    "user_stopped_speaking",
    "user_transcription",
    "vad_user_started_speaking",
    "vad_user_stopped_speaking",
)
_CALLS: Final = ("function_call", "function_call_stopped")
_OF_CALLS: Final = ("calls", "name", "args")
_OF_MARKERS: Final = ("marker", "marker_first", "markers", "text_after")
_OF_TEXT: Final = ("text_contains", "text_excludes", "eval")


def _event(value: Any) -> Any:
    name = read_text(value)
    if name not in EVENTS:
        raise PydanticCustomError("unknown-choice", "unknown choice", {"choices": list(EVENTS)})
    return name


Event: TypeAlias = Annotated[str, BeforeValidator(_event)]
Millis: TypeAlias = Annotated[Int, between(1, 600_000)]


class Call(Section):
    """A call of a tool. A text is its name."""

    name: Text
    args: dict[Text, Anything] | None = None


class Expectation(Section):
    """What has to happen after a turn's input, in the order of the list."""

    event: Event
    within_ms: Millis | None = None
    text_contains: Text | None = None
    text_excludes: Text | None = None
    calls: Annotated[tuple[Annotated[Call, NAMED], ...], NOT_EMPTY] | None = None
    name: Text | None = None
    args: dict[Text, Anything] | None = None
    eval: Text | None = None
    marker: Annotated[Literal["complete", "short", "long", "incomplete"], BeforeValidator(read_text)] | None = None
    marker_first: Bool | None = None
    markers: Annotated[Int, between(0, 100)] | None = None
    text_after: Bool | None = None
    check_from: Annotated[Literal["previous", "turn_start"], BeforeValidator(read_text)] = "previous"
    absent: Bool = False


class SendAfter(Section):
    """When a turn's input is sent: so long after an event, or after the turn before."""

    event: Event | None = None
    delay_ms: Annotated[Int, between(0, 600_000)] = 0


class Pause(Section):
    """Silence in the middle of what is said."""

    pause_ms: Millis


def _parts(value: Any) -> Any:
    if isinstance(value, list):
        return [item if isinstance(item, Scalar | dict) else wrong_type("text or a pause", item) for item in value]
    return [value]


Said: TypeAlias = Annotated[tuple[Pause | Text, ...], NOT_EMPTY, Fact(_parts, lambda words: words, before=True)]


class Turn(Section):
    """What the caller says or presses, and what has to come of it. Without either it only watches."""

    user: Said | None = None
    dtmf: Annotated[Text, formed(r"[0-9*#]+", "keys of a telephone: 0 to 9, * and #")] | None = None
    audio: Text | None = None
    send_after: SendAfter | None = None
    expect: tuple[Expectation, ...] = ()

    @property
    def text(self) -> str | None:
        """What the caller says, without its pauses."""
        return " ".join(part for part in self.user if isinstance(part, str)) if self.user else None


Modality: TypeAlias = Annotated[Literal["text", "audio"], BeforeValidator(read_text)]


class User(Section):
    """How the caller's turns reach the agent. `speech` is for Pipecat's own command; here flite speaks."""

    modality: Modality = "text"
    speech: dict[Text, Anything] | None = None


class Judge(Section):
    """Whether the agent speaks, and who decides `eval`."""

    modality: Modality = "text"
    eval: dict[Text, Anything] | None = None
    transcription: dict[Text, Anything] | None = None


class Scenario(Section):
    """One conversation."""

    name: Text
    turns: Annotated[tuple[Turn, ...], NOT_EMPTY]
    context: tuple[dict[Text, Anything], ...] = ()
    user: User = Field(default_factory=User)
    judge: Judge = Field(default_factory=Judge)
    stop_on_failure: Bool = True
    emulate: Emulate = Field(default_factory=Emulate)


class _File(Section):
    """The whole file: what stands beside `scenarios` is the default of each."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    emulate: Emulate = Field(default_factory=Emulate)
    scenarios: Annotated[tuple[Scenario, ...], NOT_EMPTY]


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one agent.

    Attributes:
        path: The file of tests.
        agent: The agent's file.
        scenarios: What is held with it, in order.
        emulate: What the file says of all of them.
        places: Where their keys stand: `places.key("scenarios", 0, "turns", 1, "expect", 0, "event")`.
        problems: What is wrong with the file; scenarios are then empty.
        sources: Its text, for printing problems.
    """

    path: Path
    agent: Path
    scenarios: tuple[Scenario, ...]
    emulate: Emulate
    places: Places
    problems: tuple[Problem, ...]
    sources: Mapping[str, str]


def read_suite(path: Path, data: bytes | None = None) -> Suite:
    """Read and check a file of tests.

    Args:
        path: The file; places name it as it is written here.
        data: What is in it, where that has been read already.
    """
    sources = Sources(path, data)
    tree = Tree({}, {}, Place(str(path)))
    read = _File.model_construct(name="", scenarios=(), emulate=Emulate())
    try:
        tree = _tree(path, sources)
    except DocumentError as error:
        sources.problems.append(error.problem)
    else:
        try:
            read = _File.model_validate(plain(tree))
        except ValidationError as error:
            sources.problems += translate(error, tree, _File)
    places = Places(tree)
    for index, scenario in enumerate(read.scenarios):
        sources.problems += _checked(scenario, index, places)
    sources.problems += _names(read.scenarios, places)
    kept = () if has_errors(sources.problems) else read.scenarios
    return Suite(path, agent_of(path), kept, read.emulate, places, tuple(each_once(sources.problems)), sources)


def _tree(path: Path, sources: Sources) -> Tree:
    """Return the tree of a file in which each scenario has what the file says of all."""
    root = sources.document(path)
    if not isinstance(root, Tree):
        raise DocumentError(
            Problem("not-a-mapping", "the file is not a mapping of keys", root.place, "begin with 'name: …'")
        )
    whole = Includer(sources).put_in(root, (str(path),))
    if not isinstance(whole, Tree):
        return root
    of_all = {key: node for key, node in whole.entries.items() if key in Scenario.model_fields and key != "name"}
    ours = {
        key: node
        for key, node in whole.entries.items()
        if key in _File.model_fields or not (key in of_all or key.startswith("x-"))
    }
    if isinstance(scenarios := ours.get("scenarios"), List):
        items = tuple(_completed(item, of_all, whole) for item in scenarios.items)
        ours["scenarios"] = replace(scenarios, items=items)
    return Tree(ours, whole.keys, whole.place)


def _completed(node: Node, of_all: dict[str, Node], whole: Tree) -> Node:
    """Return a scenario with what it does not say itself; a key replaces, as Pipecat has it."""
    if not isinstance(node, Tree):
        return node
    keys = {key: whole.keys[key] for key in of_all}
    return replace(node, entries=of_all | node.entries, keys=keys | node.keys)


def _names(scenarios: tuple[Scenario, ...], places: Places) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, scenario in enumerate(scenarios):
        if scenario.name in seen:
            text = f"two scenarios are named '{scenario.name}'"
            yield Problem(
                "duplicate-name", text, places.value("scenarios", index, "name"), "name one of them otherwise"
            )
        seen.add(scenario.name)


def _checked(scenario: Scenario, index: int, places: Places) -> Iterator[Problem]:
    """Yield what is wrong between the keys of a scenario."""
    at: Steps = ("scenarios", index)
    if scenario.judge.modality == "audio" and scenario.user.modality == "text":
        text = "the agent speaks and nobody speaks to it"
        yield Problem("mixed-modality", text, places.key(*at, "judge", "modality"), "user: {modality: audio}")
    for number, turn in enumerate(scenario.turns):
        here = (*at, "turns", number)
        yield from _checked_turn(turn, scenario, here, places)
        for each, expectation in enumerate(turn.expect):
            yield from _checked_expectation(expectation, scenario, (*here, "expect", each), places)


def _checked_turn(turn: Turn, scenario: Scenario, at: Steps, places: Places) -> Iterator[Problem]:
    spoken = scenario.user.modality == "audio"
    if turn.user and turn.dtmf:
        yield Problem(
            "two-inputs", "a turn speaks or presses keys, not both", places.key(*at, "dtmf"), "make it two turns"
        )
    if turn.send_after and not (turn.user or turn.dtmf):
        text = "'send_after' says when the input is sent, and the turn has none"
        yield Problem("unused-key", text, places.key(*at, "send_after"), "add 'user:', or remove it")
    if turn.send_after and turn.send_after.event is None and not turn.send_after.delay_ms:
        yield Problem("missing-key", "'send_after' has neither 'event' nor 'delay_ms'", places.key(*at, "send_after"))
    if turn.audio and not turn.user:
        text = "'audio' needs 'user': what the recording says"
        yield Problem("missing-key", text, places.key(*at, "audio"), "user: the words")
    if not spoken and (turn.audio or any(isinstance(part, Pause) for part in turn.user or ())):
        key = "audio" if turn.audio else "user"
        text = "only a scenario that speaks has recordings and pauses"
        yield Problem("text-modality", text, places.key(*at, key), "user: {modality: audio}")


def _checked_expectation(wanted: Expectation, scenario: Scenario, at: Steps, places: Places) -> Iterator[Problem]:
    given = wanted.model_fields_set
    for keys, events in ((_OF_CALLS, _CALLS), (_OF_MARKERS, ("llm_marker",))):
        for key in keys:
            if key in given and wanted.event not in events:
                text = f"'{key}' says nothing of '{wanted.event}', only of {' and '.join(events)}"
                yield Problem("unused-key", text, places.key(*at, key), "remove it")
    if wanted.absent:
        for key in (*_OF_CALLS, *_OF_MARKERS, *_OF_TEXT, "check_from"):
            if key in given:
                text = (
                    f"'{key}' beside 'absent: true': what must not happen is an event of this kind, whatever is in it"
                )
                yield Problem("unused-key", text, places.key(*at, key), "remove it")
    if "calls" in given and given & {"name", "args"}:
        yield Problem(
            "unused-key",
            "'name' and 'args' are one call, 'calls' are several",
            places.key(*at, "calls"),
            "keep one of them",
        )
    if wanted.event == "tts_response" and scenario.judge.modality == "text":
        text = "in text the agent does not speak: nothing is a 'tts_response'"
        yield Problem("text-modality", text, places.value(*at, "event"), "write response, or judge: {modality: audio}")
