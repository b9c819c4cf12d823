"""HTTP tool: a request is sent, followed and repeated, and its answer becomes what the model sees.

Nothing that is raised or told here quotes an argument, a header, a query or an answer.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from voicekit.config.request import Request
from voicekit.config.tool import MOST_RESULT_BYTES, Tool
from voicekit.runtime.filling import scope
from voicekit.runtime.network import Network, PrivateAddressError
from voicekit.runtime.outgoing import BadArgumentError, Outgoing, outgoing
from voicekit.runtime.work import ToolFailed, Work

MOST_REDIRECTS: Final = 5
BACK_OFF_SECS: Final = 0.2
"""The wait before the first repetition; each further one is twice as long."""

# A server that is busy or broken for a moment says one of these.
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
# Requests that change nothing: they are given up when nobody waits for them.
_READING: Final = frozenset({"GET", "HEAD"})
# What a server may write into an address as it is.
_LOCATION: Final = "/%@!$&'()*+,;=:~?#[]"
_STEP: Final = re.compile(r"\.([\w-]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The status.
        text: The body, or as much of it as anybody may see.
        is_json: Whether the server calls it JSON.
    """

    status: int
    text: str
    is_json: bool


def sending(tool: Tool, request: Request, network: Network) -> Work:
    """Return what a tool of the kind `http` does.

    A request that may change something goes on when its caller stops waiting: nobody could say what it had done.
    """

    async def work(arguments: Mapping[str, Any], values: Mapping[str, object]) -> Any:
        known = scope(values, tool.parameters or (), arguments)
        try:
            ready = outgoing(tool, request, arguments, known)
        except BadArgumentError as error:
            raise ToolFailed(str(error)) from error
        session = network.session(private=tool.private_network)
        if request.method in _READING:
            return _result(await _exchange(session, ready, tool.retries), tool.result)
        return _result(await asyncio.shield(network.keep(_in_time(session, ready, tool))), tool.result)

    return work


async def _in_time(session: aiohttp.ClientSession, request: Outgoing, tool: Tool) -> Answer:
    async with asyncio.timeout(tool.timeout_secs):
        return await _exchange(session, request, tool.retries)


async def _exchange(session: aiohttp.ClientSession, request: Outgoing, retries: int) -> Answer:
    """Return the answer to a request, or to the last of its repetitions."""
    wait = BACK_OFF_SECS
    while True:
        try:
            answer = await _follow(session, request)
        except aiohttp.ClientError as error:
            if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PrivateAddressError):
                reason = "its host is on a private network; 'private_network: true' would allow it"
                raise ToolFailed("it cannot be reached", reason) from error
            if not retries:
                raise ToolFailed("it cannot be reached", f"the request failed: {type(error).__name__}") from error
        else:
            if not retries or answer.status not in _AGAIN:
                return answer
        await asyncio.sleep(wait)
        retries, wait = retries - 1, wait * 2


async def _follow(session: aiohttp.ClientSession, request: Outgoing) -> Answer:
    """Return the answer to a request, or to what it is redirected to."""
    for _ in range(MOST_REDIRECTS + 1):
        async with session.request(
            request.method, request.url, headers=request.headers, data=request.data, allow_redirects=False
        ) as response:
            location = response.headers.get("Location", "")
            if response.status not in _MOVED or not location:
                return await _read(response)
            request = _redirected(request, response.status, location)
    raise ToolFailed("it cannot be reached", f"it was redirected more than {MOST_REDIRECTS} times")


def _redirected(request: Outgoing, status: int, location: str) -> Outgoing:
    try:
        url = request.url.join(URL(quote(location, safe=_LOCATION), encoded=True))
        stays = url.origin() == request.url.origin() or _is_secured(request.url, url)
    except ValueError:
        stays = False
    if not stays:
        raise ToolFailed("it was redirected to another host")
    # What a name and a password are for is the file's to say.
    url = url.with_user(request.url.user).with_password(request.url.password)
    # As browsers do: a form that was accepted leads to a page, everything else stays what it is.
    if not (status == 303 and request.method not in _READING) and not (
        status in (301, 302) and request.method == "POST"
    ):
        return replace(request, url=url)
    headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
    return Outgoing("GET", url, headers)


def _is_secured(url: URL, other: URL) -> bool:
    """Say whether an address is that of the same host over TLS, each at its usual port."""
    schemes = (url.scheme, other.scheme) == ("http", "https")
    return schemes and url.host == other.host and url.is_default_port() and other.is_default_port()


async def _read(response: aiohttp.ClientResponse) -> Answer:
    body = bytearray()
    if response.ok:
        async for chunk in response.content.iter_any():
            body += chunk
            # One more than a model can be given, so that what is cut is seen to be cut.
            if len(body) > MOST_RESULT_BYTES:
                break
    try:
        text = body.decode(response.charset or "utf-8", errors="replace")
    except LookupError:
        text = body.decode(errors="replace")
    return Answer(response.status, text, "json" in response.content_type)


def _result(answer: Answer, path: str) -> Any:
    if not 200 <= answer.status < 300:
        raise ToolFailed(f"the server answered with status {answer.status}")
    if not answer.text:
        return {"status": answer.status}
    try:
        value = json.loads(answer.text, parse_constant=_refuse) if _looks_json(answer) else answer.text
    except (ValueError, RecursionError):
        value = answer.text
    try:
        return _part(value, path)
    except LookupError as error:
        raise ToolFailed("the answer does not hold what was asked for", f"its answer has nothing at {path}") from error


def _looks_json(answer: Answer) -> bool:
    # A number in a text, such as 0042 or 1e5, is text.
    return answer.is_json or answer.text.lstrip()[:1] in ("{", "[")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _part(value: Any, path: str) -> Any:
    for name, index in _STEP.findall(path):
        if name and isinstance(value, dict):
            value = value[name]
        elif index and isinstance(value, list):
            value = value[int(index)]
        else:
            raise LookupError
    return value
