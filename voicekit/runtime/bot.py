"""Bot: Pipecat's own contract, so that a file also runs under Pipecat's runner, on its cloud and in its evals.

from voicekit.runtime.bot import bot_for

bot = bot_for("pipelines/local.yaml")
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from pipecat.runner.types import RunnerArguments, WebSocketRunnerArguments
from pipecat.runner.utils import create_transport, parse_telephony_websocket

from voicekit.config.loader import load
from voicekit.config.transport import Transport
from voicekit.problems import Refused, has_errors
from voicekit.runtime.host import Host
from voicekit.runtime.line import Line
from voicekit.runtime.sockets import app_line, eval_params, twilio_line
from voicekit.runtime.transport import transport_params

Bot = Callable[[RunnerArguments], Awaitable[None]]


def bot_for(path: str | Path) -> Bot:
    """Return the bot of a file. The file is read when the first call comes.

    Args:
        path: A voicekit file.
    """
    hosts: list[Host] = []

    async def bot(runner_args: RunnerArguments) -> None:
        if not hosts:
            loaded = load(Path(path), os.environ, running=True)
            if loaded.agent is None or has_errors(loaded.problems):
                raise Refused(loaded.problems)
            hosts.append(Host(loaded.agent, Path(path).parent))
        await hosts[0].hold(hosts[0].call(await _line(runner_args, hosts[0].agent.transport), lambda _: None))

    return bot


async def _line(runner_args: RunnerArguments, transport: Transport) -> Line:
    """Return the line that the runner has a caller on. A telephone call is ended by the file's account, if it has one.

    Raises:
        ValueError: It is one that no file can be called on.
    """
    if isinstance(runner_args, WebSocketRunnerArguments) and runner_args.transport_type == "websocket":
        return app_line(transport, runner_args.websocket, {})
    if isinstance(runner_args, WebSocketRunnerArguments):
        kind, data = await parse_telephony_websocket(runner_args.websocket)
        if kind == "twilio":
            hang_up = transport if transport.type == "twilio" else transport.model_copy(update={"hang_up": False})
            return twilio_line(
                hang_up,
                runner_args.websocket,
                stream=data.stream_id or "",
                call=data.call_id or "",
                given=data.body,
                tell=lambda _: None,
            )
    return Line(await create_transport(runner_args, {"webrtc": transport_params, "eval": eval_params}))


async def bot(runner_args: RunnerArguments) -> None:
    """Run the file that VOICEKIT_FILE names."""
    await bot_for(os.environ["VOICEKIT_FILE"])(runner_args)
