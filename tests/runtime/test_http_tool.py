"""Tools of the kind `http`, against a server on this machine: what it is sent, and what becomes of its answers."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from tests.runtime.http_desk import Desk, answer, redirect, text
from voicekit.records.events import ToolFinished
from voicekit.runtime import http_tool

ORDER = {"id": "string", "note": {"type": "string", "optional": True}}


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(http_tool, "BACK_OFF_SECS", 0.0)
    desk = Desk(tmp_path)
    yield desk
    await desk.close()


async def test_a_tool_is_described_by_its_file(desk: Desk) -> None:
    await desk.open(answer({"status": "sent"}))
    desk.tool("GET BASE/orders/{{id}}", parameters=ORDER)
    assert desk.function
    assert (desk.function.description, desk.function.required) == ("Find it.", ["id"])
    assert desk.function.properties == {"id": {"type": "string"}, "note": {"type": "string"}}
    assert await desk.call(id="42") == {"status": "sent"}
    assert [seen[:2] for seen in desk.seen] == [("GET", "/orders/42")]
    [finished] = desk.events
    assert isinstance(finished, ToolFinished)
    assert (finished.name, finished.failed) == ("find", False)


@pytest.mark.parametrize(
    ("http", "keys", "arguments", "path", "body"),
    [
        ("GET BASE/a/{{id}}", {}, {"id": "a/b ?#%&ü"}, "/a/a%2Fb%20%3F%23%25%26%C3%BC", ""),
        ("GET BASE/a/{{id}}/b", {}, {"id": "../../x"}, "/a/..%2F..%2Fx/b", ""),
        ("GET BASE/größe/{{id}}", {}, {"id": "1"}, "/gr%C3%B6%C3%9Fe/1", ""),
        ("GET BASE/a?x={{id}}&y=1", {}, {"id": "1&y=2"}, "/a?x=1%26y%3D2&y=1", ""),
        ("GET BASE/a/{{note:-?/x}}", {}, {"id": "1"}, "/a/%3F%2Fx?id=1", ""),
        ("GET BASE/a?x=1", {"query": {"i d": "{{id}}", "n": "{{note}}"}}, {"id": "a b&"}, "/a?x=1&i%20d=a%20b%26", ""),
        ("GET BASE", {}, {"id": "1"}, "/?id=1", ""),
        ("GET BASE?x=1", {}, {"id": "1"}, "/?x=1&id=1", ""),
        ("HEAD BASE/a", {}, {"id": "1", "note": "n/"}, "/a?id=1&note=n%2F", ""),
        ("DELETE BASE/a/{{id}}", {}, {"id": "1", "note": "n"}, "/a/1?note=n", ""),
        ("POST BASE/a", {}, {"id": "1"}, "/a", '{"id": "1"}'),
        ("PUT BASE/a/{{id}}", {}, {"id": "1", "note": "é"}, "/a/1", '{"note": "é"}'),
        ("PATCH BASE/a/{{id}}", {}, {"id": "1"}, "/a/1", ""),
        ("POST BASE/a", {"query": {"id": "{{id}}", "n": "{{note}}"}}, {"id": "1"}, "/a?id=1", ""),
        ("POST BASE/a", {"headers": {"X-Id": "{{id}}"}}, {"id": "1", "note": "n"}, "/a", '{"note": "n"}'),
        ("POST BASE/a", {"form": {"id": "{{id}}", "n": "{{note}}"}}, {"id": "a&b=ü"}, "/a", "id=a%26b%3D%C3%BC"),
        ("POST BASE/a", {"body": {"id": "{{id}}", "n": "n {{note}}", "one": 1}}, {"id": '"'}, "/a",
         '{"id": "\\"", "one": 1}'),
        ("POST BASE/a", {"body": ["{{note}}", "{{id}}", None]}, {"id": "1"}, "/a", '["1", null]'),
        ("POST BASE/a", {"body": "{{note}}"}, {"id": "1"}, "/a", ""),
        ("POST BASE/a", {"body": {"n": "{{note:-none}}", "literal": "\\{{id}}"}}, {"id": "1", "note": ""}, "/a",
         '{"n": "none", "literal": "{{id}}"}'),
    ],
)  # fmt: skip
async def test_arguments_are_encoded_by_their_place(
    http: str, keys: Any, arguments: Any, path: str, body: str, desk: Desk
) -> None:
    await desk.open(answer({}))
    desk.tool(http, parameters=ORDER, **keys)
    await desk.call(**arguments)
    [(method, raw, _, sent)] = desk.seen
    assert (method, raw, sent) == (http.partition(" ")[0], path, body)


async def test_types_are_kept_in_a_body(desk: Desk) -> None:
    await desk.open(answer({}))
    kinds = {"n": "integer", "f": "number", "b": "boolean", "l": "array", "o": "object"}
    desk.tool(
        "POST BASE/a", parameters=kinds, body={**{key: f"{{{{{key}}}}}" for key in kinds}, "t": "{{n}} {{l}} {{o.x}}"}
    )
    values = {"n": 3, "f": 0.5, "b": False, "l": [1, "ü"], "o": {"x": None}}
    assert "error" not in await desk.call(**values)
    # One value is missing, and a text that needs it is left out.
    assert json.loads(desk.seen[0][3]) == values
    assert desk.seen[0][2]["Content-Type"] == "application/json"


CALL: dict[str, Any] = {"caller": {"number": "+49 30/1", "name": ""}, "time": "12:05", "var": {"shop": "{{id}}"}}


@pytest.mark.parametrize(
    ("http", "keys", "arguments", "path", "body"),
    [
        ("GET BASE/{{caller.number}}/a?t={{time}}", {}, {"id": "1"}, "/%2B49%2030%2F1/a?t=12%3A05&id=1", ""),
        ("GET BASE/{{var.shop}}/{{id}}", {}, {"id": "1"}, "/%7B%7Bid%7D%7D/1", ""),
        ("GET BASE/{{caller.name:-x}}", {}, {"id": "1"}, "/x?id=1", ""),
        ("GET BASE/a", {"query": {"c": "{{caller.number}}", "n": "{{caller.name}}", "i": "{{id}}"}}, {"id": "1"},
         "/a?c=%2B49%2030%2F1&i=1", ""),
        ("POST BASE/a", {"body": {"c": "{{caller}}", "n": "{{caller.name}}", "t": "at {{time}}"}}, {"id": "1"}, "/a",
         '{"t": "at 12:05"}'),
        ("POST BASE/a", {"form": {"c": "{{caller.number}}", "n": "{{caller.name}}"}}, {"id": "1"}, "/a",
         "c=%2B49+30%2F1"),
    ],
)  # fmt: skip
async def test_values_of_the_call_are_encoded_as_arguments_are(
    http: str, keys: Any, arguments: Any, path: str, body: str, desk: Desk
) -> None:
    await desk.open(answer({}))
    desk.values = CALL
    parameters = ORDER | ({"caller": {"type": "string", "optional": True}} if "body" in keys else {})
    desk.tool(http, parameters=parameters, **keys)
    assert "error" not in await desk.call(**arguments)
    [(_, raw, _, sent)] = desk.seen
    assert (raw, sent) == (path, body)


async def test_an_argument_stands_over_the_value_of_the_call_even_while_it_is_missing(desk: Desk) -> None:
    await desk.open(answer({}))
    desk.values = CALL
    parameters = {"time": {"type": "string", "optional": True}}
    desk.tool("POST BASE/a", parameters=parameters, body={"time": "{{time}}", "number": "{{caller.number}}"})
    await desk.call(time="noon")
    await desk.call()
    assert [json.loads(seen[3]) for seen in desk.seen] == [
        {"time": "noon", "number": "+49 30/1"},
        {"number": "+49 30/1"},
    ]


async def test_an_address_without_a_value_of_the_call_is_told(desk: Desk) -> None:
    await desk.open(answer({}))
    desk.values = CALL
    desk.tool("GET BASE/{{caller.name}}")
    assert await desk.call() == {"error": "there is no value for 'caller.name'"}
    assert desk.seen == []


async def test_a_default_is_sent(desk: Desk) -> None:
    await desk.open(answer({}))
    desk.tool("POST BASE/a", parameters={"most": {"type": "integer", "default": 5}})
    await desk.call()
    assert desk.seen[0][3] == '{"most": 5}'


async def test_headers(desk: Desk) -> None:
    await desk.open(answer({}))
    headers = {"X-Id": "id {{id}}", "X-Note": "{{note}}", "content-type": "application/merge-patch+json"}
    desk.tool("PATCH BASE/a", parameters=ORDER, headers=headers, body={"a": 1})
    await desk.call(id="42")
    seen = desk.seen[0][2]
    assert seen["X-Id"] == "id 42"
    assert "X-Note" not in seen
    assert (seen.get("Content-Type") or seen["content-type"]) == "application/merge-patch+json"


@pytest.mark.parametrize("value", ["1\r\nX-Admin: true", "1\n", "\x00", "\x7f", "\x85"])
async def test_a_header_cannot_be_smuggled_in(value: str, desk: Desk) -> None:
    await desk.open(answer({}))
    desk.tool("GET BASE/a", parameters=ORDER, headers={"X-Id": "{{id}}"})
    assert await desk.call(id=value) == {"error": "a value in a header cannot hold control characters"}
    assert desk.trouble() == ["a value in a header cannot hold control characters"]
    assert desk.seen == []


@pytest.mark.parametrize("value", ["", ".", "..", "..."])
async def test_a_segment_is_something(value: str, desk: Desk) -> None:
    await desk.open(answer({}))
    desk.tool("DELETE BASE/orders/{{id}}", parameters=ORDER)
    assert await desk.call(id=value) == {"error": "a value in the address cannot be empty, and not only dots"}
    assert desk.seen == []


async def test_a_field_that_is_missing_in_an_address_is_told(desk: Desk) -> None:
    await desk.open(answer({}))
    desk.tool("GET BASE/{{order.id}}", parameters={"order": "object"})
    assert await desk.call(order={"name": "x"}) == {"error": "there is no value for 'order.id'"}
    assert desk.seen == []


@pytest.mark.parametrize(
    ("response", "path", "result"),
    [
        (answer({"a": {"b": [1, {"c": "x"}]}}), "$", {"a": {"b": [1, {"c": "x"}]}}),
        (answer({"a": {"b": [1, {"c": "x"}]}}), "$.a.b[1].c", "x"),
        (answer([{"order-id": None}]), "$[0].order-id", None),
        (answer({"a": 1}), "$.b", {"error": "the answer does not hold what was asked for"}),
        (answer({"a": 1}), "$[0]", {"error": "the answer does not hold what was asked for"}),
        (text("<p>Hello</p>", "text/html"), "$", "<p>Hello</p>"),
        (text("<p>Hello</p>", "text/html"), "$.a", {"error": "the answer does not hold what was asked for"}),
        (text('{"a": 1}', "text/html"), "$", {"a": 1}),
        (text('{"a": ', "application/json"), "$", '{"a": '),
        (text('{"a": NaN}', "application/json"), "$", '{"a": NaN}'),
        (text("0042"), "$", "0042"),
        (text("42"), "$", "42"),
        (text("42", "application/vnd.x+json"), "$", 42),
        (text("[" * 200_000), "$", {"note": "only the first 16384 bytes are here", "result": "[" * 16384}),
        (web.Response(body="größe".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"}),
         "$", "größe"),
        (web.Response(body=b"a\xff", headers={"Content-Type": "text/plain; charset=nowhere"}), "$", "a\ufffd"),
        (web.Response(status=204), "$", {"status": 204}),
        (text("the secret reason", status=404), "$", {"error": "the server answered with status 404"}),
        (answer({"error": "why"}, 500), "$", {"error": "the server answered with status 500"}),
        (web.Response(status=304), "$", {"error": "the server answered with status 304"}),
    ],
)  # fmt: skip
async def test_what_the_model_sees(response: web.Response, path: str, result: Any, desk: Desk) -> None:
    await desk.open(response)
    desk.tool("GET BASE/a", result=path)
    # What is false would be no result to Pipecat.
    assert await desk.call() == (result or {"result": result})


async def test_what_is_too_long_is_cut_and_no_more_of_it_is_read(desk: Desk) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for _ in range(50 * 1024):
            await response.write(b"x" * 1024)
            sent += 1024
        return response

    await desk.open(endless)
    desk.tool("GET BASE/a", max_result_bytes=1000)
    assert await desk.call() == {"note": "only the first 1000 bytes are here", "result": "x" * 1000}
    assert sent < 50 * 1024 * 1024


async def test_a_part_of_a_long_answer_is_found(desk: Desk) -> None:
    await desk.open(answer({"long": "x" * 100_000, "short": "y"}))
    desk.tool("GET BASE/a", result="$.short")
    assert await desk.call() == "y"


@pytest.mark.parametrize(
    ("method", "keys", "times"),
    [
        ("GET", {}, 2),
        ("HEAD", {}, 2),
        ("PUT", {}, 2),
        ("DELETE", {}, 2),
        ("POST", {}, 1),
        ("PATCH", {}, 1),
        ("GET", {"retries": 0}, 1),
        ("POST", {"retries": 3}, 4),
    ],
)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_request_is_repeated(method: str, keys: Any, times: int, status: int, desk: Desk) -> None:
    await desk.open(answer({}, status))
    desk.tool(f"{method} BASE/a", **keys)
    assert await desk.call() == {"error": f"the server answered with status {status}"}
    assert len(desk.seen) == times


async def test_a_repetition_that_is_answered_counts(desk: Desk) -> None:
    await desk.open(answer({}, 503), answer({"a": 1}))
    desk.tool("GET BASE/a")
    assert await desk.call() == {"a": 1}
    assert desk.trouble() == []


async def test_what_the_caller_did_wrong_is_not_repeated(desk: Desk) -> None:
    await desk.open(answer({}, 404))
    desk.tool("GET BASE/a", retries=5)
    assert await desk.call() == {"error": "the server answered with status 404"}
    assert len(desk.seen) == 1


async def test_a_connection_that_breaks_is_repeated(desk: Desk) -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.close()
        return web.Response()

    await desk.open(breaks, breaks, answer({"a": 1}))
    desk.tool("POST BASE/a", retries=2)
    assert await desk.call() == {"a": 1}
    assert len(desk.seen) == 3


async def test_nobody_listens(desk: Desk) -> None:
    await desk.open(answer({}))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        desk.tool(f"GET http://127.0.0.1:{closed.getsockname()[1]}/a")
        assert await desk.call() == {"error": "it cannot be reached"}
    assert desk.trouble() == ["the request failed: ClientConnectorError"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_tool_has_so_long_and_no_longer(method: str, desk: Desk) -> None:
    async def hangs(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    await desk.open(hangs)
    desk.tool(f"{method} BASE/a", timeout_secs=0.5, retries=5)
    async with asyncio.timeout(5):
        assert await desk.call() == {"error": "it took too long"}
    assert desk.trouble() == ["it did not answer within 0.5 s"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_redirect_on_the_same_host_is_followed(method: str, status: int, desk: Desk) -> None:
    await desk.open(redirect("/b?c=%2F", status), answer({"a": 1}))
    desk.tool(f"{method} BASE/a", headers={"X-Id": "1"}, parameters=ORDER)
    assert await desk.call(id="1") == {"a": 1}
    becomes_get = (method, status) in {("POST", 301), ("POST", 302), ("POST", 303), ("PUT", 303)}
    second, path, headers, body = desk.seen[1]
    assert (second, path) == ("GET" if becomes_get else method, "/b?c=%2F")
    assert headers["X-Id"] == "1"
    assert body == ("" if becomes_get or method == "GET" else '{"id": "1"}')


@pytest.mark.parametrize(
    "location",
    ["http://localhost:PORT/b", "//example.org/b", "https://127.0.0.1:PORT/b", "http://127.0.0.1:1/b", "ftp://127.0.0.1/b",
     "http://[", "javascript:x"],
)  # fmt: skip
async def test_a_redirect_to_another_host_is_not_followed(location: str, desk: Desk) -> None:
    await desk.open(answer({}))
    port = str(URL(desk.base).port)
    await desk.close()
    await desk.open(redirect(location.replace("PORT", port), 302))
    desk.tool("GET BASE/a")
    assert await desk.call() == {"error": "it was redirected to another host"}
    assert len(desk.seen) == 1


async def test_redirects_end(desk: Desk) -> None:
    await desk.open(redirect("/a", 302))
    desk.tool("GET BASE/a")
    assert await desk.call() == {"error": "it cannot be reached"}
    assert desk.trouble() == ["it was redirected more than 5 times"]
    assert len(desk.seen) == 6


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "orders.example.org", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_refused(host: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(name: Any, port: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if name == "orders.example.org" else name, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    await desk.open(answer({}))
    desk.tool(f"GET http://{host}:{URL(desk.base).port}/a", private=False, retries=5)
    assert await desk.call() == {"error": "it cannot be reached"}
    assert desk.trouble() == ["its host is on a private network; 'private_network: true' would allow it"]
    assert desk.seen == []


async def test_no_cookie_of_one_caller_is_sent_for_the_next(desk: Desk) -> None:
    await desk.open(web.Response(headers={"Set-Cookie": "caller=one; Path=/"}, text="{}"))
    desk.tool("GET BASE/a")
    await desk.call()
    await desk.call()
    assert all("Cookie" not in headers for _, _, headers, _ in desk.seen)


@pytest.mark.parametrize("cancels", [True, False])
@pytest.mark.parametrize(
    ("method", "ends"), [("GET", False), ("POST", True), ("PUT", True), ("PATCH", True), ("DELETE", True)]
)
async def test_what_was_sent_is_not_broken_off(method: str, ends: bool, cancels: bool, desk: Desk) -> None:
    began, go_on, ended, broken = (asyncio.Event() for _ in range(4))

    async def slow(_: web.Request) -> web.StreamResponse:
        began.set()
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            # The test server cancels a request whose client has gone.
            broken.set()
            raise
        ended.set()
        return web.Response()

    await desk.open(slow)
    # What does not end with an interruption still ends with its call.
    desk.tool(f"{method} BASE/a", cancel_on_interruption=cancels)
    call = asyncio.ensure_future(desk.call())
    await began.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    if ends:
        closing = asyncio.ensure_future(desk.close())
        go_on.set()
        await asyncio.wait_for(ended.wait(), 5)
        await closing
    else:
        await asyncio.wait_for(broken.wait(), 5)
    assert ended.is_set() is ends


async def test_nothing_of_a_call_is_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.close()
        return web.Response()

    caplog.set_level(logging.DEBUG)
    await desk.open(
        breaks, redirect("http://private-4711.example.org/", 302), text("private-4711", status=404), answer({})
    )
    keys: dict[str, Any] = {
        "headers": {"X-Caller": "{{id}}"},
        "query": {"id": "{{id}}"},
        "result": "$.nothing",
        "retries": 0,
    }
    desk.tool("GET BASE/{{id}}", parameters={"id": "string"}, **keys)
    for _ in range(4):
        await desk.call(id="private-4711")
    await desk.call(id="private-4711\n")
    assert desk.trouble() == [
        "the request failed: ServerDisconnectedError",
        "it was redirected to another host",
        "the server answered with status 404",
        "its answer has nothing at $.nothing",
        "a value in a header cannot hold control characters",
    ]
    assert "4711" not in " ".join(desk.trouble())
    # The server of this test logs what it serves; nobody else does.
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]
    assert "4711" not in " ".join(ours)
