"""Outgoing: one request of a tool, with the arguments of a call put in, each encoded as its place wants it. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from yarl import URL

from voicekit.config.placeholders import MissingValueError, as_text, fill, names
from voicekit.config.request import WITHOUT_BODY, Request
from voicekit.config.tool import Tool
from voicekit.runtime.filling import DROPPED, filled_texts, filled_value

# What a file may write into an address as it is; everything else is encoded.
_WRITTEN: Final = "/%@!$&'()*+,;=:~?"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class BadArgumentError(ValueError):
    """An argument cannot be sent. Its text is for the model, and does not quote the argument."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to be sent.

    Attributes:
        method: The method.
        url: The address, encoded.
        headers: The headers.
        data: The body, encoded; None for a request without one.
    """

    method: str
    url: URL
    headers: Mapping[str, str]
    data: bytes | None = None


def outgoing(tool: Tool, request: Request, arguments: Mapping[str, Any], known: Mapping[str, Any]) -> Outgoing:
    """Return the request of a tool for one call.

    Args:
        tool: The tool.
        request: What its `http` says.
        arguments: The arguments, checked.
        known: What its templates may name: the arguments, and values of the call beside them.

    Raises:
        BadArgumentError: An argument cannot stand where it is to stand.
    """
    try:
        path = fill(request.path, known, encode=_segment)
        query = fill(request.query, known, encode=_value)
    except MissingValueError as error:
        raise BadArgumentError(f"there is no value for '{error.name}'") from error
    headers = {name: text.strip() for name, text in filled_texts(tool.headers, known, _header).items()}
    rest = _unplaced(tool, request, arguments)
    pairs = filled_texts(tool.query, known)
    if request.method in WITHOUT_BODY:
        pairs |= {name: as_text(value) for name, value in rest.items()}
    kind, data = _content(tool, known, {} if request.method in WITHOUT_BODY else rest)
    if kind and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = kind
    return Outgoing(request.method, _url(request.base, path, query, pairs), headers, data)


def _url(base: str, path: str, query: str, pairs: Mapping[str, str]) -> URL:
    query = "&".join(
        part for part in (quote(query, safe=_WRITTEN), urlencode(pairs, quote_via=quote, errors="replace")) if part
    )
    # The host by itself, so that letters beyond ASCII are spelt as name servers know them.
    whole = f"{str(URL(base)).rstrip('/')}{quote(path, safe=_WRITTEN) or '/'}"
    return URL(f"{whole}?{query}" if query else whole, encoded=True)


def _segment(text: str) -> str:
    # Encoded dots are dots: '..' would leave the folder, and an empty segment often means all there is.
    if not text.strip("."):
        raise BadArgumentError("a value in the address cannot be empty, and not only dots")
    return _value(text)


def _value(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _header(text: str) -> str:
    if _CONTROL.search(text):
        raise BadArgumentError("a value in a header cannot hold control characters")
    return text


def _unplaced(tool: Tool, request: Request, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are sent although no template names them."""
    if tool.places_arguments:
        return {}
    placed = {placeholder.root for placeholder in request.placeholders}
    placed |= {placeholder.root for template in tool.headers.values() for placeholder in names(template)}
    return {name: value for name, value in arguments.items() if name not in placed and value is not None}


def _content(tool: Tool, known: Mapping[str, Any], rest: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """Return the type of a body and the body, encoded."""
    if tool.form:
        pairs = filled_texts(tool.form, known)
        return "application/x-www-form-urlencoded", urlencode(pairs, errors="replace").encode()
    value = filled_value(tool.body, known) if tool.body is not None else rest or DROPPED
    if value is DROPPED:
        return "", None
    return "application/json", json.dumps(value, ensure_ascii=False, default=str).encode(errors="replace")
