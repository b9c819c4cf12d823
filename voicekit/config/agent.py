"""Agent: the sections of a voicekit file and the type, default and range of each key.

This is the one description of the language; `Agent` is what a checked file becomes. A key's docstring is what
a user reads about it. Services (asr, llm, tts, realtime) are read by `voicekit.config.services`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, InstanceOf, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact, Words
from voicekit.config.lines import Line, Template
from voicekit.config.ranges import LANGUAGE, NAME, TOOL_NAME, between, formed
from voicekit.config.request import REPEATABLE, Body, Headers, ReadRequest, ResultPath, Templates
from voicekit.config.scalars import Anything, Bool, Int, Num, Text, read_any, read_text, wrong_type
from voicekit.config.secret import secret
from voicekit.config.section import Section, absent
from voicekit.config.services import Service


class Greeting(Section):
    """The first thing the agent says."""

    say: Annotated[Line, Field(examples=["Hello, this is Acme. How can I help?"])]
    """The words."""
    interruptible: Bool = True
    """Whether the caller may cut it short."""
    delay_ms: Annotated[Int, between(0, 5000)] = 0
    """Milliseconds after the line is open."""


TRANSPORT_KEYS: Final = {
    "webrtc": ("ice_servers",),
    "websocket": ("protocol",),
    "twilio": ("account_sid", "auth_token", "api_key", "api_secret", "region", "edge", "endpoint", "hang_up"),
}
"""The keys that only one type of transport has."""

TELEPHONY: Final = frozenset({"twilio"})
"""The transports that are telephones."""


class Transport(Section):
    """How the caller's sound comes and goes. On this machine the talk page serves every file, whatever its type."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "twilio", "region": "ie1", "edge": "dublin"}]})

    type: Annotated[Literal["webrtc", "websocket", "twilio"], BeforeValidator(read_text)] = "webrtc"
    """Which transport: a browser, an app or device of yours, or a Twilio number."""
    ice_servers: Annotated[tuple[Text, ...], Field(examples=[["stun:stun.example.com:3478"]])] = ()
    """With `webrtc`: STUN or TURN servers, as `stun:host:port`."""
    protocol: Annotated[Literal["rtvi", "protobuf"], BeforeValidator(read_text)] = "rtvi"
    """With `websocket`: `rtvi`, JSON that any program can write, or `protobuf`, Pipecat's own frames, which its
    client libraries speak. Both carry RTVI messages and sound."""
    account_sid: Annotated[
        Text, formed("AC[0-9a-fA-F]{32}", "AC and 32 hexadecimal digits"), Field(examples=[f"AC{'0' * 32}"])
    ] = ""
    """With `twilio`: the account; TWILIO_ACCOUNT_SID by default."""
    auth_token: Annotated[Text, secret("TWILIO_AUTH_TOKEN")] = ""
    """With `twilio`: the account's token; TWILIO_AUTH_TOKEN by default."""
    api_key: Annotated[Text, secret("TWILIO_API_KEY")] = ""
    """With `twilio`: an API key in place of the token; TWILIO_API_KEY by default, where there is no token."""
    api_secret: Annotated[Text, secret("TWILIO_API_SECRET")] = ""
    """With `twilio`: the API key's secret; TWILIO_API_SECRET by default."""
    region: Annotated[Text, Field(examples=["ie1"])] = ""
    """With `twilio`: where the account's calls are processed; `edge` stands beside it."""
    edge: Annotated[Text, Field(examples=["dublin"])] = ""
    """With `twilio`: where Twilio's network is entered; `region` stands beside it."""
    endpoint: Annotated[
        Text,
        formed(r"https?://[^\s/?#{}]+/?", "scheme and host, as in https://api.twilio.com"),
        Field(examples=["https://api.twilio.com"]),
    ] = ""
    """With `twilio`: the root of its REST API, in place of the vendor's."""
    hang_up: Bool = True
    """With `twilio`: whether the telephone call is ended, through Twilio's API, when the agent ends it; else what
    follows in the TwiML goes on. `false` needs no account."""


class Vad(Section):
    """Who hears that somebody speaks, in Pipecat's words."""

    provider: Annotated[Literal["silero"], BeforeValidator(read_text)] = "silero"
    """Which detector."""
    confidence: Annotated[Num, between(0, 1)] = 0.7
    """How sure it must be; lower is more sensitive."""
    start_secs: Annotated[Num, between(0.05, 2)] = 0.2
    """Seconds of speech before it counts."""
    stop_secs: Annotated[Num, between(0.05, 2)] = 0.2
    """Seconds of silence before speech has stopped."""
    min_volume: Annotated[Num, between(0, 1)] = 0.6
    """Quieter is not speech."""


