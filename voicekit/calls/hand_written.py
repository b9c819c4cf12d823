"""Hand-written: pipelines/streaming.yaml as a bot that is written with Pipecat alone, to be measured beside it.

It imports nothing of voicekit. The providers' addresses and their key come from the environment.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.request_handler import SmallWebRTCRequest, SmallWebRTCRequestHandler
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

KEY = os.environ["KEY"]
PROMPT = "You are a helpful concierge. Speak in short, complete sentences. Put the answer first."
GREETING = "Good day. What can I do for you?"


async def hold(connection: SmallWebRTCConnection) -> None:
    """Hold one call."""
    transport = SmallWebRTCTransport(connection, TransportParams(audio_in_enabled=True, audio_out_enabled=True))
    stt = DeepgramSTTService(
        api_key=KEY,
        base_url=os.environ["DEEPGRAM"],
        settings=DeepgramSTTService.Settings(model="nova-3", interim_results=True, endpointing=300),
    )
    llm = OpenAILLMService(
        api_key=KEY,
        base_url=os.environ["OPENAI"],
        settings=OpenAILLMService.Settings(model="gpt-4o-mini", system_instruction=PROMPT),
    )
    tts = ElevenLabsTTSService(
        api_key=KEY,
        url=os.environ["ELEVENLABS"],
        settings=ElevenLabsTTSService.Settings(voice="21m00Tcm4TlvDq8ikWAM", model="eleven_flash_v2_5"),
    )
    user, assistant = LLMContextAggregatorPair(
        LLMContext(), user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    worker = PipelineWorker(
        Pipeline([transport.input(), stt, user, llm, tts, transport.output(), assistant]),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
    )

    async def connected(_transport: SmallWebRTCTransport, _client: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(GREETING))

    async def disconnected(_transport: SmallWebRTCTransport, _client: object) -> None:
        await worker.cancel()

    transport.add_event_handler("on_client_connected", connected)
    transport.add_event_handler("on_client_disconnected", disconnected)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def make_app(address: str) -> FastAPI:
    """Return the app that answers offers, and says on stdout when it does."""
    handler = SmallWebRTCRequestHandler()
    calls = set[asyncio.Task[None]]()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        print(f"talk at {address}", flush=True)  # noqa: T201 - whoever started it waits for this
        yield
        await handler.close()

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/offer")
    async def offer(body: dict[str, Any]) -> dict[str, str] | None:
        async def begin(connection: SmallWebRTCConnection) -> None:
            task = asyncio.create_task(hold(connection))
            calls.add(task)
            task.add_done_callback(calls.discard)

        return await handler.handle_web_request(SmallWebRTCRequest.from_dict(body), begin)

    return app


def main() -> None:
    """Answer calls on a free port of this machine until Ctrl-C."""
    # A bot in service does not log every frame's fate.
    logger.remove()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = make_app(f"http://127.0.0.1:{listening.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
