"""The verb `run`: check a file, warm up, and answer calls until interrupted."""

import asyncio
import errno
import gc
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voicekit.cli.options import overriding
from voicekit.cli.terminal import show
from voicekit.cli.transcript import Transcript
from voicekit.config.agent import Agent
from voicekit.config.files import read_file, variables_beside
from voicekit.config.server import PUBLIC_URL
from voicekit.config.services import Service
from voicekit.problems import Refused, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.calls.emulate import Emulate
    from voicekit.runtime.line import Line


@click.command("run")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), help="In place of the file's server.port. 0: any free one.")
@click.option(
    "--emulate", is_flag=True, help="Put emulators in the place of the providers, and mocks of tools: no key is needed."
)
@overriding
def command(path: Path, port: int | None, emulate: bool, overrides: tuple[str, ...]) -> None:
    """Check FILE, warm up, and answer calls until Ctrl-C. SIGTERM lets the live ones go on for server.drain_secs.

    The talk page is at the address that is printed; it is reachable from this machine only. A telephone carrier
    reaches it at server.public_url.
    """
    variables_of = _emulated_variables if emulate else variables_beside
    loaded = read_file(path, running=not emulate, overrides=overrides, variables_of=variables_of)
    show(loaded.problems, loaded.sources)
    if loaded.agent is None:
        sys.exit(1)
    try:
        serve = _serve_emulated if emulate else _serve
        server = loaded.agent.server
        asyncio.run(serve(loaded.agent, path, _bind(server.host, server.port if port is None else port)))
    except Refused as refused:
        show(refused.problems, loaded.sources)
        sys.exit(1)


def _bind(host: str, port: int) -> socket.socket:
    """Take the port before anything slow is done."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EINVAL):
            text = f"'{host}' is no address of this machine"
            raise refuse("no-such-address", text, "server: {host: 127.0.0.1}, or 0.0.0.0 for all of them") from error
        text = f"port {port} cannot be used: {error.strerror}"
        raise refuse("port-in-use", text, f"end what uses it, or choose another: --port {port + 1}") from error
    return listening


def _emulated_variables(folder: Path) -> Mapping[str, str]:
    from voicekit.calls.stage import stage_variables  # noqa: PLC0415 - only with --emulate

    return stage_variables(variables_beside(folder))


async def _serve_emulated(agent: Agent, path: Path, listening: socket.socket) -> None:
    from voicekit.calls.scene import scene_beside  # noqa: PLC0415 - only with --emulate
    from voicekit.calls.stage import staged  # noqa: PLC0415

    scene, emulate = scene_beside(path)
    async with staged(agent, scene) as stage:
        names = ", ".join(stage.emulators)
        where = f"{names} at {stage.address}" if names else "nothing: all of it runs on this machine"
        hears = scene.unannounced if stage.hears else ""
        heard = f'; whatever is said is heard as "{hears}"' if hears else ""
        click.echo(f"{agent.name}: emulated: {where}{heard}", err=True)
        await _serve(stage.agent, path, listening, emulate, hears)


async def _serve(
    agent: Agent, path: Path, listening: socket.socket, emulate: "Emulate | None" = None, hears: str | None = None
) -> None:
    began = time.monotonic()
    click.echo(f"{agent.name}: warming up …", err=True)
    # Pipecat and what it stands on take seconds to import, and log a banner and every prompt unless told not to.
    from loguru import logger  # noqa: PLC0415

    logger.remove()
    from voicekit.runtime.host import Host  # noqa: PLC0415
    from voicekit.server.app import make_app  # noqa: PLC0415
    from voicekit.server.serving import Server  # noqa: PLC0415

    # What is here stays; a live call is not held up by looking through it.
    gc.freeze()
    gc.enable()
    host = Host(agent, path.parent, mocked=emulate is not None, told=_telling(emulate) if emulate else None)
    lines_by = await host.warm_up()
    ready = f"{agent.name}: ready after {time.monotonic() - began:.1f} s: {_who(agent, host.agent)}"
    click.echo(ready, err=True)
    click.echo(f"{agent.name}: lines that must be heard whatever fails: {lines_by}", err=True)
    address = f"http://{_near(agent.server.host)}:{listening.getsockname()[1]}"
    for way in ways_in(agent, address):
        click.echo(f"{agent.name}: {way}", err=True)
    # Printed by the server itself: from then on it takes Ctrl-C as the wish to end its calls first.
    ready_to_talk = f"talk at {address} (Ctrl-C ends it)"
    app = make_app(host, Transcript().listen, lambda: click.echo(ready_to_talk), emulated=hears)

    def draining() -> None:
        left = f"{host.live} live calls may go on for {agent.server.drain_secs} s"
        click.echo(f"{agent.name}: no other calls are taken; {left} (Ctrl-C ends them)", err=True)

    await Server(app, draining).serve(sockets=[listening])


def _telling(emulate: "Emulate") -> "Callable[[Line], Line]":
    from voicekit.calls.evals import telling  # noqa: PLC0415 - only with --emulate

    return telling(emulate)


def _near(host: str) -> str:
    """Return where the talk page is, which answers this machine only."""
    return host if host.startswith("127.") else "[::1]" if ":" in host else "127.0.0.1"


def ways_in(agent: Agent, address: str) -> Iterator[str]:
    """Yield where a file is called besides its page.

    Args:
        agent: The file.
        address: Where it is served, `http://host:port`.
    """
    if agent.transport.type == "websocket":
        yield f"apps connect to {(agent.server.public_url.rstrip('/') or address).replace('http', 'ws', 1)}/ws"
    if agent.server.is_open:
        who = [*(["who has the token"] if agent.server.token else []), *agent.server.origins]
        yield f"from outside this machine: {' and '.join(who)}"
    if agent.transport.type == "twilio" and agent.server.public_url:
        webhook = f"{agent.server.public_url.rstrip('/')}/twilio"
        yield f"{agent.server.public_url} must lead to {address}, by a reverse proxy or a tunnel"
        yield f"in Twilio's console, under your number, 'A call comes in': Webhook, {webhook}, HTTP POST"
    elif agent.transport.type == "twilio":
        yield f"no telephone reaches it: set {PUBLIC_URL} to the address, https://…, that leads to {address}"


def _who(written: Agent, settled: Agent) -> str:
    """Return who hears, thinks and speaks; what stood for another is named with it."""
    named: dict[str, list[str]] = {}
    for before, service in zip(written.services, settled.services, strict=True):
        stood = before.provider.name
        instead = f" ({stood})" if stood != service.provider.name else ""
        named.setdefault(service.kind, []).append(f"{_named(service)}{instead}")
    return ", ".join(f"{kind} {', '.join(names)}" for kind, names in named.items())


def _named(service: Service) -> str:
    return f"{service.provider.name}/{service.model}" if service.model else service.provider.name