class Turn(Section):
    """When the caller has finished."""

    end: Annotated[Literal["fixed"], BeforeValidator(read_text)] | None = None
    """`fixed`: one timer. Absent: realtime's or asr's own detection where there is one, else Pipecat's smart-turn."""
    wait_ms: Annotated[Int, between(100, 5000)] = 600
    """With `fixed`: milliseconds of silence since the last speech; it includes `vad.stop_secs`."""


TOOL_KINDS: Final = ("builtin", "http", "python")
# The keys that only a tool of one kind has.
HTTP_KEYS: Final = ("headers", "query", "body", "form", "result", "retries", "private_network")
PYTHON_KEYS: Final = ("with", "thread")


def _one_kind(tool: "Tool") -> "Tool":
    if len(tool.model_fields_set.intersection(TOOL_KINDS)) != 1:
        raise PydanticCustomError("tool-kind", "tool kind", {"kinds": list(TOOL_KINDS)})
    return tool


def _one_required(words: Words) -> Words:
    one = {"oneOf": [{"required": [kind]} for kind in TOOL_KINDS]}
    return {"allOf": [words, {"if": {"type": "object"}, "then": one}]}


class ToolLines(Section):
    """What is said about a tool."""

    start: Annotated[Line | None, Field(examples=["One moment, I am looking that up."])] = None
    """When it starts, in place of a filler; unless the model has said something in the answer that calls it, or
    another tool's line has just been said."""
    late: Annotated[Line | None, Field(examples=["It takes a little longer today."])] = None
    """When it has not answered within `late_ms`."""
    failed: Annotated[Line | None, Field(examples=["I cannot reach the order desk."])] = None
    """When it has failed; the model answers all the same, and knows that it has."""
    done: Annotated[Line | None, Field(examples=["Here it is."])] = None
    """When it has answered; the model's words cut it off."""


MOST_RESULT_BYTES: Final = 1024 * 1024
"""The longest result that a model can be given."""

JSON_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_TYPE_NAME: Final = {"type": "string", "enum": list(JSON_TYPES)}


def _parameter(value: Any) -> Any:
    kind = value.get("type") if isinstance(value, dict) else value
    if not isinstance(value, Scalar | dict | str):
        raise wrong_type("a type or a JSON Schema", value)
    unknown = isinstance(kind, Scalar) and kind.known and kind.text not in JSON_TYPES
    if unknown and kind is not value:
        raise wrong_type("a JSON Schema of a known type", kind)
    if unknown:
        raise PydanticCustomError("unknown-choice", "unknown choice", {"choices": list(JSON_TYPES)})
    return value


Parameter = Annotated[
    Anything,
    BeforeValidator(_parameter),
    WithJsonSchema({"anyOf": [_TYPE_NAME, {"type": "object", "properties": {"type": _TYPE_NAME}}]}),
]


def _some_value(value: Any) -> Any:
    if isinstance(value, Scalar) and read_any(value) is None:
        raise PydanticCustomError("no-value", "has no value")
    return value


# None in it is a value as any other; by itself it is what a forgotten line leaves.
Mock = Annotated[
    Body,
    Fact(_some_value, lambda words: words | {"type": ["string", "number", "boolean", "array", "object"]}, before=True),
]


def _default_retries(checked: dict[str, Any]) -> int:
    request = checked.get("http")
    return 1 if request is not None and request.method in REPEATABLE else 0


