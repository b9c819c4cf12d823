"""Request checks: rules across the keys of a tool that sends a request. Generators of problems; they change nothing."""

from collections.abc import Iterator
from typing import Final

from voicekit.config.addresses import is_plainly_private
from voicekit.config.agent import Agent
from voicekit.config.messages import Places
from voicekit.config.placeholders import names
from voicekit.config.request import Request
from voicekit.config.templates import request_texts
from voicekit.config.tool import HTTP_KEYS, PYTHON_KEYS, TOOL_KINDS, Tool
from voicekit.problems import Problem, Severity

# Whose keys they are, the keys, what they are for, and what to do about one beside another kind.
_KEYS: Final = (
    ("http", HTTP_KEYS, "it is part of a request", "remove it, or write http: GET …"),
    ("python", PYTHON_KEYS, "it is about a Python function", "remove it"),
)


def keys_of_kinds(agent: Agent, places: Places) -> Iterator[Problem]:
    """The keys of one kind do nothing beside another."""
    for name, tool in agent.tools.items():
        kind = next(kind for kind in TOOL_KINDS if getattr(tool, kind) or kind in tool.model_fields_set)
        for owner, keys, reason, hint in _KEYS:
            for key in keys if kind != owner else ():
                if key in tool.written:
                    text = f"'{key}' does nothing beside '{kind}': {reason}"
                    yield Problem("unused-key", text, places.key("tools", name, key), hint)


def described(agent: Agent, places: Places) -> Iterator[Problem]:
    """A model chooses by descriptions, and nothing else says what a request is for."""
    for name, tool, _ in _requests(agent):
        if not tool.description:
            text = f"'description' is missing in tools.{name}: the model chooses tools by it"
            hint = "description: Find an order by its number."
            yield Problem("missing-key", text, places.key("tools", name), hint)


def host_allowed(agent: Agent, places: Places) -> Iterator[Problem]:
    """A private host is refused unless the tool allows it: better now than in a call."""
    for name, tool, request in _requests(agent):
        if not tool.private_network and is_plainly_private(request.base):
            text = "this address is on a private network or this machine: every call would be refused"
            yield Problem("private-host", text, places.value("tools", name, "http"), "private_network: true")


def one_body(agent: Agent, places: Places) -> Iterator[Problem]:
    """A request has one body, and some have none."""
    for name, tool, request in _requests(agent):
        written = [key for key in ("body", "form") if key in tool.model_fields_set]
        if len(written) > 1:
            text = "a request has one body: 'body' is JSON, 'form' a form"
            yield Problem("two-bodies", text, places.key("tools", name, "form"), "remove one of them")
        elif written and request.method in ("GET", "HEAD"):
            text = f"a {request.method} request has no body"
            hint = "write query: in place of it, or http: POST …"
            yield Problem("body-without-use", text, places.key("tools", name, written[0]), hint)


def arguments_given(agent: Agent, places: Places) -> Iterator[Problem]:
    """Without a value there is no address; elsewhere the key is left out."""
    for name, tool, request in _requests(agent):
        for placeholder in request.placeholders:
            if not placeholder.has_default and _may_be_missing(tool, placeholder.root):
                text = f"'{placeholder.root}' is optional, and the address cannot do without it"
                hint = f"give it a default: {{{{{placeholder.name}:-…}}}}, or move it to query:"
                yield Problem("optional-in-address", text, places.value("tools", name, "http"), hint)


def arguments_sent(agent: Agent, places: Places) -> Iterator[Problem]:
    """What is not named in a request that is written out goes nowhere."""
    for name, tool, _ in _requests(agent):
        used = {placeholder.root for _, text in request_texts(tool) for placeholder in names(text)}
        for parameter in tool.parameters or () if tool.places_arguments else ():
            if parameter not in used:
                text = f"the argument '{parameter}' is not sent: nothing in the request names it"
                place = places.key("tools", name, "parameters", parameter)
                hint = f'write "{{{{{parameter}}}}}" where it belongs'
                yield Problem("unused-parameter", text, place, hint, Severity.WARNING)


def _requests(agent: Agent) -> Iterator[tuple[str, Tool, Request]]:
    yield from ((name, tool, tool.http) for name, tool in agent.tools.items() if tool.http)


def _may_be_missing(tool: Tool, parameter: str) -> bool:
    schema = (tool.parameters or {}).get(parameter)
    return isinstance(schema, dict) and schema.get("optional") is True and "default" not in schema


REQUEST_CHECKS = (keys_of_kinds, described, host_allowed, one_body, arguments_given, arguments_sent)
