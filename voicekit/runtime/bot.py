"""Bot: Pipecat's own contract, so that a file also runs under Pipecat's runner, on its cloud and in its evals.

from voicekit.runtime.bot import bot_for

bot = bot_for("pipelines/local.yaml")
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from pipecat.runner.types import RunnerArguments
from pipecat.runner.utils import create_transport

from voicekit.config.loader import load
from voicekit.problems import Refused, has_errors
from voicekit.runtime.host import Host
from voicekit.runtime.line import Line
from voicekit.runtime.transport import eval_params, transport_params

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
        transport = await create_transport(runner_args, {"webrtc": transport_params, "eval": eval_params})
        await hosts[0].hold(hosts[0].call(Line(transport), lambda _: None))

    return bot


async def bot(runner_args: RunnerArguments) -> None:
    """Run the file that VOICEKIT_FILE names."""
    await bot_for(os.environ["VOICEKIT_FILE"])(runner_args)