class Tool(Section):
    """Something the agent can do: exactly one of `builtin`, `http` and `python`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"python": "tools:lookup_order", "timeout_secs": 3}]})

    builtin: Annotated[Literal["current_time", "end_call"], BeforeValidator(read_text)] | None = None
    """A tool that voicekit brings."""
    http: ReadRequest | None = None
    """`METHOD URL`: a request to an API. `{{name}}` in the path is an argument or a value of the call, encoded; scheme,
    host and port take none."""
    python: (
        Annotated[
            Text,
            formed(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", "module:function, as in tools:lookup"),
            Field(examples=["tools:lookup"]),
        ]
        | None
    ) = None
    """`module:function`, looked for beside the file first."""
    description: Annotated[Text, Field(examples=["Find an order by its number."])] = ""
    """What the model reads about it; required with `http`, a Python function's docstring by default."""
    parameters: Annotated[dict[Text, Parameter], Field(examples=[{"order_id": "string"}])] | None = None
    """Name to a type name or a JSON Schema; required unless it has `optional: true` or a `default`.
    A Python function's signature by default."""
    headers: Annotated[Headers, Field(examples=[{"Authorization": "Bearer ${ORDERS_TOKEN}"}])] = Field(
        default_factory=dict
    )
    """With `http`: headers, with `{{argument}}` filled in. One whose argument is missing is left out."""
    query: Templates = Field(default_factory=dict, examples=[{"status": "{{status}}"}])
    """With `http`: the URL's query. Without `query`, `body` and `form`, GET, HEAD and DELETE send in the query the
    arguments that neither the address nor a header uses."""
    body: Annotated[Body, Field(examples=[{"order_id": "{{order_id}}"}])] | None = None
    """With `http`: sent as JSON. A value that is exactly `{{argument}}` keeps the argument's type. Without `query`,
    `body` and `form`, POST, PUT and PATCH send in it the arguments that neither the address nor a header uses."""
    form: Templates = Field(default_factory=dict, examples=[{"order_id": "{{order_id}}"}])
    """With `http`: sent as a form, in place of `body`."""
    result: Annotated[ResultPath, Field(examples=["$.orders[0]"])] = "$"
    """With `http`: the part of a JSON answer that the model sees."""
    retries: Annotated[
        Int,
        between(0, 5),
        Field(
            default_factory=_default_retries,
            json_schema_extra=absent("1 with GET, HEAD, PUT and DELETE, else 0"),
            examples=[2],
        ),
    ]
    """With `http`: how often a request is repeated that failed, or was answered with 429 or 5xx; all of it within
    `timeout_secs`."""
    private_network: Bool = False
    """With `http`: whether the host may be on a private network or this machine."""
    timeout_secs: Annotated[Num, between(0.5, 120)] = 10.0
    """Seconds before it is given up."""
    say: ToolLines = Field(default_factory=ToolLines)
    """What is said about it: a line is said when it starts. None of it reaches the model."""
    late_ms: Annotated[Int, between(200, 60000)] = 4000
    """Milliseconds until `say.late` is said."""
    max_result_bytes: Annotated[Int, between(256, MOST_RESULT_BYTES)] = 16384
    """Longer results are cut, and the model is told."""

    with_: Templates = Field(default_factory=dict, alias="with", examples=[{"tenant": "${TENANT}"}])
    """With `python`: more arguments of the function, which the model neither sees nor sets. Each is read as the
    parameter's annotation says; `{{caller.number}}` and the other values of a call are filled in."""
    thread: Bool = True
    """With `python`: whether a plain function runs in a thread of its own. On the event loop it holds up every call for
    as long as it runs, and `timeout_secs` cannot end it."""
    cancel_on_interruption: Bool = True
    """Whether it is given up when the caller interrupts. `false`: the talk goes on beside it, and the model is told of
    the result later. A request that may change something is never broken off once it was sent, only no longer waited
    for."""
    mock: Annotated[Mock, Field(examples=[{"order": "{{order_id}}", "status": "on its way"}])] | None = None
    """What the model sees in place of a result while the agent is mocked, with arguments and values of the call filled
    in as in `body`. The arguments are checked all the same."""

    @property
    def written(self) -> frozenset[str]:
        """The keys that the file has."""
        return frozenset(name.rstrip("_") for name in self.model_fields_set)

    @property
    def places_arguments(self) -> bool:
        """Whether a request says itself which of its arguments go where."""
        return not self.model_fields_set.isdisjoint(("query", "body", "form"))


class Fallback(Section):
    """When the next service of a list takes over."""

    llm_ms: Annotated[Int, between(200, 30000)] = 2000
    """Milliseconds without a first word from the model."""


class Fillers(Section):
    """What is said when the answer is late."""

    say: Annotated[Line, Field(json_schema_extra=absent("the language's own"), examples=["One moment."])]
    """The words, which take turns; the item `builtin` stands for the language's own. None of it reaches the model,
    and the answer cuts it off."""
    after_ms: Annotated[Int, between(200, 10000)] = 900
    """Milliseconds of waiting: since the caller's turn ended, or since a tool started."""
    again_ms: Annotated[Int, between(200, 10000)] = 4000
    """Milliseconds until the next one, while the caller still waits."""
    per_turn: Annotated[Int, between(1, 5)] = 2
    """The most in one turn."""


class Failure(Section):
    """What the caller hears when a turn cannot be answered."""

    say: Annotated[Line, Field(examples=["I am sorry, something went wrong. Please say that again."])]
    """The words."""


