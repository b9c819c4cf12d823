"""App: the HTTP routes of one host. From outside this machine only a telephone carrier is answered."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, cast

from fastapi import Body, FastAPI, Request, Response, WebSocket
from fastapi import Path as FromPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pipecat.transports.smallwebrtc.request_handler import (
    IceCandidate,
    SmallWebRTCPatchRequest,
    SmallWebRTCRequest,
)
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from voicekit.config.agent import Agent
from voicekit.config.lines import spoken
from voicekit.problems import Refused
from voicekit.records.events import Listener
from voicekit.runtime.host import Host
from voicekit.runtime.values import MOST_CHARACTERS, local_time, values_of_file
from voicekit.server.door import Door
from voicekit.server.guard import REFUSAL, is_local
from voicekit.server.metrics import CONTENT_TYPE, Metrics
from voicekit.server.tickets import TICKET
from voicekit.server.webhook import PATH, Webhook
from voicekit.server.webrtc import WebRtcLines
from voicekit.server.websocket import WebSocketLines

PAGE: Final = Path(__file__).parent / "page"
OFFER: Final = "/api/offer"
"""Where a browser offers a connection."""
START: Final = "/start"
"""Where an app's own server gets a ticket for a call."""

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# What a load balancer asks.
_OPEN: Final = ("/healthz", "/readyz")
_NO_PAGE: Final = "there is no such page"
# A value that comes with a call.
Given: TypeAlias = Annotated[str, Field(max_length=MOST_CHARACTERS)] | int | float | bool
# The status of each problem that is the caller's to solve; any other is ours.
_STATUS: Final = {
    "bad-offer": 400,
    "bad-candidate": 400,
    "bad-webhook": 400,
    "bad-signature": 403,
    "bad-origin": 403,
    "bad-ticket": 401,
    "no-token": 401,
    "no-call": 404,
    "no-sound": 404,
    "too-large": 413,
    "missing-value": 422,
    "too-many-calls": 429,
    "busy": 503,
    "draining": 503,
}


class Offer(BaseModel):
    """What the page posts to begin a call, or to change one."""

    model_config = ConfigDict(extra="ignore")

    sdp: Annotated[str, Field(max_length=65536)]
    type: Annotated[str, Field(pattern="^offer$")]
    pc_id: str | None = None
    restart_pc: bool | None = None


class Begin(BaseModel):
    """What an app's own server posts for a ticket: the values that come with the call."""

    model_config = ConfigDict(extra="ignore")

    body: Annotated[dict[Annotated[str, Field(max_length=64)], Given], Field(max_length=32)] = Field(
        default_factory=dict
    )


class Candidate(BaseModel):
    """One ICE candidate."""

    candidate: Annotated[str, Field(max_length=1024)]
    sdp_mid: str
    sdp_mline_index: int


class Candidates(BaseModel):
    """Candidates found after the offer."""

    pc_id: str
    candidates: Annotated[list[Candidate], Field(max_length=64)]


def make_app(
    host: Host,
    listen: Callable[[], Listener],
    on_start: Callable[[], None] = lambda: None,
    *,
    emulated: str | None = None,
) -> FastAPI:
    """Return the app of a host.

    Args:
        host: Who answers.
        listen: Returns the listener of a new call.
        on_start: Called when the server is about to answer.
        emulated: What the emulators take all speech for, empty where none of them hears; None where nothing is
            emulated.
    """
    metrics = Metrics(host.agent.name, lambda: host.live)
    listen = metrics.listening(listen)
    lines = WebRtcLines(host, listen)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        on_start()
        yield
        # The calls first: a line that closes before its call looks like a caller who hung up. Those on the server's
        # own connections have ended already.
        await host.end_calls()
        await lines.close()
        await host.close()

    app = FastAPI(title="voicekit", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_guard)
    app.exception_handler(Refused)(_refused)
    app.exception_handler(HTTPException)(_no_route)
    app.exception_handler(RequestValidationError)(_unreadable)
    app.state.outside = False
    _add_page(app, host, emulated)
    _add_health(app, host, metrics)
    door = Door(host.agent.server)
    app.state.door = door
    _add_webrtc(app, lines, door)
    if door.is_open:
        _add_start(app, door, host.agent)
    webhook = Webhook(host, listen) if host.agent.is_reached else None
    _add_websockets(app, WebSocketLines(host, listen, webhook.let_in if webhook else None), door)
    if webhook:
        _add_webhook(app, webhook)
    app.state.end_calls = host.end_calls
    app.state.drain = partial(host.drain, host.agent.server.drain_secs)
    return app


