"""Tool: one entry of the section `tools`, something that the agent can do."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from voicekit.config.document import Scalar
from voicekit.config.fact import Fact, Words
from voicekit.config.lines import Line
from voicekit.config.ranges import TOOL_NAME, between, formed
from voicekit.config.request import REPEATABLE, Body, Headers, ReadRequest, ResultPath, Templates
from voicekit.config.scalars import Anything, Bool, Int, Num, Text, read_any, read_text, wrong_type
from voicekit.config.section import Section, absent

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

    builtin: Annotated[Literal["current_time", "end_call", "remember"], BeforeValidator(read_text)] | None = None
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


ToolName = Annotated[Text, formed(r"[A-Za-z][A-Za-z0-9_]{0,63}", TOOL_NAME)]
CheckedTool = Annotated[Tool, Fact(_one_kind, _one_required)]