ToolName = Annotated[Text, formed(r"[A-Za-z][A-Za-z0-9_]{0,63}", TOOL_NAME)]
CheckedTool = Annotated[Tool, Fact(_one_kind, _one_required)]


def _none_if_false(value: Any) -> Any:
    return None if isinstance(value, Scalar) and value.plain and value.text == "false" else value


FALSE_IS_NONE: Final = Fact(_none_if_false, lambda words: {"anyOf": [words, {"enum": [False]}]}, before=True)
"""`false` switches the section off."""


CASCADE: Final = ("asr", "llm", "tts")
"""The services that a call passes one after another, where no `realtime` is all of them."""
_WITHOUT_REALTIME: Final = "required without realtime"


def _all_three(realtime: Service | None, info: ValidationInfo) -> Service | None:
    missing = [kind for kind in CASCADE if not info.data.get(kind)]
    if realtime is None and missing:
        raise PydanticCustomError("incomplete-cascade", "incomplete cascade", {"missing": missing})
    return realtime


class Agent(Section):
    """One file, checked: it has either asr, llm and tts, or realtime, or all four where a check refuses it."""

    version: Annotated[Int, between(1, 1)]
    """Of the language."""
    name: Annotated[Text, formed(r"[a-z0-9-]{1,63}", NAME), Field(examples=["callcenter"])]
    """In records, logs and exports."""
    description: Annotated[Text, Field(examples=["The service line of Acme."])] = ""
    """For people."""
    language: Annotated[Text, formed(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", LANGUAGE), Field(examples=["en-GB"])] = "en"
    """What is spoken: the default of asr and tts, and of built-in phrases."""
    prompt: Annotated[Template, Field(examples=["You are the voice of Acme's service line. Be brief and warm."])] = ""
    """The model's instructions. `{{caller.number}}`, `{{today}}` and the other values of a call are filled in."""
    greeting: Annotated[Greeting | None, FALSE_IS_NONE] = None
    """The first thing said. Absent or `false`: the caller speaks first."""
    transport: Transport = Field(default_factory=Transport)
    """How the caller's sound comes and goes."""
    vad: Vad = Field(default_factory=Vad)
    """Who hears that somebody speaks."""
    turn: Turn = Field(default_factory=Turn)
    """When the caller has finished."""
    asr: Annotated[
        InstanceOf[Service] | None,
        Field(examples=["deepgram/nova-3"], json_schema_extra=absent(_WITHOUT_REALTIME)),
    ] = None
    """Who hears."""
    llm: Annotated[
        tuple[InstanceOf[Service], ...],
        Field(examples=["openai/gpt-4o-mini", ["openai", "anthropic"]], json_schema_extra=absent(_WITHOUT_REALTIME)),
    ] = ()
    """Who thinks; several are tried in order."""
    tts: Annotated[
        InstanceOf[Service] | None,
        Field(
            examples=[{"provider": "elevenlabs", "voice": "21m00Tcm4TlvDq8ikWAM"}],
            json_schema_extra=absent(_WITHOUT_REALTIME),
        ),
    ] = None
    """Who speaks."""
    realtime: Annotated[
        InstanceOf[Service] | None,
        AfterValidator(_all_three),
        Field(validate_default=True, examples=["openai/gpt-realtime"]),
    ] = None
    """Who hears, thinks and speaks, in place of asr, llm and tts."""
    tools: dict[ToolName, CheckedTool] = Field(
        default_factory=dict, examples=[{"lookup_order": {"python": "tools:lookup_order"}, "end_call": "builtin"}]
    )
    """What the agent can do."""
    fillers: Annotated[
        Fillers | None,
        FALSE_IS_NONE,
        Field(json_schema_extra=absent("the language's own words, after 900 ms; nothing with realtime")),
    ] = None
    """What is said when the answer is late: words, or how and when. `false`: nothing."""
    fallback: Fallback = Field(default_factory=Fallback)
    """When the next service of a list takes over."""
    failure: Annotated[Failure, Field(json_schema_extra=absent("the language's own words"))]
    """What the caller hears when a turn cannot be answered."""

    @property
    def services(self) -> tuple[Service, ...]:
        """The services of the file, in the order in which a call passes them."""
        return tuple(service for service in (self.asr, *self.llm, self.tts, self.realtime) if service)

    @property
    def detects_speech(self) -> bool:
        """Whether `vad` hears that somebody speaks: not where a realtime service does, and tells of it."""
        return not (self.realtime and self.realtime.provider.proposes_turns and self.turn.end is None)