def _add_page(app: FastAPI, host: Host, emulated: str | None) -> None:
    @app.get("/")
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/page/{name}")
    async def asset(name: str) -> Response:
        # Looked up and never joined: what is asked for may be no file name at all.
        if name not in {path.name for path in PAGE.iterdir()}:
            return _problem(404, _NO_PAGE)
        return FileResponse(PAGE / name)

    @app.get("/api/agent")
    async def agent() -> dict[str, Any]:
        file = host.agent
        values = values_of_file(file, local_time())
        return {
            "name": file.name,
            "description": file.description,
            "language": file.language,
            "greeting": spoken(file.greeting.say, values)[0] if file.greeting else "",
            "ice_servers": [{"urls": url} for url in file.transport.ice_servers],
            "emulated": emulated is not None,
            "hears": emulated or "",
        }


def _add_health(app: FastAPI, host: Host, metrics: Metrics) -> None:
    @app.get("/metrics")
    async def numbers() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        status = host.admission.status
        return JSONResponse({"status": status}, 200 if status == "ready" else 503)


def _add_webrtc(app: FastAPI, lines: WebRtcLines, door: Door) -> None:
    @app.post(OFFER)
    async def offer(request: Request, body: Annotated[Offer, Body()]) -> dict[str, str]:
        given: Mapping[str, str] = {}
        if body.pc_id is None:
            given = door.enter(request)
        else:
            door.pass_by(request)
        return await lines.offer(SmallWebRTCRequest(**body.model_dump()), given)

    @app.patch(OFFER)
    async def candidates(request: Request, body: Annotated[Candidates, Body()]) -> dict[str, str]:
        door.pass_by(request)
        found = [IceCandidate(**each.model_dump()) for each in body.candidates]
        await lines.candidates(SmallWebRTCPatchRequest(pc_id=body.pc_id, candidates=found))
        return {"status": "success"}


def _add_start(app: FastAPI, door: Door, agent: Agent) -> None:
    """What gives out tickets, to an app's own server, as Pipecat's runner does at the same address."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=agent.server.origins,
        allow_methods=["POST", "PATCH"],
        allow_headers=["Authorization", "Content-Type"],
    )
    public = agent.server.public_url.rstrip("/")
    ways = {"websocket": {"wsUrl": f"{public.replace('http', 'ws', 1)}/ws"}, "webrtc": {"webrtcUrl": public + OFFER}}

    @app.post(START)
    async def start(request: Request, body: Annotated[Begin | None, Body()] = None) -> dict[str, str]:
        given = {name: str(value) for name, value in (body.body if body else {}).items()}
        ticket = {TICKET: door.ticket(request, given)}
        return {**ticket, **ways[agent.transport.type]} if public else ticket


def _add_websockets(app: FastAPI, lines: WebSocketLines, door: Door) -> None:
    async def called(socket: WebSocket) -> None:
        try:
            given = door.enter(socket)
        except Refused:
            await _shut(socket)
        else:
            await lines.app(socket, given)

    async def telephoned(socket: WebSocket) -> None:
        # From outside a ticket is asked for later; no page has one.
        if is_local(socket) or (lines.takes_streams and "origin" not in socket.headers):
            await lines.telephone(socket)
        else:
            await _shut(socket)

    # No middleware of ours sees a WebSocket.
    app.add_api_websocket_route("/ws", called)
    app.add_api_websocket_route(PATH, telephoned)


async def _shut(socket: WebSocket) -> None:
    """Refuse a WebSocket before it is accepted, which is the status 403."""
    await socket.close()


def _add_webhook(app: FastAPI, webhook: Webhook) -> None:
    app.state.outside = True

    @app.post(PATH)
    async def answer(request: Request) -> Response:
        return await webhook.answer(request)

    @app.get(f"{PATH}/full/{{variant}}.wav")
    async def full(variant: Annotated[int, FromPath(ge=0)]) -> Response:
        return Response(await webhook.busy_sound(variant), media_type="audio/wav")


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let in whoever is on this machine, who has to prove himself elsewhere, and who asks after our health."""
    path = request.url.path
    carrier = request.app.state.outside and (path == PATH or path.startswith(f"{PATH}/"))
    asked = request.app.state.door.is_open and path in (OFFER, START)
    if not (carrier or asked or path in _OPEN or is_local(request)):
        return _problem(403, REFUSAL)
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


async def _refused(_request: Request, error: Exception) -> Response:
    problem = cast("Refused", error).problems[0]
    return _problem(_STATUS.get(problem.code, 500), problem.text, problem.help)


async def _no_route(_request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    return _problem(status, _NO_PAGE if status == 404 else "this address does not take that")


async def _unreadable(_request: Request, error: Exception) -> Response:
    first = cast("RequestValidationError", error).errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:] if first["type"] != "json_invalid")
    return _problem(422, f"the request cannot be read: {place + ': ' if place else ''}{first['msg'].lower()}")


def _problem(status: int, text: str, help_text: str = "") -> JSONResponse:
    return JSONResponse({"problem": text, "help": help_text}, status_code=status, headers=_HEADERS)
